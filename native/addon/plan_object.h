// SPDX-License-Identifier: Apache-2.0
//
// PlanBuilder of src/codec/native.ts.
#ifndef CKPT_ADDON_PLAN_OBJECT_H
#define CKPT_ADDON_PLAN_OBJECT_H

#include <napi.h>

#include <memory>

#include "codec/plan_builder.h"

namespace ckpt {

class PlanObject : public Napi::ObjectWrap<PlanObject> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit PlanObject(const Napi::CallbackInfo& info);

 private:
  void push(const Napi::CallbackInfo& info);
  Napi::Value finish(const Napi::CallbackInfo& info);

  std::unique_ptr<PlanBuilder> builder_;
};

}  // namespace ckpt

#endif  // CKPT_ADDON_PLAN_OBJECT_H
