// SPDX-License-Identifier: Apache-2.0
//
// SHA-256 through libcrypto's EVP interface: the node binary exports it, so the addon links nothing of its own; the unit
// tests link the system's. Nothing else in the codec knows which library hashes.
#ifndef CKPT_CODEC_SHA256_H
#define CKPT_CODEC_SHA256_H

#include <memory>

#include "codec/bytes.h"

struct evp_md_ctx_st;

namespace ckpt {

/** An incremental SHA-256, reusable after finish(). One thread at a time. */
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void reset();
  void update(const void* bytes, size_t count);
  /** The digest of everything since the last reset(); starts anew. */
  Hash finish();

 private:
  evp_md_ctx_st* context_;
};

}  // namespace ckpt

#endif  // CKPT_CODEC_SHA256_H
