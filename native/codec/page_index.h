// SPDX-License-Identifier: Apache-2.0
//
// Which page is in which pack. A tag that is found is confirmed against the full hash in the pack's directory, from a bounded
// cache of directories or from the pack's file.
//
// Who may see a pack: one that load() was given, everybody; one that a reader is just making, that reader alone, because
// nobody else can know whether it has reached the log. When the reader's image is complete its packs become everybody's
// (those whose file is there); when it fails they are forgotten.
#ifndef CKPT_CODEC_PAGE_INDEX_H
#define CKPT_CODEC_PAGE_INDEX_H

#include <atomic>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "codec/bytes.h"
#include "codec/tag_table.h"

namespace ckpt {

/** Hash of a hash: its first bytes are as random as any. */
struct HashHasher {
  size_t operator()(const Hash& hash) const { return ckpt::load<size_t>(hash.data()); }
};

/** Thread-safe. */
class PageIndex {
 public:
  /** A reader's claim to the packs it is making; 0 is nobody. */
  using Owner = uint64_t;

  explicit PageIndex(std::string packsDir) : packsDir_(std::move(packsDir)) {}

  /** Takes up the directories of packs, on several threads. Throws the first CodecError after having tried all. */
  void load(const std::vector<Hash>& ids);

  Owner newOwner() { return nextOwner_++; }
  /** Takes up a pack that its owner has just closed. Returns its number. */
  uint32_t add(const Hash& id, Bytes directory, Owner owner);
  /** The owner's packs become everybody's (`complete`), or are forgotten. */
  void release(Owner owner, bool complete);

  /** These packs are not chosen any more, and not known. Unknown ids are passed over. */
  void forget(const std::vector<Hash>& ids);
  /** So are all but these, of everybody's packs. */
  void keepOnly(const std::vector<Hash>& ids);

  /**
   * Finds pages: out[i] is set where hashes[i] is known to the owner and wanted[i] is not 0.
   * found[i] says whether it is.
   */
  void find(const Hash* hashes, const uint8_t* wanted, size_t count, Owner owner, PagePlace* out, uint8_t* found);
  Hash idOf(uint32_t pack) const;

  uint64_t pages() const { return pages_; }
  uint64_t packs() const { return packCount_; }
  uint64_t memoryBytes() const { return memoryBytes_; }
  const std::string& packsDir() const { return packsDir_; }

 private:
  struct Entry {
    Hash id;
    Owner owner;
    bool dead;
    uint8_t misses;  // lookups since its directory was last in the cache
  };
  struct Cached {
    uint32_t pack;
    Bytes directory;
  };

  void reserveFor(const std::vector<Hash>& ids);
  std::optional<uint32_t> enter(const Hash& id, Owner owner);
  void insert(uint64_t tag, PagePlace place, Owner owner);
  bool confirm(const Hash& hash, PagePlace place, Owner owner);
  void cache(uint32_t pack, Bytes directory);
  void evict();
  void die(uint32_t pack);
  void count();
  std::string pathOf(const Hash& id) const;

  const std::string packsDir_;
  std::atomic<Owner> nextOwner_{1};
  std::atomic<uint64_t> pages_{0}, packCount_{0}, memoryBytes_{0};

  mutable std::mutex mutex_;  // guards all below
  TagTable table_;
  std::vector<Entry> entries_;
  std::unordered_map<Hash, uint32_t, HashHasher> numbers_;
  std::list<Cached> cache_;  // most recently used first
  std::unordered_map<uint32_t, std::list<Cached>::iterator> cached_;
  size_t cachedBytes_ = 0;
  uint64_t deadPacks_ = 0;
};

}  // namespace ckpt

#endif  // CKPT_CODEC_PAGE_INDEX_H
