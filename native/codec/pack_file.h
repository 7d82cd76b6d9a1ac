// SPDX-License-Identifier: Apache-2.0
//
// Reading packs: header, page directory (a hash a slot), frame table, frames, digest (format/store.mjs). A PackFile keeps the
// first three, some 70 KiB at most; frames are read when they are wanted. Of a file that ends before its frames, the head of a pack, they
// cannot be.
#ifndef CKPT_CODEC_PACK_FILE_H
#define CKPT_CODEC_PACK_FILE_H

#include <memory>

#include "codec/frame_codec.h"
#include "codec/page_hasher.h"
#include "codec/unique_fd.h"

namespace ckpt {

struct PackReport {
  uint32_t pages = 0;
  uint64_t rawBytes = 0;
  uint64_t storedBytes = 0;  // of the whole file
  std::string stream;
};

class PackFile {
 public:
  /**
   * Opens a pack and checks its structure; the file is locked (flock, shared) as long as this lives. `id` is for errors. Throws CodecError of kind pack when it is missing or damaged,
   * io when it cannot be read.
   */
  PackFile(const std::string& path, const std::string& id);

  uint32_t pages() const { return header_.pages; }
  uint32_t frames() const { return header_.frames; }
  /** Hashes of the pages, slot 0 first. */
  const Bytes& directory() const { return directory_; }
  const uint8_t* hashOf(uint32_t slot) const { return directory_.data() + slot * kHashBytes; }
  uint32_t frameEntry(uint32_t frame) const { return table_[frame]; }
  /** Bytes of the frame's pages. */
  size_t frameRawBytes(uint32_t frame) const;
  /** Offset of a frame's stored bytes behind the first frame's. frame == frames(): the end of the last. */
  uint64_t frameOffset(uint32_t frame) const { return offsets_[frame]; }
  /** Reads the stored bytes of frames [first, last) into `to`. Throws as the constructor does. */
  void readFrames(uint32_t first, uint32_t last, Bytes& to) const;
  /** The whole file. */
  Bytes allBytes() const;
  PackReport report() const;
  const std::string& id() const { return id_; }

  /** Reads everything: digest, name, structure, every frame, every page against its hash. Throws as the constructor does. */
  static PackReport verify(const std::string& path, const std::string& id, const PageIdentity& identity);

 private:
  void readAt(void* to, size_t bytes, uint64_t offset) const;

  std::string id_;
  UniqueFd fd_;
  pack_header header_;
  Bytes directory_;
  std::vector<uint32_t> table_;
  std::vector<uint64_t> offsets_;
  uint64_t framesAt_ = 0;
};

/** 32 bytes of a pack's directory, without reading the rest. Nothing when the file cannot be read there. */
std::optional<Hash> readDirectoryEntry(const std::string& path, uint32_t slot);

}  // namespace ckpt

#endif  // CKPT_CODEC_PACK_FILE_H
