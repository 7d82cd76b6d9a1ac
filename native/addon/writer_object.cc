// SPDX-License-Identifier: Apache-2.0
#include "addon/writer_object.h"

#include "addon/convert.h"
#include "codec/error.h"

namespace ckpt {

Napi::Function WriterObject::define(Napi::Env env) {
  return DefineClass(env, "ImageWriter",
                     {InstanceMethod<&WriterObject::push>("push"), InstanceMethod<&WriterObject::finish>("finish"),
                      InstanceMethod<&WriterObject::close>("close"), InstanceMethod<&WriterObject::brought>("brought"),
                      InstanceAccessor<&WriterObject::bytesWritten>("bytesWritten")});
}

WriterObject::WriterObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<WriterObject>(info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsObject()) throw Napi::TypeError::New(env, "options expected");
  const auto from = info[0].As<Napi::Object>();
  WriterOptions options;
  options.fd = intOf(from.Get("fd"), "fd");
  options.identity = identityOf(from.Get("identity"));
  options.packsDir = stringOf(from.Get("packsDir"), "packsDir");
  options.trustPacks = from.Get("trustPacks").ToBoolean();
  if (options.trustPacks && options.fd >= 0)
    throw Napi::TypeError::New(env, "trustPacks: only where nothing is written");
  if (!from.Get("threads").IsUndefined()) options.threads = threadsOf(from.Get("threads"));
  if (from.Get("frugal").ToBoolean()) {
    options.threads = 1;
    options.chunksMax = 1;
    options.openPacksMax = 4;
    options.eventBytesMax = 512 << 10;
  }
  if (!from.Get("openPacksMax").IsUndefined()) {
    const int packs = intOf(from.Get("openPacksMax"), "openPacksMax");
    if (packs < 1) throw Napi::RangeError::New(env, "openPacksMax: at least 1 expected");
    options.openPacksMax = std::min(options.openPacksMax, static_cast<size_t>(packs));
  }
  if (from.Get("bring").IsFunction()) {
    bring_ = Napi::Persistent(from.Get("bring").As<Napi::Function>());
    options.supplied = true;
  }
  if (from.Get("range").IsObject()) {
    const auto range = from.Get("range").As<Napi::Object>();
    options.firstByte = offsetOf(range.Get("first"), "first");
    options.endByte = offsetOf(range.Get("end"), "end");
  }
  const Napi::Value segments = from.Get("segments");
  if (!segments.IsUndefined()) {
    if (!segments.IsTypedArray() || segments.As<Napi::TypedArray>().TypedArrayType() != napi_float64_array) {
      throw Napi::TypeError::New(env, "segments: a Float64Array expected");
    }
    const auto pages = segments.As<Napi::Float64Array>();
    options.memory = true;
    for (size_t i = 0; i + 1 < pages.ElementLength(); i += 2) {
      const WriterOptions::Segment segment{static_cast<uint64_t>(pages[i]), static_cast<uint64_t>(pages[i + 1])};
      const bool ascends = options.segments.empty() || options.segments.back().endPage <= segment.firstPage;
      if (!ascends || segment.endPage < segment.firstPage)
        throw Napi::RangeError::New(env, "segments: they do not ascend");
      options.segments.push_back(segment);
    }
  }
  wakeup_ = std::make_unique<Wakeup>(
      env, [this] { settle(); },
      [this] {
        if (writer_) writer_->close();
      });
  try {
    writer_ = std::make_unique<ImageWriter>(options, [wakeup = wakeup_.get()] { wakeup->signal(); });
  } catch (const std::exception&) {
    throw Napi::Error(env, errorOf(env, std::current_exception()));
  }
}

WriterObject::~WriterObject() { writer_ = nullptr; }

Napi::Value WriterObject::push(const Napi::CallbackInfo& info) {
  if (finishAsked_) throw Napi::Error::New(info.Env(), "finish() was called");
  eachEvent(info[0], [&](bool pages, const Napi::Buffer<uint8_t>& value) {
    if (writer_) writer_->push(StreamEvent{pages, Bytes(value.Data(), value.Data() + value.Length())});
  });
  const Napi::Promise promise = pushing_.add(info.Env());
  settle();
  return promise;
}

Napi::Value WriterObject::finish(const Napi::CallbackInfo& info) {
  if (finishAsked_) throw Napi::Error::New(info.Env(), "finish() was called");
  finishAsked_ = true;
  const Napi::Promise promise = finishing_.add(info.Env());
  if (writer_) writer_->finish();
  settle();
  return promise;
}

// Settles what can be settled; keeps the object and the process while something cannot.
void WriterObject::settle() {
  const Napi::Env env = Env();
  const Napi::HandleScope scope(env);
  pushing_.settle(env, [&] { return writer().hasRoom() ? env.Undefined() : Napi::Value(); });
  finishing_.settle(env, [&]() -> Napi::Value {
    const auto summary = writer().takeFinished();
    if (!summary) return {};
    Napi::Object result = Napi::Object::New(env);
    result.Set("bytes", Napi::Number::New(env, static_cast<double>(summary->bytes)));
    result.Set("pages", Napi::Number::New(env, static_cast<double>(summary->pages)));
    result.Set("digest", hexOf(summary->digest));
    return result;
  });
  askForPacks();
  wakeup_->hold(*this, !pushing_.empty() || !finishing_.empty());
}

void WriterObject::askForPacks() {
  if (!writer_ || bring_.IsEmpty()) return;
  for (const Hash& id : writer_->takeWanted()) bring_.Call({Napi::String::New(Env(), hexOf(id))});
}

void WriterObject::brought(const Napi::CallbackInfo& info) {
  const Hash id = packIdOf(info[0]);
  if (writer_ && !bring_.IsEmpty()) writer_->brought(id);
}

// Descriptors and memory go now, not when the object happens to be collected.
void WriterObject::close(const Napi::CallbackInfo&) {
  if (!writer_) return;
  writer_->close();
  settle();
  bytesWritten_ = writer_->bytesWritten();
  writer_ = nullptr;
}

ImageWriter& WriterObject::writer() {
  if (!writer_) throw cancelledError();
  return *writer_;
}

Napi::Value WriterObject::bytesWritten(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(writer_ ? writer_->bytesWritten() : bytesWritten_));
}

}  // namespace ckpt
