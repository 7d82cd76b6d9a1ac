// SPDX-License-Identifier: Apache-2.0
#ifndef CKPT_ADDON_WRITER_OBJECT_H
#define CKPT_ADDON_WRITER_OBJECT_H

#include <napi.h>

#include <memory>

#include "addon/pending.h"
#include "addon/wakeup.h"
#include "codec/image_writer.h"

namespace ckpt {

/** ImageWriter of src/codec/native.ts. */
class WriterObject : public Napi::ObjectWrap<WriterObject> {
 public:
  static Napi::Function define(Napi::Env env);
  /** (options: WriterOptions) */
  explicit WriterObject(const Napi::CallbackInfo& info);
  ~WriterObject() override;

 private:
  Napi::Value push(const Napi::CallbackInfo& info);
  Napi::Value finish(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);
  void brought(const Napi::CallbackInfo& info);
  Napi::Value bytesWritten(const Napi::CallbackInfo& info);
  void settle();
  void askForPacks();
  /** Throws a CodecError of kind cancelled after close(). */
  ImageWriter& writer();

  Napi::FunctionReference bring_;  // empty: every pack is there
  std::unique_ptr<Wakeup> wakeup_;
  std::unique_ptr<ImageWriter> writer_;  // until close()
  uint64_t bytesWritten_ = 0;            // after it
  // While one is pending, the object is kept and the process does not end.
  Pending pushing_;
  Pending finishing_;
  bool finishAsked_ = false;
};

}  // namespace ckpt

#endif  // CKPT_ADDON_WRITER_OBJECT_H
