// SPDX-License-Identifier: Apache-2.0
//
// Tags on their way into a TagTable that is larger than the processor's caches: gathered, and then handed out shard by shard, so that each
// part of the table is brought into the cache once for thousands of them and not once for each.
#ifndef CKPT_CODEC_TAG_BATCH_H
#define CKPT_CODEC_TAG_BATCH_H

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "codec/tag_table.h"

namespace ckpt {

/** Not thread-safe. Some 40 MiB when it is full; nothing before the first tag. */
class TagBatch {
 public:
  /** More must not be added. */
  static constexpr size_t kTagsMax = 1 << 20;

  size_t size() const { return items_.size(); }
  /** For so many tags, or as many as it may hold. */
  void reserve(size_t tags) {
    items_.reserve(std::min(tags, kTagsMax));
    sorted_.reserve(std::min(tags, kTagsMax));
  }
  void add(uint64_t tag, PagePlace place) { items_.push_back(Item{tag, place.pack, place.slot}); }
  void clear() { items_.clear(); }

  /** In the order of the table's shards; within one, as they were added. */
  void sort() {
    std::array<size_t, 257> starts = {};
    for (const Item& item : items_) starts[TagTable::shardOf(item.tag) + 1]++;
    for (size_t shard = 1; shard < starts.size(); shard++) starts[shard] += starts[shard - 1];
    sorted_.resize(items_.size());
    for (const Item& item : items_) sorted_[starts[TagTable::shardOf(item.tag)]++] = item;
    items_.swap(sorted_);
  }

  /** `ahead(tag)` is called some tags before `visit(tag, place)`, so that its place in the table is in the cache by then. */
  template <typename Ahead, typename Visit>
  void each(Ahead ahead, Visit visit) const {
    for (size_t at = 0; at < items_.size(); at++) {
      if (at + kAhead < items_.size()) ahead(items_[at + kAhead].tag);
      const Item& item = items_[at];
      visit(item.tag, PagePlace{item.pack, item.slot});
    }
  }

 private:
  static constexpr size_t kAhead = 16;

  struct Item {
    uint64_t tag;
    uint32_t pack;
    uint16_t slot;
  };

  std::vector<Item> items_;
  std::vector<Item> sorted_;
};

}  // namespace ckpt

#endif  // CKPT_CODEC_TAG_BATCH_H
