// SPDX-License-Identifier: Apache-2.0
//
// One thread's zstd contexts. A frame is the pages of FRAME_PAGES consecutive slots of a pack, compressed as one zstd frame;
// one that would not get smaller is stored as it is and marked FRAME_RAW in the pack's frame table.
#ifndef CKPT_CODEC_FRAME_CODEC_H
#define CKPT_CODEC_FRAME_CODEC_H

#include <memory>

#include "codec/bytes.h"

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace ckpt {

constexpr size_t kFrameRawBytesMax = CKPT_FRAME_PAGES * kPageBytes;

class FrameCodec {
 public:
  explicit FrameCodec(int level);
  ~FrameCodec();
  FrameCodec(const FrameCodec&) = delete;
  FrameCodec& operator=(const FrameCodec&) = delete;

  /** Appends the stored form of `raw` to `to`; returns its frame table entry (stored bytes, FRAME_RAW). */
  uint32_t compress(const uint8_t* raw, size_t rawBytes, Bytes& to);
  /** Undoes compress() into rawBytes bytes. False when the frame is damaged. */
  bool decompress(uint32_t entry, const uint8_t* stored, uint8_t* raw, size_t rawBytes);

 private:
  int level_;
  // Made on first use: a thread that only reads needs no compressor.
  ZSTD_CCtx_s* compressor_ = nullptr;
  std::unique_ptr<uint8_t[]> room_;  // for its output
  ZSTD_DCtx_s* decompressor_ = nullptr;
};

/** Stored bytes of a frame table entry. */
inline uint32_t storedBytesOf(uint32_t entry) { return entry & ~CKPT_FRAME_RAW; }

}  // namespace ckpt

#endif  // CKPT_CODEC_FRAME_CODEC_H
