// SPDX-License-Identifier: Apache-2.0
#ifndef CKPT_ADDON_INDEX_OBJECT_H
#define CKPT_ADDON_INDEX_OBJECT_H

#include <napi.h>

#include <memory>

#include "codec/page_index.h"

namespace ckpt {

/** PageIndex of src/codec/native.ts. */
class IndexObject : public Napi::ObjectWrap<IndexObject> {
 public:
  static Napi::Function define(Napi::Env env);
  /** (packsDir: string) */
  explicit IndexObject(const Napi::CallbackInfo& info);
  const std::shared_ptr<PageIndex>& index() const { return index_; }

 private:
  Napi::Value load(const Napi::CallbackInfo& info);
  Napi::Value forget(const Napi::CallbackInfo& info);
  Napi::Value keepOnly(const Napi::CallbackInfo& info);
  Napi::Value find(const Napi::CallbackInfo& info);
  Napi::Value pages(const Napi::CallbackInfo& info);
  Napi::Value bytes(const Napi::CallbackInfo& info);
  Napi::Value packs(const Napi::CallbackInfo& info);

  std::shared_ptr<PageIndex> index_;
};

}  // namespace ckpt

#endif  // CKPT_ADDON_INDEX_OBJECT_H
