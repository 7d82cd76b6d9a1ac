// SPDX-License-Identifier: Apache-2.0
#include "addon/index_object.h"

#include <unordered_map>

#include "addon/convert.h"

namespace ckpt {

Napi::Function IndexObject::define(Napi::Env env) {
  return DefineClass(env, "PageIndex",
                     {InstanceMethod<&IndexObject::load>("load"), InstanceMethod<&IndexObject::forget>("forget"),
                      InstanceMethod<&IndexObject::keepOnly>("keepOnly"), InstanceMethod<&IndexObject::find>("find"),
                      InstanceAccessor<&IndexObject::pages>("pages"), InstanceAccessor<&IndexObject::bytes>("bytes"),
                      InstanceAccessor<&IndexObject::packs>("packs")});
}

IndexObject::IndexObject(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<IndexObject>(info), index_(std::make_shared<PageIndex>(stringOf(info[0], "packsDir"))) {}

namespace {

std::vector<Hash> idsOf(const Napi::Value& value) {
  if (!value.IsArray()) throw Napi::TypeError::New(value.Env(), "ids: an array expected");
  const auto array = value.As<Napi::Array>();
  std::vector<Hash> ids;
  ids.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); i++) ids.push_back(packIdOf(array.Get(i)));
  return ids;
}

struct FoundPages {
  std::vector<Hash> packs;
  Bytes places;  // two u32 a page: index into packs or ~0, slot
};

FoundPages findPages(PageIndex& index, const Bytes& hashes) {
  const size_t count = hashes.size() / kHashBytes;
  std::vector<Hash> wanted(count);
  memcpy(wanted.data(), hashes.data(), count * kHashBytes);
  std::vector<uint8_t> all(count, 1), found(count);
  std::vector<PagePlace> places(count);
  index.find(wanted.data(), all.data(), count, 0, places.data(), found.data());
  FoundPages result;
  std::unordered_map<uint32_t, uint32_t> numbers;
  for (size_t i = 0; i < count; i++) {
    uint32_t pack = ~uint32_t{0};
    if (found[i]) {
      const auto [at, isNew] = numbers.try_emplace(places[i].pack, static_cast<uint32_t>(result.packs.size()));
      if (isNew) result.packs.push_back(index.idOf(places[i].pack));
      pack = at->second;
    }
    append(result.places, pack);
    append(result.places, static_cast<uint32_t>(found[i] ? places[i].slot : 0));
  }
  return result;
}

}  // namespace

Napi::Value IndexObject::forget(const Napi::CallbackInfo& info) {
  index_->forget(idsOf(info[0]));
  return info.Env().Undefined();
}

Napi::Value IndexObject::keepOnly(const Napi::CallbackInfo& info) {
  index_->keepOnly(idsOf(info[0]));
  return info.Env().Undefined();
}

Napi::Value IndexObject::find(const Napi::CallbackInfo& info) {
  const auto buffer = anyBufferOf(info[0], "hashes");
  Bytes hashes(buffer.Data(), buffer.Data() + buffer.Length());
  return promiseOf<FoundPages>(
      info.Env(), [index = index_, hashes = std::move(hashes)] { return findPages(*index, hashes); },
      [](Napi::Env env, FoundPages& found) -> Napi::Value {
        Napi::Object result = Napi::Object::New(env);
        Napi::Array packs = Napi::Array::New(env, found.packs.size());
        for (uint32_t i = 0; i < found.packs.size(); i++) packs.Set(i, hexOf(found.packs[i]));
        result.Set("packs", packs);
        result.Set("places", bufferOf(env, std::move(found.places)));
        return result;
      });
}

Napi::Value IndexObject::load(const Napi::CallbackInfo& info) {
  std::vector<Hash> ids = idsOf(info[0]);
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
