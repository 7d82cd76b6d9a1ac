// SPDX-License-Identifier: Apache-2.0
#include "codec/frame_codec.h"

#include <zstd.h>

#include <new>

namespace ckpt {

namespace {

// zstd is faster when the room cannot run out than when it has to check.
constexpr size_t kRoomBytes = ZSTD_COMPRESSBOUND(kFrameRawBytesMax);

}  // namespace

FrameCodec::FrameCodec(int level) : level_(level) {}

FrameCodec::~FrameCodec() {
  ZSTD_freeCCtx(compressor_);
  ZSTD_freeDCtx(decompressor_);
}

uint32_t FrameCodec::compress(const uint8_t* raw, size_t rawBytes, Bytes& to) {
  if (!compressor_) {
    compressor_ = ZSTD_createCCtx();
    if (!compressor_) throw std::bad_alloc();
    room_.reset(new uint8_t[kRoomBytes]);
    ZSTD_CCtx_setParameter(compressor_, ZSTD_c_compressionLevel, level_);
  }
  const size_t stored = ZSTD_compress2(compressor_, room_.get(), kRoomBytes, raw, rawBytes);
  if (ZSTD_isError(stored) || stored >= rawBytes) {
    to.insert(to.end(), raw, raw + rawBytes);
    return static_cast<uint32_t>(rawBytes) | CKPT_FRAME_RAW;
  }
  to.insert(to.end(), room_.get(), room_.get() + stored);
  return static_cast<uint32_t>(stored);
}

bool FrameCodec::decompress(uint32_t entry, const uint8_t* stored, uint8_t* raw, size_t rawBytes) {
  const size_t storedBytes = storedBytesOf(entry);
  if (entry & CKPT_FRAME_RAW) {
    if (storedBytes != rawBytes) return false;
    memcpy(raw, stored, rawBytes);
    return true;
  }
  if (!decompressor_) {
    decompressor_ = ZSTD_createDCtx();
    if (!decompressor_) throw std::bad_alloc();
  }
  return ZSTD_decompressDCtx(decompressor_, raw, rawBytes, stored, storedBytes) == rawBytes;
}

}  // namespace ckpt
