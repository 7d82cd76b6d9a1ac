// SPDX-License-Identifier: Apache-2.0
//
// A stretch of the image to be written, at most some hundred KiB over a MiB: bytes that are known, and pages that a worker
// puts in from their packs, each verified against the hash in its pack's directory. A hole is zeros that take no room here.
#ifndef CKPT_CODEC_OUTPUT_CHUNK_H
#define CKPT_CODEC_OUTPUT_CHUNK_H

#include "codec/descriptor_io.h"
#include "codec/pack_cache.h"
#include "codec/worker_pool.h"

namespace ckpt {

/** Leaves new elements as they are: what is about to be overwritten need not be zeroed first. */
template <typename T>
struct UninitializedAllocator : std::allocator<T> {
  template <typename U>
  struct rebind {
    using other = UninitializedAllocator<U>;
  };
  template <typename U>
  void construct(U* at) {
    ::new (static_cast<void*>(at)) U;
  }
  template <typename U, typename... Args>
  void construct(U* at, Args&&... args) {
    ::new (static_cast<void*>(at)) U(std::forward<Args>(args)...);
  }
};

using RawBytes = std::vector<uint8_t, UninitializedAllocator<uint8_t>>;

class OutputChunk {
 public:
  static constexpr size_t kPagesMax = 256;
  static constexpr size_t kLiteralBytesMax = 512 << 10;

  OutputChunk() { bytes_.reserve(kPagesMax * kPageBytes + (64 << 10)); }

  /** Appends bytes that are there already: records, addresses. */
  void addLiteral(const uint8_t* bytes, size_t count);
  /** Appends pages of a pack, consecutive slots. */
  void addPages(const Hash& pack, uint32_t slot, uint32_t count);
  void addZeroPages(uint32_t count);
  /** Appends zeros of any length. Not for images: digest() does not know them. */
  void addHole(uint64_t bytes);
  bool full() const { return pages_.size() + zeroPages_ >= kPagesMax || literalBytes_ >= kLiteralBytesMax; }
  uint32_t pageRoom() const {
    return static_cast<uint32_t>(kPagesMax - std::min(kPagesMax, pages_.size() + zeroPages_));
  }
  bool empty() const { return pieces_.empty(); }

  /** Puts the pages in. On a worker's thread. CodecError of kind pack or io. */
  void fill(PackCache& packs, Worker& worker);
  /** Takes the pages' hashes from the directories of their packs, in place of their contents: digest() is right, bytes() is not. */
  void fillHashes(PackCache& packs);
  /** After fill(): the image's bytes. */
  const RawBytes& bytes() const { return bytes_; }
  /** After fill(): bytes() and the holes between them. */
  void writeTo(Output& output) const;
  /** Bytes that writeTo() writes or skips. */
  uint64_t length() const { return bytes_.size() + holeBytes_; }
  /** After fill(): goes on with the image's digest. */
  void digest(Sha256& sha, const Hash& zeroHash) const;
  size_t pageCount() const { return pages_.size() + zeroPages_; }

 private:
  struct Page {
    Hash pack;
    uint32_t slot;
    size_t at;  // in bytes_
    Hash hash;  // after fill()
  };
  struct Piece {
    enum class Kind { kLiteral, kPages, kZero, kHole } kind;
    size_t at;     // kLiteral, kZero, kHole: in bytes_; kPages: in pages_
    size_t count;  // bytes or pages
  };

  void fillFromPack(const PackFile& pack, Page** first, Page** last, Worker& worker);

  RawBytes bytes_;
  std::vector<Piece> pieces_;
  std::vector<Page> pages_;
  size_t zeroPages_ = 0;
  size_t literalBytes_ = 0;
  uint64_t holeBytes_ = 0;
};

}  // namespace ckpt

#endif  // CKPT_CODEC_OUTPUT_CHUNK_H
