// SPDX-License-Identifier: Apache-2.0
//
// FIPS 180-4 in plain C++, for programs that are not Node and link no libcrypto (ckpt-process): takes the place of sha256.cc.
// Pages do not come here where the processor has SHA instructions (sha256_pairs.h).
#include <algorithm>

#include "codec/sha256.h"

struct evp_md_ctx_st {
  uint32_t state[8];
  uint64_t bytes;
  uint8_t block[64];
};

namespace ckpt {

namespace {

constexpr uint32_t kStart[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
constexpr uint32_t kRound[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

uint32_t turn(uint32_t x, int by) { return x >> by | x << (32 - by); }

void block(uint32_t* state, const uint8_t* from) {
  uint32_t w[64];
  for (int i = 0; i < 16; i++) w[i] = __builtin_bswap32(load<uint32_t>(from + 4 * i));
  for (int i = 16; i < 64; i++) {
    const uint32_t a = w[i - 15], b = w[i - 2];
    w[i] = w[i - 16] + (turn(a, 7) ^ turn(a, 18) ^ a >> 3) + w[i - 7] + (turn(b, 17) ^ turn(b, 19) ^ b >> 10);
  }
  uint32_t s[8];
  memcpy(s, state, sizeof s);
  for (int i = 0; i < 64; i++) {
    const uint32_t one =
        s[7] + (turn(s[4], 6) ^ turn(s[4], 11) ^ turn(s[4], 25)) + ((s[4] & s[5]) ^ (~s[4] & s[6])) + kRound[i] + w[i];
    const uint32_t two =
        (turn(s[0], 2) ^ turn(s[0], 13) ^ turn(s[0], 22)) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
    for (int j = 7; j > 0; j--) s[j] = s[j - 1];
    s[4] += one;
    s[0] = one + two;
  }
  for (int i = 0; i < 8; i++) state[i] += s[i];
}

}  // namespace

Sha256::Sha256() : context_(new evp_md_ctx_st) { reset(); }

Sha256::~Sha256() { delete context_; }

void Sha256::reset() {
  memcpy(context_->state, kStart, sizeof kStart);
  context_->bytes = 0;
}

void Sha256::update(const void* bytes, size_t count) {
  const auto* from = static_cast<const uint8_t*>(bytes);
  while (count > 0) {
    const size_t at = context_->bytes % 64, part = std::min(count, 64 - at);
    memcpy(context_->block + at, from, part);
    context_->bytes += part;
    from += part;
    count -= part;
    if (at + part == 64) block(context_->state, context_->block);
  }
}

Hash Sha256::finish() {
  const uint64_t bits = __builtin_bswap64(context_->bytes * 8);
  static constexpr uint8_t kPadding[64] = {0x80};
  update(kPadding, 1 + (119 - context_->bytes % 64) % 64);
  update(&bits, sizeof bits);
  Hash hash;
  for (int i = 0; i < 8; i++) {
    const uint32_t word = __builtin_bswap32(context_->state[i]);
    memcpy(hash.data() + 4 * i, &word, sizeof word);
  }
  reset();
  return hash;
}

}  // namespace ckpt
