// SPDX-License-Identifier: Apache-2.0
#include "codec/page_index.h"

#include <unistd.h>

#include <thread>
#include <unordered_set>

#include "codec/error.h"
#include "codec/pack_file.h"
#include "codec/tag_batch.h"
#include "codec/worker_pool.h"

namespace ckpt {

namespace {

// Packs, evenly spread, whose sizes tell how large the index of very many will be.
constexpr size_t kSamplePacks = 256;
// Slots ahead whose places are fetched into the processor's cache.
constexpr size_t kPrefetchSlots = 16;
constexpr size_t kCacheBytesMax = 16 << 20;
// A pack that is asked for this often without being cached is read in order, most likely: its whole directory is read.
constexpr uint8_t kMissesBeforeRead = 2;

}  // namespace

std::string PageIndex::pathOf(const Hash& id) const { return packPathOf(packsDir_, hexOf(id)); }

void PageIndex::load(const std::vector<Hash>& ids) {
  std::atomic<size_t> next{0};
  reserveFor(ids);
  std::mutex errorMutex;
  std::exception_ptr error;
  const auto loadSome = [&] {
    TagBatch batch;
    batch.reserve(ids.size() * CKPT_PACK_PAGES_MAX);
    const auto flush = [&] {
      if (batch.size() == 0) return;
      batch.sort();
      std::lock_guard<std::mutex> lock(mutex_);
      batch.each([&](uint64_t tag) { table_.prefetch(tag); },
                 [&](uint64_t tag, PagePlace place) { insert(tag, place, 0); });
      batch.clear();
      count();
    };
    for (size_t i; (i = next++) < ids.size();) {
      try {
        {
          std::lock_guard<std::mutex> lock(mutex_);
          const auto known = numbers_.find(ids[i]);
          if (known != numbers_.end() && !entries_[known->second].dead) {
            entries_[known->second].owner = 0;
            continue;
          }
        }
        const PackFile pack(pathOf(ids[i]), hexOf(ids[i]));
        if (batch.size() + pack.pages() > TagBatch::kTagsMax) flush();
        std::optional<uint32_t> number;
        {
          std::lock_guard<std::mutex> lock(mutex_);
          number = enter(ids[i], 0);
        }
        if (!number) continue;
        for (uint32_t slot = 0; slot < pack.pages(); slot++) {
          batch.add(ckpt::load<uint64_t>(pack.hashOf(slot)), PagePlace{*number, static_cast<uint16_t>(slot)});
        }
      } catch (...) {
        std::lock_guard<std::mutex> lock(errorMutex);
        if (!error) error = std::current_exception();
      }
    }
    flush();
  };
  std::vector<std::thread> helpers;
  const size_t wanted = std::min<size_t>(defaultThreads(), ids.size() / 8);
  for (size_t i = 1; i < wanted; i++) helpers.emplace_back(loadSome);
  loadSome();
  for (auto& helper : helpers) helper.join();
  if (error) std::rethrow_exception(error);
}

// Growing step by step moves everything several times, and takes a fifth more memory in the end.
void PageIndex::reserveFor(const std::vector<Hash>& ids) {
  if (ids.size() < 2 * kSamplePacks) return;
  uint64_t pages = 0;
  for (size_t i = 0; i < kSamplePacks; i++) {
    const Hash& id = ids[i * ids.size() / kSamplePacks];
    try {
      pages += PackFile(pathOf(id), hexOf(id)).pages();
    } catch (const CodecError&) {
      // Whoever loads it says so.
    }
  }
  std::lock_guard<std::mutex> lock(mutex_);
  table_.reserve(table_.entries() + pages * ids.size() / kSamplePacks);
}

uint32_t PageIndex::add(const Hash& id, Bytes directory, Owner owner) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto isNew = enter(id, owner);
  const uint32_t pack = numbers_.at(id);
  for (size_t slot = 0; isNew && slot * kHashBytes < directory.size(); slot++) {
    const size_t ahead = (slot + kPrefetchSlots) * kHashBytes;
    if (ahead < directory.size()) table_.prefetch(ckpt::load<uint64_t>(directory.data() + ahead));
    insert(ckpt::load<uint64_t>(directory.data() + slot * kHashBytes), {pack, static_cast<uint16_t>(slot)}, owner);
  }
  count();
  cache(pack, std::move(directory));
  return pack;
}

// Holds the lock. The pack's number, if its tags have yet to be inserted.
std::optional<uint32_t> PageIndex::enter(const Hash& id, Owner owner) {
  const auto [at, isNew] = numbers_.try_emplace(id, static_cast<uint32_t>(entries_.size()));
  const uint32_t pack = at->second;
  if (isNew) {
    entries_.push_back(Entry{id, owner, false, 0});
    return pack;
  }
  Entry& entry = entries_[pack];
  entry.owner = owner;
  if (!entry.dead) return std::nullopt;
  entry.dead = false;
  deadPacks_--;
  return pack;
}

// Holds the lock.
void PageIndex::insert(uint64_t tag, PagePlace place, Owner owner) {
  const auto visible = [&](PagePlace p) {
    const Entry& entry = entries_[p.pack];
    return !entry.dead && (entry.owner == 0 || entry.owner == owner);
  };
  // Two pages of one tag: the second is not found again, and stored once more. At 64 bits that is rarer than a broken disk.
  if (table_.find(tag, visible)) return;
  if (deadPacks_ > 0 && table_.replace(tag, place, [&](PagePlace p) { return entries_[p.pack].dead; })) return;
  table_.insert(tag, place);
}

void PageIndex::count() {
  pages_ = table_.entries();
  packCount_ = entries_.size() - deadPacks_;
  memoryBytes_ = table_.memoryBytes();
}

void PageIndex::release(Owner owner, bool complete) {
  std::lock_guard<std::mutex> lock(mutex_);
  // The owner's packs are among the last ones.
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
    if (entry->owner != owner || entry->dead) continue;
    if (complete && access(pathOf(entry->id).c_str(), F_OK) == 0) {
      entry->owner = 0;
    } else {
      entry->dead = true;
      deadPacks_++;
    }
  }
  count();
}

void PageIndex::forget(const std::vector<Hash>& ids) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (const Hash& id : ids) {
    const auto at = numbers_.find(id);
    if (at != numbers_.end()) die(at->second);
  }
  count();
}

void PageIndex::keepOnly(const std::vector<Hash>& ids) {
  const std::unordered_set<Hash, HashHasher> kept(ids.begin(), ids.end());
  std::lock_guard<std::mutex> lock(mutex_);
  for (uint32_t pack = 0; pack < entries_.size(); pack++) {
    if (entries_[pack].owner == 0 && kept.count(entries_[pack].id) == 0) die(pack);
  }
  count();
}

// Holds the lock.
void PageIndex::die(uint32_t pack) {
  if (entries_[pack].dead) return;
  entries_[pack].dead = true;
  deadPacks_++;
  const auto cached = cached_.find(pack);
  if (cached == cached_.end()) return;
  cachedBytes_ -= cached->second->directory.size();
  cache_.erase(cached->second);
  cached_.erase(cached);
}

void PageIndex::find(const Hash* hashes, const uint8_t* wanted, size_t count, Owner owner, PagePlace* out,
                     uint8_t* found) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (size_t i = 0; i < count; i++) {
    found[i] = 0;
    if (!wanted[i]) continue;
    found[i] = table_.find(ckpt::load<uint64_t>(hashes[i].data()), [&](PagePlace place) {
      out[i] = place;
      return confirm(hashes[i], place, owner);
    });
  }
}

// Holds the lock. A pack that cannot be read is as good as none: the page is stored again, and verifying will tell.
bool PageIndex::confirm(const Hash& hash, PagePlace place, Owner owner) {
  Entry& entry = entries_[place.pack];
  if (entry.dead || (entry.owner != 0 && entry.owner != owner)) return false;
  auto at = cached_.find(place.pack);
  if (at == cached_.end()) {
    if (entry.misses < kMissesBeforeRead) {
      entry.misses++;
      const auto full = readDirectoryEntry(pathOf(entry.id), place.slot);
      return full && *full == hash;
    }
    try {
      const PackFile pack(pathOf(entry.id), hexOf(entry.id));
      cache(place.pack, pack.directory());
    } catch (const CodecError&) {
      return false;
    }
    at = cached_.find(place.pack);
  } else {
    cache_.splice(cache_.begin(), cache_, at->second);
  }
  const Bytes& directory = at->second->directory;
  const size_t offset = place.slot * kHashBytes;
  return offset + kHashBytes <= directory.size() && memcmp(directory.data() + offset, hash.data(), kHashBytes) == 0;
}

void PageIndex::cache(uint32_t pack, Bytes directory) {
  if (cached_.count(pack)) return;
  cachedBytes_ += directory.size();
  cache_.push_front(Cached{pack, std::move(directory)});
  cached_[pack] = cache_.begin();
  entries_[pack].misses = 0;
  evict();
}

// The directory of a pack whose file is not there yet is the only one there is: it stays.
void PageIndex::evict() {
  auto at = cache_.end();
  while (cachedBytes_ > kCacheBytesMax && at != cache_.begin()) {
    --at;
    if (at == cache_.begin()) break;
    const Entry& entry = entries_[at->pack];
    if (!entry.dead && entry.owner != 0 && access(pathOf(entry.id).c_str(), F_OK) != 0) continue;
    cachedBytes_ -= at->directory.size();
    cached_.erase(at->pack);
    at = cache_.erase(at);
  }
}

Hash PageIndex::idOf(uint32_t pack) const {
  std::lock_guard<std::mutex> lock(mutex_);
  return entries_[pack].id;
}

}  // namespace ckpt
