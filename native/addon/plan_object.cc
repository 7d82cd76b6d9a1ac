// SPDX-License-Identifier: Apache-2.0
#include "addon/plan_object.h"

#include "addon/convert.h"

namespace ckpt {

Napi::Function PlanObject::define(Napi::Env env) {
  return DefineClass(env, "PlanBuilder",
                     {InstanceMethod<&PlanObject::push>("push"), InstanceMethod<&PlanObject::finish>("finish")});
}

PlanObject::PlanObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<PlanObject>(info) {
  if (!info[0].IsObject()) throw Napi::TypeError::New(info.Env(), "options expected");
  const auto from = info[0].As<Napi::Object>();
  builder_ =
      std::make_unique<PlanBuilder>(stringOf(from.Get("checkpoint"), "checkpoint"), identityOf(from.Get("identity")));
}

void PlanObject::push(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  try {
    eachEvent(info[0], [&](bool pages, const Napi::Buffer<uint8_t>& value) {
      if (pages) {
        builder_->pages(value.Data(), value.Length());
      } else {
        builder_->record(value.Data(), value.Length());
      }
    });
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception&) {
    throw Napi::Error(env, errorOf(env, std::current_exception()));
  }
}

Napi::Value PlanObject::finish(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsNumber()) throw Napi::TypeError::New(env, "imageBytes: a number expected");
  try {
    return Napi::Number::New(
        env, builder_->finish(static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value())).release());
  } catch (const std::exception&) {
    throw Napi::Error(env, errorOf(env, std::current_exception()));
  }
}

}  // namespace ckpt
