// SPDX-License-Identifier: Apache-2.0
#include "pager/address_map.h"

#include <algorithm>
#include <vector>

namespace ckpt {

void AddressMap::insert(const Piece& piece) {
  if (piece.count == 0) return;
  byNow_[piece.now] = piece;
  byHome_[piece.home] = piece;
}

void AddressMap::cut(uint64_t first, uint64_t count) {
  const uint64_t end = first + count;
  auto at = byNow_.upper_bound(first);
  if (at != byNow_.begin()) --at;
  while (at != byNow_.end() && at->second.now < end) {
    const Piece piece = at->second;
    if (piece.now + piece.count <= first) {
      ++at;
      continue;
    }
    at = byNow_.erase(at);
    byHome_.erase(piece.home);
    if (piece.now < first) insert({piece.now, piece.home, first - piece.now});
    if (piece.now + piece.count > end) insert({end, piece.home + (end - piece.now), piece.now + piece.count - end});
  }
}

void AddressMap::move(uint64_t from, uint64_t to, uint64_t count) {
  std::vector<Piece> moving;
  auto at = byNow_.upper_bound(from);
  if (at != byNow_.begin()) --at;
  for (; at != byNow_.end() && at->second.now < from + count; ++at) {
    const Piece& piece = at->second;
    const uint64_t first = std::max(piece.now, from), end = std::min(piece.now + piece.count, from + count);
    if (first < end) moving.push_back({to + (first - from), piece.home + (first - piece.now), end - first});
  }
  cut(from, count);
  cut(to, count);
  for (const Piece& piece : moving) insert(piece);
}

std::optional<uint64_t> AddressMap::homeOf(uint64_t now) const {
  auto at = byNow_.upper_bound(now);
  if (at == byNow_.begin()) return std::nullopt;
  const Piece& piece = (--at)->second;
  if (now - piece.now >= piece.count) return std::nullopt;
  return piece.home + (now - piece.now);
}

std::optional<uint64_t> AddressMap::nowOf(uint64_t home) const {
  auto at = byHome_.upper_bound(home);
  if (at == byHome_.begin()) return std::nullopt;
  const Piece& piece = (--at)->second;
  if (home - piece.home >= piece.count) return std::nullopt;
  return piece.now + (home - piece.home);
}

}  // namespace ckpt
