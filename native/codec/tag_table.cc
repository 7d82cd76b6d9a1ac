// SPDX-License-Identifier: Apache-2.0
#include "codec/tag_table.h"

#include <algorithm>
#include <utility>

namespace ckpt {

void TagTable::Shard::put(uint64_t tag, PagePlace place) {
  size_t at = home(tag);
  while (entries[at].tag) at = next(at);
  entries[at] = Entry{tag, place.pack, place.slot};
  used++;
}

void TagTable::insert(uint64_t tag, PagePlace place) {
  tag = nonZero(tag);
  Shard& shard = shards_[shardOf(tag)];
  if ((shard.used + 1) * 100 > shard.entries.size() * 85) {
    grow(shard, std::max<size_t>(32, shard.entries.size() + shard.entries.size() / 4));
  }
  shard.put(tag, place);
  entries_++;
}

void TagTable::reserve(uint64_t entries) {
  // Evenly but for chance: 2 % on top.
  const auto capacity =
      static_cast<size_t>(static_cast<double>(entries) / static_cast<double>(shards_.size()) * 1.02 / 0.85);
  for (Shard& shard : shards_) {
    if (capacity > shard.entries.size()) grow(shard, capacity);
  }
}

void TagTable::grow(Shard& shard, size_t capacity) {
  Shard bigger;
  bigger.entries.resize(capacity, Entry{});
  for (const Entry& entry : shard.entries) {
    if (entry.tag) bigger.put(entry.tag, entry.place());
  }
  capacity_ += capacity - shard.entries.size();
  shard = std::move(bigger);
}

}  // namespace ckpt
