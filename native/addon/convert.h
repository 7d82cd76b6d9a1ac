// SPDX-License-Identifier: Apache-2.0
//
// Between JavaScript's values and the codec's.
#ifndef CKPT_ADDON_CONVERT_H
#define CKPT_ADDON_CONVERT_H

#include <napi.h>

#include <exception>
#include <functional>
#include <string>

#include "codec/bytes.h"
#include "codec/pack_builder.h"
#include "codec/pack_file.h"
#include "codec/page_hasher.h"

namespace ckpt {

/** The Error of src/codec/native.ts's CodecError, from whatever was thrown. */
Napi::Value errorOf(Napi::Env env, const std::exception_ptr& error);

/** A Buffer that owns the bytes; larger ones are handed over, not copied. */
Napi::Value bufferOf(Napi::Env env, Bytes bytes);
/** A pack of ReaderBatch; its bytes are taken. */
Napi::Object packObject(Napi::Env env, Pack& pack);
Napi::Object reportOf(Napi::Env env, const PackReport& report);

/** A Buffer of exactly N bytes. Throws a TypeError. */
template <size_t N>
std::array<uint8_t, N> bytesOf(const Napi::Value& value, const char* name) {
  if (!value.IsBuffer() || value.As<Napi::Buffer<uint8_t>>().Length() != N) {
    throw Napi::TypeError::New(value.Env(),
                               std::string(name) + ": a Buffer of " + std::to_string(N) + " bytes expected");
  }
  std::array<uint8_t, N> bytes;
  memcpy(bytes.data(), value.As<Napi::Buffer<uint8_t>>().Data(), N);
  return bytes;
}

/** Throw a TypeError when the value is of another type. */
std::string stringOf(const Napi::Value& value, const char* name);
int intOf(const Napi::Value& value, const char* name);
/** A whole number from 0 to 2^53. */
uint64_t offsetOf(const Napi::Value& value, const char* name);
Napi::Buffer<uint8_t> anyBufferOf(const Napi::Value& value, const char* name);
/** How many worker threads: 1 to 64. Throws a RangeError. */
unsigned threadsOf(const Napi::Value& value);
/** The events of an array of {type: 'record' | 'pages', value: Buffer}, one after the other. Throws a TypeError. */
void eachEvent(const Napi::Value& events,
               const std::function<void(bool pages, const Napi::Buffer<uint8_t>& value)>& take);
/** An object {hash: 'blake3' | 'sha256', salt: 32 bytes}. Throws a TypeError. */
PageIdentity identityOf(const Napi::Value& value);
/** A pack id: 64 lower-case hex digits. */
Hash packIdOf(const Napi::Value& value);

/** Runs `work` on a thread of libuv's pool and settles a promise with what `convert` makes of its result. */
template <typename Result>
Napi::Value promiseOf(Napi::Env env, std::function<Result()> work,
                      std::function<Napi::Value(Napi::Env, Result&)> convert) {
  class Worker : public Napi::AsyncWorker {
   public:
    Worker(Napi::Env env, std::function<Result()> work, std::function<Napi::Value(Napi::Env, Result&)> convert)
        : Napi::AsyncWorker(env, "ckpt"), deferred_(env), work_(std::move(work)), convert_(std::move(convert)) {}
    Napi::Promise promise() const { return deferred_.Promise(); }

   protected:
    void Execute() override {
      try {
        result_ = work_();
      } catch (...) {
        error_ = std::current_exception();
      }
    }
    void OnOK() override {
      if (error_) {
        deferred_.Reject(errorOf(Env(), error_));
      } else {
        deferred_.Resolve(convert_(Env(), result_));
      }
    }

   private:
    Napi::Promise::Deferred deferred_;
    std::function<Result()> work_;
    std::function<Napi::Value(Napi::Env, Result&)> convert_;
    Result result_{};
    std::exception_ptr error_;
  };
  auto* worker = new Worker(env, std::move(work), std::move(convert));
  const Napi::Promise promise = worker->promise();
  worker->Queue();  // deletes itself when it is done
  return promise;
}

}  // namespace ckpt

#endif  // CKPT_ADDON_CONVERT_H
