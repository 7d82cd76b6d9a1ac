// SPDX-License-Identifier: Apache-2.0
//
// Open packs, the most recently used ones, shared by the threads that read them.
#ifndef CKPT_CODEC_PACK_CACHE_H
#define CKPT_CODEC_PACK_CACHE_H

#include <unistd.h>

#include <list>
#include <mutex>
#include <unordered_map>

#include "codec/pack_file.h"
#include "codec/pack_supply.h"
#include "codec/page_index.h"

namespace ckpt {

/** Thread-safe. Each open pack takes a descriptor and some 70 KiB. */
class PackCache {
 public:
  /** `supply` brings packs whose file is not there; null: there is none. Borrowed. */
  PackCache(std::string packsDir, size_t packsMax, PackSupply* supply = nullptr)
      : packsDir_(std::move(packsDir)), packsMax_(packsMax), supply_(supply) {}

  /** Throws as PackFile does, and as the supply does. */
  std::shared_ptr<const PackFile> open(const Hash& id) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      const auto at = byId_.find(id);
      if (at != byId_.end()) {
        order_.splice(order_.begin(), order_, at->second);
        return at->second->pack;
      }
    }
    auto pack = read(id);
    std::lock_guard<std::mutex> lock(mutex_);
    if (byId_.count(id)) return pack;
    order_.push_front(Entry{id, pack});
    byId_[id] = order_.begin();
    if (order_.size() > packsMax_) {
      byId_.erase(order_.back().id);
      order_.pop_back();
    }
    return pack;
  }

 private:
  std::shared_ptr<const PackFile> read(const Hash& id) {
    const std::string name = hexOf(id);
    const std::string path = packPathOf(packsDir_, name);
    const auto isMissing = [&] { return supply_ && access(path.c_str(), F_OK) != 0; };
    if (isMissing()) return supply_->await(id);
    try {
      return std::make_shared<const PackFile>(path, name);
    } catch (const CodecError&) {
      if (!isMissing()) throw;
    }
    return supply_->await(id);
  }

  struct Entry {
    Hash id;
    std::shared_ptr<const PackFile> pack;
  };

  const std::string packsDir_;
  const size_t packsMax_;
  PackSupply* const supply_;
  std::mutex mutex_;
  std::list<Entry> order_;  // most recently used first
  std::unordered_map<Hash, std::list<Entry>::iterator, HashHasher> byId_;
};

}  // namespace ckpt

#endif  // CKPT_CODEC_PACK_CACHE_H
