// SPDX-License-Identifier: Apache-2.0
//
// Identity of pages: SHA-256(salt || page). All-zero pages are found by a vector compare and never hashed.
#ifndef CKPT_CODEC_PAGE_HASHER_H
#define CKPT_CODEC_PAGE_HASHER_H

#include "codec/bytes.h"
#include "codec/sha256.h"

namespace ckpt {

/** The salt of a log. Whoever holds it can tell whether a log has a page. */
using Salt = std::array<uint8_t, 32>;

bool isZeroPage(const uint8_t* page);

/** One thread's hasher. */
class PageHasher {
 public:
  explicit PageHasher(const Salt& salt) : salt_(salt) {}

  Hash hash(const uint8_t* page);
  /** Hashes pages[0..count) into out. Faster than one by one: two pages run through the processor side by side. */
  void hashMany(const uint8_t* const* pages, size_t count, Hash* out);

 private:
  Salt salt_;
  Sha256 sha_;
};

}  // namespace ckpt

#endif  // CKPT_CODEC_PAGE_HASHER_H
