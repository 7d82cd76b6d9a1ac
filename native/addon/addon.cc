// SPDX-License-Identifier: Apache-2.0
//
// The addon's exports: Codec of src/codec/native.ts.
#include <fcntl.h>
#include <napi.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "addon/convert.h"
#include "addon/index_object.h"
#include "addon/plan_object.h"
#include "addon/reader_object.h"
#include "addon/writer_object.h"
#include "codec/crc32c.h"
#include "codec/error.h"
#include "codec/pack_mend.h"
#include "codec/pack_repack.h"
#include "codec/pages_event.h"

namespace ckpt {

namespace {

struct Classes {
  Napi::FunctionReference index;
  Napi::FunctionReference plan;
  Napi::FunctionReference reader;
  Napi::FunctionReference writer;
};

// Makes what threw a CodecError throw its Error.
template <Napi::Value (*call)(const Napi::CallbackInfo&)>
Napi::Value guarded(const Napi::CallbackInfo& info) {
  try {
    return call(info);
  } catch (const CodecError&) {
    throw Napi::Error(info.Env(), errorOf(info.Env(), std::current_exception()));
  }
}

Napi::Value openIndex(const Napi::CallbackInfo& info) {
  return info.Env().GetInstanceData<Classes>()->index.New({info[0]});
}

Napi::Value openPlan(const Napi::CallbackInfo& info) {
  return info.Env().GetInstanceData<Classes>()->plan.New({info[0]});
}

Napi::Value openReader(const Napi::CallbackInfo& info) {
  return info.Env().GetInstanceData<Classes>()->reader.New({info[0]});
}

Napi::Value openWriter(const Napi::CallbackInfo& info) {
  return info.Env().GetInstanceData<Classes>()->writer.New({info[0]});
}

Napi::Value makePipe(const Napi::CallbackInfo& info) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) throw ioError("pipe", errno);
  (void)fcntl(ends[0], F_SETPIPE_SZ, kPipeBytes);
  Napi::Object object = Napi::Object::New(info.Env());
  object.Set("readFd", ends[0]);
  object.Set("writeFd", ends[1]);
  return object;
}

Napi::Value verifyPack(const Napi::CallbackInfo& info) {
  const std::string path = stringOf(info[0], "path");
  const std::string id = stringOf(info[1], "id");
  const PageIdentity identity = identityOf(info[2]);
  return promiseOf<PackReport>(
      info.Env(), [path, id, identity] { return PackFile::verify(path, id, identity); },
      [](Napi::Env env, PackReport& report) -> Napi::Value { return reportOf(env, report); });
}

Napi::Value soundPages(const Napi::CallbackInfo& info) {
  const std::string path = stringOf(info[0], "path");
  const Hash id = packIdOf(info[1]);
  const PageIdentity identity = identityOf(info[2]);
  return promiseOf<Bytes>(
      info.Env(), [path, id, identity] { return soundSlots(path, id, identity); },
      [](Napi::Env env, Bytes& slots) { return bufferOf(env, std::move(slots)); });
}

Napi::Value mend(const Napi::CallbackInfo& info) {
  const std::string path = stringOf(info[0], "path");
  const Hash id = packIdOf(info[1]);
  const PageIdentity identity = identityOf(info[2]);
  if (!info[3].IsObject()) throw Napi::TypeError::New(info.Env(), "facts expected");
  const auto from = info[3].As<Napi::Object>();
  PackFacts facts;
  facts.pages = static_cast<uint32_t>(intOf(from.Get("pages"), "pages"));
  facts.storedBytes = static_cast<uint64_t>(intOf(from.Get("storedBytes"), "storedBytes"));
  facts.stream = stringOf(from.Get("stream"), "stream");
  facts.logId = bytesOf<16>(from.Get("logId"), "logId");
  return promiseOf<std::optional<MendedPack>>(
      info.Env(), [path, id, identity, facts] { return mendPack(path, id, identity, facts); },
      [](Napi::Env env, std::optional<MendedPack>& mended) -> Napi::Value {
        if (!mended) return env.Null();
        Napi::Object result = Napi::Object::New(env);
        result.Set("bytes", bufferOf(env, std::move(mended->bytes)));
        result.Set("whole", mended->whole);
        return result;
      });
}

Napi::Value repack(const Napi::CallbackInfo& info) {
  if (!info[0].IsArray() || !info[1].IsObject()) throw Napi::TypeError::New(info.Env(), "sources and options expected");
  const auto array = info[0].As<Napi::Array>();
  std::vector<RepackSource> sources;
  for (uint32_t i = 0; i < array.Length(); i++) {
    const auto from = array.Get(i).As<Napi::Object>();
    const auto slots = anyBufferOf(from.Get("slots"), "slots");
    sources.push_back(RepackSource{stringOf(from.Get("path"), "path"), packIdOf(from.Get("id")),
                                   Bytes(slots.Data(), slots.Data() + slots.Length())});
  }
  const auto from = info[1].As<Napi::Object>();
  RepackOptions options;
  options.identity = identityOf(from.Get("identity"));
  options.logId = bytesOf<16>(from.Get("logId"), "logId");
  options.stream = stringOf(from.Get("stream"), "stream");
  if (!from.Get("level").IsUndefined()) options.level = intOf(from.Get("level"), "level");
  return promiseOf<Repacked>(
      info.Env(), [sources = std::move(sources), options] { return repackPages(sources, options); },
      [](Napi::Env env, Repacked& repacked) -> Napi::Value {
        Napi::Object result = Napi::Object::New(env);
        Napi::Array packs = Napi::Array::New(env, repacked.packs.size());
        for (uint32_t i = 0; i < repacked.packs.size(); i++) packs.Set(i, packObject(env, repacked.packs[i]));
        result.Set("packs", packs);
        Bytes runs;
        for (const RepackRun& run : repacked.runs) append(runs, run);
        result.Set("runs", bufferOf(env, std::move(runs)));
        return result;
      });
}

Napi::Value lockFile(const Napi::CallbackInfo& info) {
  const int kind = info[1].ToBoolean() ? LOCK_SH : LOCK_EX;
  if (flock(intOf(info[0], "fd"), kind | LOCK_NB) == 0) return Napi::Boolean::New(info.Env(), true);
  if (errno != EWOULDBLOCK) throw ioError("flock", errno);
  return Napi::Boolean::New(info.Env(), false);
}

Napi::Value pagesInfo(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto value = anyBufferOf(info[0], "value");
  const PagesEvent event(value.Data(), value.Length());
  constexpr size_t bitmapBytes = CKPT_PACK_PAGES_MAX / 8;
  Bytes slots(event.header().packs * bitmapBytes);
  for (const PageRun& run : event.runs()) {
    if (run.zero) continue;
    uint8_t* const bitmap = slots.data() + run.pack * bitmapBytes;
    for (uint32_t slot = run.slot; slot < run.slot + run.count; slot++) bitmap[slot >> 3] |= 1 << (slot & 7);
  }
  Napi::Object object = Napi::Object::New(env);
  object.Set("pages", event.header().pages);
  object.Set("first", event.header().first);
  object.Set("total", event.header().total);
  object.Set("zeroPages", event.header().zero_pages);
  object.Set("newPages", event.header().new_pages);
  Napi::Array packs = Napi::Array::New(env, event.header().packs);
  for (uint32_t i = 0; i < event.header().packs; i++) {
    packs.Set(i, hexOf(event.packId(i)));
  }
  object.Set("packs", packs);
  object.Set("slots", bufferOf(env, std::move(slots)));
  return object;
}

Napi::Value pageHash(const Napi::CallbackInfo& info) {
  const auto page = anyBufferOf(info[0], "page");
  if (page.Length() != kPageBytes) throw Napi::TypeError::New(info.Env(), "page: 4096 bytes expected");
  const Hash hash = PageHasher(identityOf(info[1])).hash(page.Data());
  return Napi::Buffer<uint8_t>::Copy(info.Env(), hash.data(), hash.size());
}

Napi::Value checksum(const Napi::CallbackInfo& info) {
  const auto bytes = anyBufferOf(info[1], "bytes");
  return Napi::Number::New(info.Env(), crc32c(info[0].As<Napi::Number>().Uint32Value(), bytes.Data(), bytes.Length()));
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  auto* classes = new Classes;
  classes->index = Napi::Persistent(IndexObject::define(env));
  classes->plan = Napi::Persistent(PlanObject::define(env));
  classes->reader = Napi::Persistent(ReaderObject::define(env));
  classes->writer = Napi::Persistent(WriterObject::define(env));
  env.SetInstanceData(classes);
  exports.Set("openIndex", Napi::Function::New<guarded<openIndex>>(env));
  exports.Set("openPlan", Napi::Function::New<guarded<openPlan>>(env));
  exports.Set("openReader", Napi::Function::New<guarded<openReader>>(env));
  exports.Set("openWriter", Napi::Function::New<guarded<openWriter>>(env));
  exports.Set("pipe", Napi::Function::New<guarded<makePipe>>(env));
  exports.Set("verifyPack", Napi::Function::New<guarded<verifyPack>>(env));
  exports.Set("soundPages", Napi::Function::New<guarded<soundPages>>(env));
  exports.Set("mendPack", Napi::Function::New<guarded<mend>>(env));
  exports.Set("repack", Napi::Function::New<guarded<repack>>(env));
  exports.Set("lockFile", Napi::Function::New<guarded<lockFile>>(env));
  exports.Set("pagesInfo", Napi::Function::New<guarded<pagesInfo>>(env));
  exports.Set("crc32c", Napi::Function::New<guarded<checksum>>(env));
  exports.Set("pageHash", Napi::Function::New<guarded<pageHash>>(env));
  return exports;
}

}  // namespace

}  // namespace ckpt

Napi::Object Init(Napi::Env env, Napi::Object exports) { return ckpt::init(env, exports); }

NODE_API_MODULE(ckpt_codec, Init)
