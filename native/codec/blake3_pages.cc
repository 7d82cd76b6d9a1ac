// SPDX-License-Identifier: Apache-2.0
//
// BLAKE3 (Aumasson, Neves, O'Connor, Wilcox-O'Hearn: "BLAKE3, one function, fast everywhere", 2020), section 2, for inputs of
// 4,096 bytes: four chunks of 16 blocks, two parents, and a root. The key takes the place of the constants in the chain.
#include "codec/blake3_pages.h"

#include <algorithm>

namespace ckpt {

namespace {

constexpr size_t kBlockBytes = 64;
constexpr size_t kChunkBytes = 1024;
constexpr size_t kPageChunks = kPageBytes / kChunkBytes;
static_assert(kPageChunks == 4, "the tree below is that of four chunks");

constexpr uint32_t kStart[4] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a};

// Which word of the message each step of a round takes.
constexpr uint8_t kSchedule[7][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8},
    {3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1}, {10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6},
    {12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4}, {9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7},
    {11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13},
};

/** Flags of all blocks of an input, of its first, and of its last. */
struct Flags {
  uint32_t all, first, last;
};

constexpr uint32_t kChunkStart = 1, kChunkEnd = 2, kParent = 4, kRoot = 8, kKeyed = 16;
constexpr Flags kChunkFlags = {kKeyed, kChunkStart, kChunkEnd};
constexpr Flags kParentFlags = {kKeyed | kParent, 0, 0};
constexpr Flags kRootFlags = {kKeyed | kParent | kRoot, 0, 0};

namespace lanes4 {
#define LANES 4
#include "codec/blake3_lanes.h"
#undef LANES
}  // namespace lanes4

#pragma GCC push_options
#pragma GCC target("avx2")
namespace lanes8 {
#define LANES 8
#define ROTATE_BY_SHUFFLE
#include "codec/blake3_lanes.h"
#undef ROTATE_BY_SHUFFLE
#undef LANES
}  // namespace lanes8
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,prefer-vector-width=512")
namespace lanes16 {
#define LANES 16
#include "codec/blake3_lanes.h"
#undef LANES
}  // namespace lanes16
#pragma GCC pop_options

constexpr size_t kLanesMax = 16;
/** Pages whose chunks are hashed before their parents: those fill the lanes then. */
constexpr size_t kGroupPages = 16;

/** Any number of inputs, in the widest vectors that they fill; lanes that are left over repeat the last input. */
void hashAll(unsigned lanes, const uint32_t* key, const uint8_t* const* inputs, const uint32_t* counters, size_t count,
             size_t blocks, const Flags& flags, Hash* out) {
  const auto hash = [&](unsigned width, const uint8_t* const* from, const uint32_t* numbers, Hash* to) {
    if (width == 16) return lanes16::hashInputs(key, from, numbers, blocks, flags, to);
    if (width == 8) return lanes8::hashInputs(key, from, numbers, blocks, flags, to);
    return lanes4::hashInputs(key, from, numbers, blocks, flags, to);
  };
  for (size_t at = 0; at < count;) {
    const size_t left = count - at;
    unsigned width = lanes;
    while (width > 4 && left <= width / 2) width /= 2;
    if (left >= width) {
      hash(width, inputs + at, counters + at, out + at);
      at += width;
      continue;
    }
    const uint8_t* padded[kLanesMax];
    uint32_t numbers[kLanesMax];
    Hash hashes[kLanesMax];
    for (size_t lane = 0; lane < width; lane++) {
      padded[lane] = inputs[at + std::min(lane, left - 1)];
      numbers[lane] = counters[at + std::min(lane, left - 1)];
    }
    hash(width, padded, numbers, hashes);
    std::copy(hashes, hashes + left, out + at);
    at = count;
  }
}

}  // namespace

unsigned blake3Lanes() {
  static const unsigned lanes = [] {
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")) return 16u;
    return __builtin_cpu_supports("avx2") ? 8u : 4u;
  }();
  return lanes;
}

void blake3Pages(const Salt& salt, const uint8_t* const* pages, size_t count, Hash* out, unsigned lanes) {
  uint32_t key[8];
  memcpy(key, salt.data(), sizeof key);
  constexpr size_t kChunksMax = kGroupPages * kPageChunks;
  const uint8_t* inputs[kChunksMax];
  uint32_t counters[kChunksMax];
  Hash chunks[kChunksMax];
  Hash parents[kChunksMax / 2];
  for (size_t at = 0; at < count; at += kGroupPages) {
    const size_t group = std::min(kGroupPages, count - at);
    for (size_t i = 0; i < group * kPageChunks; i++) {
      inputs[i] = pages[at + i / kPageChunks] + i % kPageChunks * kChunkBytes;
      counters[i] = static_cast<uint32_t>(i % kPageChunks);
    }
    hashAll(lanes, key, inputs, counters, group * kPageChunks, kChunkBytes / kBlockBytes, kChunkFlags, chunks);
    // Two chaining values next to each other are the block of their parent.
    const uint32_t zeros[kChunksMax / 2] = {};
    for (size_t i = 0; i < group * 2; i++) inputs[i] = chunks[2 * i].data();
    hashAll(lanes, key, inputs, zeros, group * 2, 1, kParentFlags, parents);
    for (size_t i = 0; i < group; i++) inputs[i] = parents[2 * i].data();
    hashAll(lanes, key, inputs, zeros, group, 1, kRootFlags, out + at);
  }
}

}  // namespace ckpt
