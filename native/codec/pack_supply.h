// SPDX-License-Identifier: Apache-2.0
//
// Packs that are not there and have to be brought from elsewhere: threads that need one wait here, the owner sees which are wanted,
// brings them and says so. A pack is opened the moment it was brought, so that nobody who makes room takes it away again.
#ifndef CKPT_CODEC_PACK_SUPPLY_H
#define CKPT_CODEC_PACK_SUPPLY_H

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "codec/error.h"
#include "codec/pack_file.h"
#include "codec/page_index.h"

namespace ckpt {

/** Thread-safe. */
class PackSupply {
 public:
  using Pack = std::shared_ptr<const PackFile>;

  /** `onWanted` is called, on any thread, when takeWanted() has something new. */
  PackSupply(std::string packsDir, std::function<void()> onWanted)
      : packsDir_(std::move(packsDir)), onWanted_(std::move(onWanted)) {}

  /** Blocks until the pack was brought. Throws as PackFile does when it still cannot be opened, and kind cancelled after stop(). */
  Pack await(const Hash& id) {
    std::unique_lock<std::mutex> lock(mutex_);
    std::shared_ptr<Request>& known = requests_[id];
    if (!known) {
      known = std::make_shared<Request>();
      wanted_.push_back(id);
    }
    const std::shared_ptr<Request> request = known;
    lock.unlock();
    onWanted_();
    lock.lock();
    changed_.wait(lock, [&] { return stopped_ || request->done; });
    if (!request->done) throw cancelledError();
    if (request->error) std::rethrow_exception(request->error);
    return request->pack;
  }

  /** Packs wanted since the last call. */
  std::vector<Hash> takeWanted() {
    std::lock_guard<std::mutex> lock(mutex_);
    return std::exchange(wanted_, {});
  }

  /** The pack's file is there, as far as it can be had. */
  void brought(const Hash& id) {
    Pack pack;
    std::exception_ptr error;
    try {
      const std::string name = hexOf(id);
      pack = std::make_shared<const PackFile>(packPathOf(packsDir_, name), name);
    } catch (const CodecError&) {
      error = std::current_exception();
    }
    std::lock_guard<std::mutex> lock(mutex_);
    const auto at = requests_.find(id);
    if (at == requests_.end()) return;
    *at->second = Request{true, pack, error};
    requests_.erase(at);
    changed_.notify_all();
  }

  /** Whoever waits is cancelled. */
  void stop() {
    std::lock_guard<std::mutex> lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }

 private:
  struct Request {
    bool done = false;
    Pack pack;
    std::exception_ptr error;
  };

  const std::string packsDir_;
  const std::function<void()> onWanted_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::unordered_map<Hash, std::shared_ptr<Request>, HashHasher> requests_;
  std::vector<Hash> wanted_;
  bool stopped_ = false;
};

}  // namespace ckpt

#endif  // CKPT_CODEC_PACK_SUPPLY_H
