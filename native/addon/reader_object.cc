// SPDX-License-Identifier: Apache-2.0
#include "addon/reader_object.h"

#include "addon/convert.h"
#include "addon/index_object.h"
#include "codec/error.h"

namespace ckpt {

Napi::Function ReaderObject::define(Napi::Env env) {
  return DefineClass(
      env, "ImageReader",
      {InstanceMethod<&ReaderObject::begin>("begin"), InstanceMethod<&ReaderObject::next>("next"),
       InstanceMethod<&ReaderObject::close>("close"), InstanceAccessor<&ReaderObject::bytesRead>("bytesRead")});
}

ReaderObject::ReaderObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ReaderObject>(info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsObject()) throw Napi::TypeError::New(env, "options expected");
  const auto from = info[0].As<Napi::Object>();
  ReaderOptions options;
  options.fd = intOf(from.Get("fd"), "fd");
  options.identity = identityOf(from.Get("identity"));
  options.logId = bytesOf<16>(from.Get("logId"), "logId");
  options.stream = from.Get("stream").ToBoolean();
  if (!from.Get("level").IsUndefined()) options.level = intOf(from.Get("level"), "level");
  if (!from.Get("threads").IsUndefined()) options.threads = threadsOf(from.Get("threads"));
  const Napi::Value index = from.Get("index");
  if (index.IsObject()) options.index = IndexObject::Unwrap(index.As<Napi::Object>())->index();
  wakeup_ = std::make_unique<Wakeup>(
      env, [this] { settle(); },
      [this] {
        if (reader_) reader_->close();
      });
  try {
    reader_ = std::make_unique<ImageReader>(options, [wakeup = wakeup_.get()] { wakeup->signal(); });
  } catch (const std::exception&) {
    throw Napi::Error(env, errorOf(env, std::current_exception()));
  }
}

ReaderObject::~ReaderObject() { reader_ = nullptr; }

Napi::Value ReaderObject::begin(const Napi::CallbackInfo& info) {
  const std::string checkpoint = stringOf(info[0], "checkpoint");
  if (checkpoint.size() > sizeof(pack_header::stream)) {
    throw Napi::RangeError::New(info.Env(), "checkpoint: at most 32 bytes");
  }
  refuseWhilePending(info.Env());
  if (reader_) reader_->begin(checkpoint);
  const Napi::Promise promise = beginning_.add(info.Env());
  settle();
  return promise;
}

Napi::Value ReaderObject::next(const Napi::CallbackInfo& info) {
  refuseWhilePending(info.Env());
  const Napi::Promise promise = waiting_.add(info.Env());
  settle();
  return promise;
}

void ReaderObject::refuseWhilePending(Napi::Env env) const {
  if (!beginning_.empty() || !waiting_.empty()) throw Napi::Error::New(env, "a begin() or next() is pending");
}

// Settles what can be settled; keeps the object and the process while something cannot.
void ReaderObject::settle() {
  const Napi::Env env = Env();
  const Napi::HandleScope scope(env);
  beginning_.settle(env, [&]() -> Napi::Value {
    const auto begun = reader().takeBegun();
    return begun ? Napi::Boolean::New(env, *begun) : Napi::Value();
  });
  waiting_.settle(env, [&]() -> Napi::Value {
    auto batch = reader().takeBatch();
    return batch ? batchOf(env, std::move(*batch)) : Napi::Value();
  });
  wakeup_->hold(*this, !beginning_.empty() || !waiting_.empty());
}

Napi::Object ReaderObject::batchOf(Napi::Env env, ReaderBatch batch) {
  Napi::Object object = Napi::Object::New(env);
  Napi::Array packs = Napi::Array::New(env, batch.packs.size());
  for (uint32_t i = 0; i < batch.packs.size(); i++) packs.Set(i, packObject(env, batch.packs[i]));
  object.Set("packs", packs);
  Napi::Array events = Napi::Array::New(env, batch.events.size());
  const Napi::String record = Napi::String::New(env, "record");
  const Napi::String pages = Napi::String::New(env, "pages");
  for (uint32_t i = 0; i < batch.events.size(); i++) {
    const Napi::HandleScope scope(env);
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("type", batch.events[i].pages ? pages : record);
    entry.Set("value", bufferOf(env, std::move(batch.events[i].value)));
    events.Set(i, entry);
  }
  object.Set("events", events);
  if (batch.image) {
    const ImageSummary& summary = *batch.image;
    Napi::Object image = Napi::Object::New(env);
    const auto set = [&](const char* name, uint64_t value) {
      image.Set(name, Napi::Number::New(env, static_cast<double>(value)));
    };
    set("formatVersion", static_cast<uint64_t>(summary.totals.formatVersion));
    set("bytes", summary.totals.bytes);
    set("records", summary.totals.records);
    set("pages", summary.totals.pages);
    set("zeroPages", summary.zeroPages);
    set("newPages", summary.newPages);
    set("newPacks", summary.newPacks);
    set("storedBytes", summary.storedBytes);
    image.Set("digest", hexOf(summary.digest));
    object.Set("image", image);
  }
  return object;
}

// Descriptors and memory go now, not when the object happens to be collected.
void ReaderObject::close(const Napi::CallbackInfo&) {
  if (!reader_) return;
  reader_->close();
  settle();
  bytesRead_ = reader_->bytesRead();
  reader_ = nullptr;
}

ImageReader& ReaderObject::reader() {
  if (!reader_) throw cancelledError();
  return *reader_;
}

Napi::Value ReaderObject::bytesRead(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(reader_ ? reader_->bytesRead() : bytesRead_));
}

}  // namespace ckpt
