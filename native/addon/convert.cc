// SPDX-License-Identifier: Apache-2.0
#include "addon/convert.h"

#include "codec/error.h"

namespace ckpt {

namespace {

// Below this a copy is cheaper than a Buffer with a finalizer of its own.
constexpr size_t kCopyBytesMax = 4096;
// V8 collects when 64 MiB of what it does not see itself have come together. Packs are large and soon done with: said to be
// more than they are, they go after some 20 MiB.
constexpr size_t kExternalWeight = 2;

const char* nameOf(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kImage:
      return "image";
    case ErrorKind::kPack:
      return "pack";
    case ErrorKind::kEvent:
      return "event";
    case ErrorKind::kIo:
      return "io";
    case ErrorKind::kCancelled:
      return "cancelled";
  }
  return "io";
}

}  // namespace

Napi::Value errorOf(Napi::Env env, const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const CodecError& codec) {
    Napi::Object object = Napi::Error::New(env, codec.message).Value();
    object.Set("code", "CKPT_CODEC");
    object.Set("kind", nameOf(codec.kind));
    if (codec.offset) object.Set("offset", Napi::Number::New(env, static_cast<double>(*codec.offset)));
    if (!codec.record.empty()) object.Set("record", codec.record);
    if (!codec.pack.empty()) object.Set("pack", codec.pack);
    if (!codec.errnoName.empty()) object.Set("errno", codec.errnoName);
    return object;
  } catch (const std::exception& other) {
    Napi::Object object = Napi::Error::New(env, std::string("native codec: ") + other.what()).Value();
    object.Set("code", "CKPT_CODEC");
    object.Set("kind", "io");
    return object;
  }
}

Napi::Value bufferOf(Napi::Env env, Bytes bytes) {
  if (bytes.size() <= kCopyBytesMax) return Napi::Buffer<uint8_t>::Copy(env, bytes.data(), bytes.size());
  auto* owned = new Bytes(std::move(bytes));
  const auto weight = static_cast<int64_t>(owned->size() * kExternalWeight);
  Napi::MemoryManagement::AdjustExternalMemory(env, weight);
  return Napi::Buffer<uint8_t>::New(
      env, owned->data(), owned->size(),
      [](Napi::Env env, uint8_t*, Bytes* hint) {
        Napi::MemoryManagement::AdjustExternalMemory(env, -static_cast<int64_t>(hint->size() * kExternalWeight));
        delete hint;
      },
      owned);
}

Napi::Object packObject(Napi::Env env, Pack& pack) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("id", hexOf(pack.id));
  object.Set("pages", Napi::Number::New(env, pack.pages));
  object.Set("rawBytes", Napi::Number::New(env, static_cast<double>(pack.pages) * kPageBytes));
  object.Set("bytes", bufferOf(env, std::move(pack.bytes)));
  return object;
}

Napi::Object reportOf(Napi::Env env, const PackReport& report) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("pages", Napi::Number::New(env, report.pages));
  object.Set("rawBytes", Napi::Number::New(env, static_cast<double>(report.rawBytes)));
  object.Set("storedBytes", Napi::Number::New(env, static_cast<double>(report.storedBytes)));
  object.Set("stream", report.stream);
  return object;
}

std::string stringOf(const Napi::Value& value, const char* name) {
  if (!value.IsString()) throw Napi::TypeError::New(value.Env(), std::string(name) + ": a string expected");
  return value.As<Napi::String>();
}

int intOf(const Napi::Value& value, const char* name) {
  if (!value.IsNumber()) throw Napi::TypeError::New(value.Env(), std::string(name) + ": a number expected");
  return value.As<Napi::Number>().Int32Value();
}

uint64_t offsetOf(const Napi::Value& value, const char* name) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (!(number >= 0 && number <= 9007199254740992.0)) {
    throw Napi::TypeError::New(value.Env(), std::string(name) + ": an offset expected");
  }
  return static_cast<uint64_t>(number);
}

Napi::Buffer<uint8_t> anyBufferOf(const Napi::Value& value, const char* name) {
  if (!value.IsBuffer()) throw Napi::TypeError::New(value.Env(), std::string(name) + ": a Buffer expected");
  return value.As<Napi::Buffer<uint8_t>>();
}

unsigned threadsOf(const Napi::Value& value) {
  const int threads = intOf(value, "threads");
  if (threads < 1 || threads > 64) throw Napi::RangeError::New(value.Env(), "threads: 1 to 64 expected");
  return static_cast<unsigned>(threads);
}

void eachEvent(const Napi::Value& events,
               const std::function<void(bool pages, const Napi::Buffer<uint8_t>& value)>& take) {
  const Napi::Env env = events.Env();
  if (!events.IsArray()) throw Napi::TypeError::New(env, "events: an array expected");
  const auto array = events.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); i++) {
    const Napi::HandleScope scope(env);
    const Napi::Value element = array.Get(i);
    if (!element.IsObject()) throw Napi::TypeError::New(env, "events: objects expected");
    const auto object = element.As<Napi::Object>();
    const std::string type = stringOf(object.Get("type"), "type");
    if (type != "record" && type != "pages") throw Napi::TypeError::New(env, "type: record or pages expected");
    take(type == "pages", anyBufferOf(object.Get("value"), "value"));
  }
}

PageIdentity identityOf(const Napi::Value& value) {
  if (!value.IsObject()) throw Napi::TypeError::New(value.Env(), "identity: an object {hash, salt} expected");
  const auto from = value.As<Napi::Object>();
  const std::string hash = stringOf(from.Get("hash"), "identity.hash");
  if (hash != "blake3" && hash != "sha256") {
    throw Napi::TypeError::New(value.Env(), "identity.hash: 'blake3' or 'sha256' expected");
  }
  return {hash == "blake3" ? PageHash::kBlake3 : PageHash::kSha256, bytesOf<32>(from.Get("salt"), "identity.salt")};
}

Hash packIdOf(const Napi::Value& value) {
  const auto id = hashOfHex(stringOf(value, "pack id"));
  if (!id) throw Napi::TypeError::New(value.Env(), "pack id: 64 lower-case hex digits expected");
  return *id;
}

}  // namespace ckpt
