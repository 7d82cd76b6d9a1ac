// SPDX-License-Identifier: Apache-2.0
//
// Makes the bytes of one pack from compressed frames in slot order.
#ifndef CKPT_CODEC_PACK_BUILDER_H
#define CKPT_CODEC_PACK_BUILDER_H

#include "codec/bytes.h"
#include "codec/sha256.h"

namespace ckpt {

/** A closed pack: its id and its file's bytes. */
struct Pack {
  Hash id;
  Bytes bytes;
  uint32_t pages = 0;
};

class PackBuilder {
 public:
  using LogId = std::array<uint8_t, 16>;

  uint32_t pages() const { return static_cast<uint32_t>(directory_.size() / kHashBytes); }
  bool empty() const { return directory_.empty(); }
  /** Whether a frame of this size may still go in. Only the last frame of a pack may be short. */
  bool fits(uint32_t storedBytes, uint32_t pages) const;
  /** Adds a frame: its table entry, its stored bytes and the hashes of its pages. */
  void add(uint32_t entry, const uint8_t* stored, const Hash* hashes, uint32_t pages);
  /** The pack's bytes. The builder keeps its directory (for the index) and is of no other use after that. */
  Pack close(const LogId& logId, const std::string& stream, Sha256& sha);
  const Bytes& directory() const { return directory_; }
  Bytes takeDirectory() { return std::move(directory_); }

 private:
  Bytes directory_;
  std::vector<uint32_t> table_;
  Bytes frames_;
};

}  // namespace ckpt

#endif  // CKPT_CODEC_PACK_BUILDER_H
