// SPDX-License-Identifier: Apache-2.0
#include "addon/index_object.h"

#include "addon/convert.h"

namespace ckpt {

Napi::Function IndexObject::define(Napi::Env env) {
  return DefineClass(env, "PageIndex",
                     {InstanceMethod<&IndexObject::load>("load"), InstanceAccessor<&IndexObject::pages>("pages"),
                      InstanceAccessor<&IndexObject::bytes>("bytes"), InstanceAccessor<&IndexObject::packs>("packs")});
}

IndexObject::IndexObject(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<IndexObject>(info), index_(std::make_shared<PageIndex>(stringOf(info[0], "packsDir"))) {}

Napi::Value IndexObject::load(const Napi::CallbackInfo& info) {
  if (!info[0].IsArray()) throw Napi::TypeError::New(info.Env(), "ids: an array expected");
  const auto array = info[0].As<Napi::Array>();
  std::vector<Hash> ids;
  ids.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); i++) ids.push_back(packIdOf(array.Get(i)));
  return promiseOf<bool>(
      info.Env(),
      [index = index_, ids = std::move(ids)] {
        index->load(ids);
        return true;
      },
      [](Napi::Env env, bool&) { return env.Undefined(); });
}

Napi::Value IndexObject::pages(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(index_->pages()));
}

Napi::Value IndexObject::bytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(index_->memoryBytes()));
}

Napi::Value IndexObject::packs(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(index_->packs()));
}

}  // namespace ckpt
