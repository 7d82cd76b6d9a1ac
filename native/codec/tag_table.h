// SPDX-License-Identifier: Apache-2.0
//
// The dedup index's memory: an open-addressing table of 8-byte tags, in shards that grow one at a time, so that growing never
// needs twice the memory. 14 bytes an entry, at most 85 % full, growing by a quarter: some 18 bytes a page. A tag is the
// first 8 bytes of a page's hash; whoever finds one confirms it against the full hash.
#ifndef CKPT_CODEC_TAG_TABLE_H
#define CKPT_CODEC_TAG_TABLE_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace ckpt {

/** Where a page is: the pack's number within the index, and the slot. */
struct PagePlace {
  uint32_t pack;
  uint16_t slot;
};

/** Not thread-safe. */
class TagTable {
 public:
  /** Calls `visit(place)` for each entry of the tag until it returns true; returns whether one did. */
  template <typename Visit>
  bool find(uint64_t tag, Visit visit) const {
    tag = nonZero(tag);
    const Shard& shard = shards_[shardOf(tag)];
    if (shard.entries.empty()) return false;
    for (size_t at = shard.home(tag); shard.entries[at].tag; at = shard.next(at)) {
      if (shard.entries[at].tag == tag && visit(shard.entries[at].place())) return true;
    }
    return false;
  }

  /** Adds an entry, even where the tag has one. */
  void insert(uint64_t tag, PagePlace place);
  /** Points the first entry of the tag for which `match(place)` holds to another place; false when there is none. */
  template <typename Match>
  bool replace(uint64_t tag, PagePlace place, Match match) {
    tag = nonZero(tag);
    Shard& shard = shards_[shardOf(tag)];
    if (shard.entries.empty()) return false;
    for (size_t at = shard.home(tag); shard.entries[at].tag; at = shard.next(at)) {
      if (shard.entries[at].tag != tag || !match(shard.entries[at].place())) continue;
      shard.entries[at] = Entry{tag, place.pack, place.slot};
      return true;
    }
    return false;
  }

  /** Room for so many entries in all, so that filling the table moves nothing. Tags spread evenly: they are hashes. */
  void reserve(uint64_t entries);
  /** Brings the place of a tag that is looked for soon into the cache: a large table costs little else but that. */
  void prefetch(uint64_t tag) const {
    const Shard& shard = shards_[shardOf(tag)];
    if (shard.entries.empty()) return;
    __builtin_prefetch(shard.entries.data() + shard.home(nonZero(tag)), 1);
  }

  /** Which of the 256 shards has a tag. */
  static size_t shardOf(uint64_t tag) { return nonZero(tag) >> 56; }

  uint64_t entries() const { return entries_; }
  uint64_t memoryBytes() const { return capacity_ * sizeof(Entry); }

 private:
  // Packed: padding would take a seventh of the memory. Together: most lookups touch one cache line.
  struct __attribute__((packed)) Entry {
    uint64_t tag;  // 0: empty
    uint32_t pack;
    uint16_t slot;

    PagePlace place() const { return {pack, slot}; }
  };
  static_assert(sizeof(Entry) == 14);

  struct Shard {
    std::vector<Entry> entries;
    size_t used = 0;

    // The tag's low 56 bits, scaled to the capacity: entries stand in the order of their tags, but for collisions.
    size_t home(uint64_t tag) const {
      return static_cast<size_t>((static_cast<unsigned __int128>(tag << 8) * entries.size()) >> 64);
    }
    size_t next(size_t at) const { return at + 1 == entries.size() ? 0 : at + 1; }
    void put(uint64_t tag, PagePlace place);
  };

  // Tag 0 marks an empty entry; a hash that starts with 8 zero bytes shares tag 1.
  static uint64_t nonZero(uint64_t tag) { return tag ? tag : 1; }
  void grow(Shard& shard, size_t capacity);

  std::array<Shard, 256> shards_;
  uint64_t entries_ = 0;
  uint64_t capacity_ = 0;
};

}  // namespace ckpt

#endif  // CKPT_CODEC_TAG_TABLE_H
