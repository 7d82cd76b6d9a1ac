// SPDX-License-Identifier: Apache-2.0
//
// Little things about bytes: unaligned little-endian access (x86-64 only, so a memcpy), hex, unsigned LEB128.
#ifndef CKPT_CODEC_BYTES_H
#define CKPT_CODEC_BYTES_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "ckpt_image.h"
#include "ckpt_store.h"

namespace ckpt {

constexpr size_t kPageBytes = CKPT_PAGE_BYTES;
constexpr size_t kHashBytes = CKPT_HASH_BYTES;

/** Of a page (PageHasher), of a pack or an image (SHA-256). */
using Hash = std::array<uint8_t, kHashBytes>;
using Bytes = std::vector<uint8_t>;

template <typename T>
T load(const uint8_t* at) {
  T value;
  memcpy(&value, at, sizeof value);
  return value;
}

template <typename T>
void append(Bytes& to, const T& value) {
  const auto* at = reinterpret_cast<const uint8_t*>(&value);
  to.insert(to.end(), at, at + sizeof value);
}

inline std::string hexOf(const uint8_t* bytes, size_t count) {
  static const char digits[] = "0123456789abcdef";
  std::string text(count * 2, '0');
  for (size_t i = 0; i < count; i++) {
    text[2 * i] = digits[bytes[i] >> 4];
    text[2 * i + 1] = digits[bytes[i] & 15];
  }
  return text;
}

inline std::string hexOf(const Hash& hash) { return hexOf(hash.data(), hash.size()); }

/** The hash that 64 lower-case hex digits spell; nothing when they do not. */
inline std::optional<Hash> hashOfHex(const std::string& text) {
  if (text.size() != 2 * kHashBytes) return std::nullopt;
  Hash hash{};
  for (size_t i = 0; i < text.size(); i++) {
    const char c = text[i];
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) return std::nullopt;
    hash[i / 2] = static_cast<uint8_t>(hash[i / 2] << 4 | digit);
  }
  return hash;
}

inline void appendLeb128(Bytes& to, uint64_t value) {
  while (value >= 0x80) {
    to.push_back(static_cast<uint8_t>(value) | 0x80);
    value >>= 7;
  }
  to.push_back(static_cast<uint8_t>(value));
}

/** Reads an unsigned LEB128 and moves `at` behind it; nothing when it runs past `end` or past 64 bits. */
inline std::optional<uint64_t> readLeb128(const uint8_t*& at, const uint8_t* end) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && at < end; shift += 7) {
    const uint8_t byte = *at++;
    if (shift == 63 && byte > 1) return std::nullopt;
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (!(byte & 0x80)) return value;
  }
  return std::nullopt;
}

/** `packsDir`/ab/abcd....pack: the same rule as packPath in src/codec/native.ts. */
inline std::string packPathOf(const std::string& packsDir, const std::string& id) {
  return packsDir + "/" + id.substr(0, 2) + "/" + id + ".pack";
}

}  // namespace ckpt

#endif  // CKPT_CODEC_BYTES_H
