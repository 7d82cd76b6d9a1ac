// SPDX-License-Identifier: Apache-2.0
#ifndef CKPT_ADDON_READER_OBJECT_H
#define CKPT_ADDON_READER_OBJECT_H

#include <napi.h>

#include <memory>

#include "addon/pending.h"
#include "addon/wakeup.h"
#include "codec/image_reader.h"

namespace ckpt {

/** ImageReader of src/codec/native.ts. */
class ReaderObject : public Napi::ObjectWrap<ReaderObject> {
 public:
  static Napi::Function define(Napi::Env env);
  /** (options: ReaderOptions) */
  explicit ReaderObject(const Napi::CallbackInfo& info);
  ~ReaderObject() override;

 private:
  Napi::Value begin(const Napi::CallbackInfo& info);
  Napi::Value next(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);
  Napi::Value bytesRead(const Napi::CallbackInfo& info);

  void refuseWhilePending(Napi::Env env) const;
  void settle();
  /** Throws a CodecError of kind cancelled after close(). */
  ImageReader& reader();
  Napi::Object batchOf(Napi::Env env, ReaderBatch batch);

  std::unique_ptr<Wakeup> wakeup_;
  std::unique_ptr<ImageReader> reader_;  // until close()
  uint64_t bytesRead_ = 0;               // after it
  // While one is pending, the object is kept and the process does not end.
  Pending beginning_;
  Pending waiting_;
};

}  // namespace ckpt

#endif  // CKPT_ADDON_READER_OBJECT_H
