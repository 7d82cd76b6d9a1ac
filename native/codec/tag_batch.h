// SPDX-License-Identifier: Apache-2.0
//
// Tags on their way into a TagTable that is larger than the processor's caches: gathered, and then handed out shard by shard, so that each
// part of the table is brought into the cache once for thousands of them and not once for each.
#ifndef CKPT_CODEC_TAG_BATCH_H
#define CKPT_CODEC_TAG_BATCH_H

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

  template <typename Visit>
  void each(Visit visit) const {
    for (const Item& item : items_) visit(item.tag, PagePlace{item.pack, item.slot});
  }

 private:
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
