// SPDX-License-Identifier: Apache-2.0
#include "codec/sha256.h"

#include <openssl/evp.h>

#include <new>
#include <stdexcept>

namespace ckpt {

namespace {

// Fetched once for the process and never freed: fetching per digest costs more than hashing a page.
const EVP_MD* algorithm() {
  static const EVP_MD* const md = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return md ? md : EVP_sha256();
}

void require(int ok) {
  if (ok != 1) throw std::runtime_error("SHA-256 is not available in this libcrypto");
}

}  // namespace

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  if (!context_) throw std::bad_alloc();
  reset();
}

Sha256::~Sha256() { EVP_MD_CTX_free(context_); }

void Sha256::reset() { require(EVP_DigestInit_ex(context_, algorithm(), nullptr)); }

void Sha256::update(const void* bytes, size_t count) { require(EVP_DigestUpdate(context_, bytes, count)); }

Hash Sha256::finish() {
  Hash hash;
  unsigned length = 0;
  require(EVP_DigestFinal_ex(context_, hash.data(), &length));
  reset();
  return hash;
}

}  // namespace ckpt
