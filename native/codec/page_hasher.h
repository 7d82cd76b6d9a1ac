// SPDX-License-Identifier: Apache-2.0
//
// Identity of pages, as their log has it: BLAKE3 of the page, keyed with the log's salt, or SHA-256(salt || page). All-zero pages
// are found by a vector compare and never hashed.
#ifndef CKPT_CODEC_PAGE_HASHER_H
#define CKPT_CODEC_PAGE_HASHER_H

#include "codec/blake3_pages.h"
#include "codec/bytes.h"
#include "codec/sha256.h"

namespace ckpt {

/** Functions that logs know their pages by. */
enum class PageHash : uint16_t { kSha256 = CKPT_HASH_SHA256, kBlake3 = CKPT_HASH_BLAKE3 };

/** How a log tells pages apart. Whoever holds it can tell whether a log has a page. */
struct PageIdentity {
  PageHash hash = PageHash::kBlake3;
  Salt salt = {};
};

bool isZeroPage(const uint8_t* page);

/** One thread's hasher. */
class PageHasher {
 public:
  explicit PageHasher(const PageIdentity& identity) : identity_(identity) {}

  Hash hash(const uint8_t* page);
  /** Hashes pages[0..count) into out. Faster than one by one: several pages run through the processor side by side. */
  void hashMany(const uint8_t* const* pages, size_t count, Hash* out);
  /** The pages of a frame: at most CKPT_FRAME_PAGES, one behind the other. */
  void hashFrame(const uint8_t* raw, size_t rawBytes, Hash* out);

 private:
  const PageIdentity identity_;
  Sha256 sha_;
};

}  // namespace ckpt

#endif  // CKPT_CODEC_PAGE_HASHER_H
