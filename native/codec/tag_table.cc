// SPDX-License-Identifier: Apache-2.0
#include "codec/tag_table.h"

#include <algorithm>
#include <utility>

namespace ckpt {

void TagTable::Shard::put(uint64_t tag, PagePlace place) {
  size_t at = home(tag);
  while (tags[at]) at = next(at);
  tags[at] = tag;
  packs[at] = place.pack;
  slots[at] = place.slot;
  used++;
}

void TagTable::insert(uint64_t tag, PagePlace place) {
  tag = nonZero(tag);
  Shard& shard = shards_[shardOf(tag)];
  if ((shard.used + 1) * 100 > shard.tags.size() * 85) {
    grow(shard, std::max<size_t>(32, shard.tags.size() + shard.tags.size() / 4));
  }
  shard.put(tag, place);
  entries_++;
}

void TagTable::reserve(uint64_t entries) {
  // Evenly but for chance: 2 % on top.
  const auto capacity =
      static_cast<size_t>(static_cast<double>(entries) / static_cast<double>(shards_.size()) * 1.02 / 0.85);
  for (Shard& shard : shards_) {
    if (capacity > shard.tags.size()) grow(shard, capacity);
  }
}

void TagTable::grow(Shard& shard, size_t capacity) {
  Shard bigger;
  bigger.tags.assign(capacity, 0);
  bigger.packs.resize(capacity);
  bigger.slots.resize(capacity);
  for (size_t at = 0; at < shard.tags.size(); at++) {
    if (shard.tags[at]) bigger.put(shard.tags[at], PagePlace{shard.packs[at], shard.slots[at]});
  }
  capacity_ += capacity - shard.tags.size();
  shard = std::move(bigger);
}

}  // namespace ckpt
