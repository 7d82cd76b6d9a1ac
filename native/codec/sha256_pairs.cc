// SPDX-License-Identifier: Apache-2.0
//
// FIPS 180-4 with the SHA extensions: sha256rnds2 does two rounds on a state kept as ABEF and CDGH, sha256msg1 and sha256msg2
// make four words of the message schedule. 32 bytes of salt and 4,096 of page are 64 blocks of 64 bytes and half a block; the
// padding ends the 65th.
#include "codec/sha256_pairs.h"

#include <cpuid.h>
#include <immintrin.h>

#define CKPT_TARGET __attribute__((target("sha,sse4.1,ssse3")))

namespace ckpt {

namespace {

alignas(64) constexpr uint32_t kRoundConstants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

/** A message's state between blocks. */
struct State {
  __m128i abef;
  __m128i cdgh;
};

CKPT_TARGET inline __m128i loadWords(const uint8_t* at) {
  const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
  return _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)), swap);
}

CKPT_TARGET inline void fourRounds(State& state, __m128i words, int group) {
  __m128i sum = _mm_add_epi32(words, _mm_load_si128(reinterpret_cast<const __m128i*>(kRoundConstants) + group));
  state.cdgh = _mm_sha256rnds2_epu32(state.cdgh, state.abef, sum);
  sum = _mm_shuffle_epi32(sum, 0x0e);
  state.abef = _mm_sha256rnds2_epu32(state.abef, state.cdgh, sum);
}

// w[t..t+3] from the 16 words before: w0 is the oldest four and becomes the new four.
CKPT_TARGET inline void schedule(__m128i& w0, __m128i w1, __m128i w2, __m128i w3) {
  w0 = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4));
  w0 = _mm_sha256msg2_epu32(w0, w3);
}

// One block of both messages, the steps of the two in turn.
CKPT_TARGET inline __attribute__((always_inline)) void block(State& a, State& b, const uint8_t* fromA0,
                                                             const uint8_t* fromA2, const uint8_t* fromB0,
                                                             const uint8_t* fromB2) {
  const State oldA = a, oldB = b;
  __m128i a0 = loadWords(fromA0), b0 = loadWords(fromB0);
  fourRounds(a, a0, 0);
  fourRounds(b, b0, 0);
  __m128i a1 = loadWords(fromA0 + 16), b1 = loadWords(fromB0 + 16);
  fourRounds(a, a1, 1);
  fourRounds(b, b1, 1);
  __m128i a2 = loadWords(fromA2), b2 = loadWords(fromB2);
  fourRounds(a, a2, 2);
  fourRounds(b, b2, 2);
  __m128i a3 = loadWords(fromA2 + 16), b3 = loadWords(fromB2 + 16);
  fourRounds(a, a3, 3);
  fourRounds(b, b3, 3);
#pragma GCC unroll 3
  for (int group = 4; group < 16; group += 4) {
    schedule(a0, a1, a2, a3);
    schedule(b0, b1, b2, b3);
    fourRounds(a, a0, group);
    fourRounds(b, b0, group);
    schedule(a1, a2, a3, a0);
    schedule(b1, b2, b3, b0);
    fourRounds(a, a1, group + 1);
    fourRounds(b, b1, group + 1);
    schedule(a2, a3, a0, a1);
    schedule(b2, b3, b0, b1);
    fourRounds(a, a2, group + 2);
    fourRounds(b, b2, group + 2);
    schedule(a3, a0, a1, a2);
    schedule(b3, b0, b1, b2);
    fourRounds(a, a3, group + 3);
    fourRounds(b, b3, group + 3);
  }
  a.abef = _mm_add_epi32(a.abef, oldA.abef);
  a.cdgh = _mm_add_epi32(a.cdgh, oldA.cdgh);
  b.abef = _mm_add_epi32(b.abef, oldB.abef);
  b.cdgh = _mm_add_epi32(b.cdgh, oldB.cdgh);
}

CKPT_TARGET inline void store(const State& state, Hash& hash) {
  // ABEF and CDGH to ABCD and EFGH, lowest word first.
  const __m128i feba = _mm_shuffle_epi32(state.abef, 0x1b);
  const __m128i dchg = _mm_shuffle_epi32(state.cdgh, 0xb1);
  const __m128i abcd = _mm_blend_epi16(feba, dchg, 0xf0);
  const __m128i efgh = _mm_alignr_epi8(dchg, feba, 8);
  const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
  auto* const to = reinterpret_cast<__m128i*>(hash.data());
  _mm_storeu_si128(to, _mm_shuffle_epi8(abcd, swap));
  _mm_storeu_si128(to + 1, _mm_shuffle_epi8(efgh, swap));
}

}  // namespace

bool hasSha256Pairs() {
  static const bool has = [] {
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & (1u << 29))) return false;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_SSSE3) && (c & bit_SSE4_1);
  }();
  return has;
}

CKPT_TARGET void sha256Pair(const uint8_t* salt, const uint8_t* pageA, const uint8_t* pageB, Hash& hashA, Hash& hashB) {
  // A, B, E, F of the initial state from the highest word down; C, D, G, H likewise.
  const __m128i abef =
      _mm_set_epi32(0x6a09e667, static_cast<int>(0xbb67ae85), 0x510e527f, static_cast<int>(0x9b05688c));
  const __m128i cdgh = _mm_set_epi32(0x3c6ef372, static_cast<int>(0xa54ff53a), 0x1f83d9ab, 0x5be0cd19);
  State a{abef, cdgh}, b{abef, cdgh};
  block(a, b, salt, pageA, salt, pageB);
  size_t at = 32;
  for (; at + 64 <= kPageBytes; at += 64) block(a, b, pageA + at, pageA + at + 32, pageB + at, pageB + at + 32);
  // The last 32 bytes of the page, a 1 bit, and the length: 4,128 bytes are 0x8100 bits.
  static const uint8_t padding[32] = {0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,    0,
                                      0,    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x81, 0x00};
  block(a, b, pageA + at, padding, pageB + at, padding);
  store(a, hashA);
  store(b, hashB);
}

}  // namespace ckpt
