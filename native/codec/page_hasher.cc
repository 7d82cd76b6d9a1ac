// SPDX-License-Identifier: Apache-2.0
#include "codec/page_hasher.h"

#include "codec/sha256_pairs.h"

namespace ckpt {

bool isZeroPage(const uint8_t* page) {
  // Most pages that are not zero show it in their first words; the rest is one pass of wide ORs.
  if (load<uint64_t>(page) | load<uint64_t>(page + 8)) return false;
  for (size_t at = 0; at < kPageBytes; at += 256) {
    uint64_t any = 0;
    for (size_t i = 0; i < 256; i += 8) any |= load<uint64_t>(page + at + i);
    if (any) return false;
  }
  return true;
}

Hash PageHasher::hash(const uint8_t* page) {
  Hash hash;
  hashMany(&page, 1, &hash);
  return hash;
}

void PageHasher::hashMany(const uint8_t* const* pages, size_t count, Hash* out) {
  if (identity_.hash == PageHash::kBlake3) {
    blake3Pages(identity_.salt, pages, count, out);
    return;
  }
  const Salt& salt = identity_.salt;
  size_t i = 0;
  if (hasSha256Pairs()) {
    for (; i + 2 <= count; i += 2) sha256Pair(salt.data(), pages[i], pages[i + 1], out[i], out[i + 1]);
  }
  for (; i < count; i++) {
    sha_.update(salt.data(), salt.size());
    sha_.update(pages[i], kPageBytes);
    out[i] = sha_.finish();
  }
}

void PageHasher::hashFrame(const uint8_t* raw, size_t rawBytes, Hash* out) {
  const uint8_t* pages[CKPT_FRAME_PAGES];
  const size_t count = rawBytes / kPageBytes;
  for (size_t i = 0; i < count; i++) pages[i] = raw + i * kPageBytes;
  hashMany(pages, count, out);
}

}  // namespace ckpt
