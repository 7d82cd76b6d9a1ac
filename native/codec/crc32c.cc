// SPDX-License-Identifier: Apache-2.0
//
// The SSE4.2 instruction has a latency of three cycles and a throughput of one, so three independent streams run side
// by side and are joined by shifting the first ones over the length of the others: with linear tables, made once,
// for a fixed stream length. Bytes outside full triples go through one stream. Without SSE4.2, slicing by eight.
#include "codec/crc32c.h"

#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace ckpt {
namespace {

constexpr uint32_t kPolynomial = 0x82f63b78;
constexpr size_t kStreamBytes = 1024;  // of each of the three streams

struct Tables {
  uint32_t slice[8][256];
  uint32_t shift[4][256];  // crc -> crc after kStreamBytes zero bytes, by byte of crc

  Tables() {
    for (uint32_t n = 0; n < 256; n++) {
      uint32_t c = n;
      for (int k = 0; k < 8; k++) c = (c >> 1) ^ ((c & 1) ? kPolynomial : 0);
      slice[0][n] = c;
    }
    for (int s = 1; s < 8; s++)
      for (uint32_t n = 0; n < 256; n++) slice[s][n] = (slice[s - 1][n] >> 8) ^ slice[0][slice[s - 1][n] & 0xff];
    // Shifting is linear: that of each bit makes that of every byte. A restart that was just forked waits for this.
    uint32_t shiftedBit[32];
    for (int bit = 0; bit < 32; bit++) {
      uint32_t c = uint32_t{1} << bit;
      for (size_t i = 0; i < kStreamBytes; i++) c = (c >> 8) ^ slice[0][c & 0xff];
      shiftedBit[bit] = c;
    }
    for (int b = 0; b < 4; b++)
      for (uint32_t n = 0; n < 256; n++) {
        shift[b][n] = 0;
        for (int bit = 0; bit < 8; bit++) shift[b][n] ^= (n >> bit & 1) ? shiftedBit[8 * b + bit] : 0;
      }
  }
  uint32_t shifted(uint32_t c) const {
    return shift[0][c & 0xff] ^ shift[1][(c >> 8) & 0xff] ^ shift[2][(c >> 16) & 0xff] ^ shift[3][c >> 24];
  }
};

const Tables& tables() {
  static const Tables made;
  return made;
}

uint32_t software(uint32_t c, const uint8_t* p, size_t n) {
  const Tables& t = tables();
  for (; n >= 8; n -= 8, p += 8) {
    uint64_t w;
    memcpy(&w, p, 8);
    w ^= c;
    c = t.slice[7][w & 0xff] ^ t.slice[6][(w >> 8) & 0xff] ^ t.slice[5][(w >> 16) & 0xff] ^
        t.slice[4][(w >> 24) & 0xff] ^ t.slice[3][(w >> 32) & 0xff] ^ t.slice[2][(w >> 40) & 0xff] ^
        t.slice[1][(w >> 48) & 0xff] ^ t.slice[0][w >> 56];
  }
  while (n--) c = (c >> 8) ^ t.slice[0][(c ^ *p++) & 0xff];
  return c;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t hardware(uint32_t c, const uint8_t* p, size_t n) {
  const Tables& t = tables();
  for (; n >= 3 * kStreamBytes; n -= 3 * kStreamBytes, p += 3 * kStreamBytes) {
    uint64_t a = c, b = 0, d = 0;
    for (size_t i = 0; i < kStreamBytes; i += 8) {
      uint64_t x, y, z;
      memcpy(&x, p + i, 8);
      memcpy(&y, p + kStreamBytes + i, 8);
      memcpy(&z, p + 2 * kStreamBytes + i, 8);
      a = _mm_crc32_u64(a, x);
      b = _mm_crc32_u64(b, y);
      d = _mm_crc32_u64(d, z);
    }
    c = t.shifted(t.shifted(static_cast<uint32_t>(a)) ^ static_cast<uint32_t>(b)) ^ static_cast<uint32_t>(d);
  }
  uint64_t a = c;
  for (; n >= 8; n -= 8, p += 8) {
    uint64_t x;
    memcpy(&x, p, 8);
    a = _mm_crc32_u64(a, x);
  }
  c = static_cast<uint32_t>(a);
  while (n--) c = _mm_crc32_u8(c, *p++);
  return c;
}
#endif

}  // namespace

uint32_t crc32c(uint32_t crc, const void* data, size_t bytes) {
  const uint8_t* p = static_cast<const uint8_t*>(data);
#if defined(__x86_64__)
  static const bool fast = __builtin_cpu_supports("sse4.2");
  if (fast) return ~hardware(~crc, p, bytes);
#endif
  return ~software(~crc, p, bytes);
}

}  // namespace ckpt
