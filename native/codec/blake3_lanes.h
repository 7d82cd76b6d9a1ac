// SPDX-License-Identifier: Apache-2.0
//
// BLAKE3's compression function on LANES inputs at once, one in each lane of a vector. Included once for each width, with LANES
// set, in a namespace of its own and under the target that has such vectors; hence no include guard.
//
// A vector holds one word of the state, or of the message, of all lanes. Inputs are read a block of 64 bytes from each lane and
// turned from rows into columns. Rotations by whole bytes are shuffles where the processor has no vector rotation.

typedef uint32_t Words __attribute__((vector_size(LANES * 4)));
typedef int32_t Lanes __attribute__((vector_size(LANES * 4)));
typedef uint8_t WordBytes __attribute__((vector_size(LANES * 4)));

#define INLINE inline __attribute__((always_inline))

template <int kBits>
INLINE Words rotated(Words x) {
#ifdef ROTATE_BY_SHUFFLE
  if constexpr (kBits % 8 == 0) {
    WordBytes from = {};
    for (int i = 0; i < LANES * 4; i++) from[i] = static_cast<uint8_t>((i & ~3) | ((i + kBits / 8) & 3));
    return reinterpret_cast<Words>(__builtin_shuffle(reinterpret_cast<WordBytes>(x), from));
  }
#endif
  return x >> kBits | x << (32 - kBits);
}

INLINE void mix(Words& a, Words& b, Words& c, Words& d, Words x, Words y) {
  a += b + x;
  d = rotated<16>(d ^ a);
  c += d;
  b = rotated<12>(b ^ c);
  a += b + y;
  d = rotated<8>(d ^ a);
  c += d;
  b = rotated<7>(b ^ c);
}

// Word i of row l becomes word l of row i.
INLINE void transpose(Words* rows) {
#pragma GCC unroll 4
  for (int step = 1; step < LANES; step *= 2) {
    Lanes low = {}, high = {};
    for (int i = 0; i < LANES; i++) {
      low[i] = i & step ? i - step + LANES : i;
      high[i] = i & step ? i + LANES : i + step;
    }
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++) {
      if (i & step) continue;
      const Words a = rows[i], b = rows[i + step];
      rows[i] = __builtin_shuffle(a, b, low);
      rows[i + step] = __builtin_shuffle(a, b, high);
    }
  }
}

INLINE void loadBlock(const uint8_t* const* inputs, size_t at, Words* message) {
#pragma GCC unroll 4
  for (int part = 0; part < 16 / LANES; part++) {
    Words* const rows = message + part * LANES;
#pragma GCC unroll 16
    for (int lane = 0; lane < LANES; lane++)
      memcpy(&rows[lane], inputs[lane] + at + static_cast<size_t>(part) * LANES * 4, sizeof(Words));
    transpose(rows);
  }
}

INLINE void compress(Words* chain, const Words* m, Words counter, uint32_t flags) {
  Words v[16];
  for (int i = 0; i < 8; i++) v[i] = chain[i];
  for (int i = 0; i < 4; i++) v[8 + i] = Words{} + kStart[i];
  v[12] = counter;
  v[13] = Words{};
  v[14] = Words{} + uint32_t{kBlockBytes};
  v[15] = Words{} + flags;
#pragma GCC unroll 7
  for (int round = 0; round < 7; round++) {
    const uint8_t* const at = kSchedule[round];
    mix(v[0], v[4], v[8], v[12], m[at[0]], m[at[1]]);
    mix(v[1], v[5], v[9], v[13], m[at[2]], m[at[3]]);
    mix(v[2], v[6], v[10], v[14], m[at[4]], m[at[5]]);
    mix(v[3], v[7], v[11], v[15], m[at[6]], m[at[7]]);
    mix(v[0], v[5], v[10], v[15], m[at[8]], m[at[9]]);
    mix(v[1], v[6], v[11], v[12], m[at[10]], m[at[11]]);
    mix(v[2], v[7], v[8], v[13], m[at[12]], m[at[13]]);
    mix(v[3], v[4], v[9], v[14], m[at[14]], m[at[15]]);
  }
  for (int i = 0; i < 8; i++) chain[i] = v[i] ^ v[i + 8];
}

// The chaining values of LANES inputs of `blocks` blocks each. `counters`: of each lane.
void hashInputs(const uint32_t* key, const uint8_t* const* inputs, const uint32_t* counters, size_t blocks,
                const Flags& flags, Hash* out) {
  Words chain[8], counter;
  for (int i = 0; i < 8; i++) chain[i] = Words{} + key[i];
  memcpy(&counter, counters, sizeof counter);
  for (size_t block = 0; block < blocks; block++) {
    Words message[16];
    loadBlock(inputs, block * kBlockBytes, message);
    compress(chain, message, counter,
             flags.all | (block == 0 ? flags.first : 0) | (block + 1 == blocks ? flags.last : 0));
  }
  for (int lane = 0; lane < LANES; lane++) {
    for (int i = 0; i < 8; i++) {
      const uint32_t word = chain[i][lane];
      memcpy(out[lane].data() + i * 4, &word, sizeof word);
    }
  }
}

#undef INLINE
