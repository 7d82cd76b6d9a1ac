// SPDX-License-Identifier: Apache-2.0
//
// A stretch of an image on its way through the reader: at most a MiB of page contents, and the records and page addresses
// between them, in stream order. Batches are few and used again, which bounds the reader's memory.
#ifndef CKPT_CODEC_BATCH_H
#define CKPT_CODEC_BATCH_H

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "codec/bytes.h"
#include "codec/image_parser.h"

namespace ckpt {

constexpr size_t kBatchPages = 256;
constexpr size_t kBatchPageBytes = kBatchPages * kPageBytes;
/** A batch is passed on when its records and addresses reach this. One run's addresses may come on top. */
constexpr size_t kBatchAuxBytes = 512 << 10;

struct BatchItem {
  enum class Kind {
    kRecord,    // bytes [at, at + count) of aux: a record, or a piece of one
    kRun,       // bytes [at, at + count) of aux: the addresses of the run of pages that begins here
    kPages,     // pages [at, at + count) of the batch: the next pages of the run
    kImageEnd,  // the image is complete
  };
  Kind kind;
  size_t at;
  size_t count;
};

struct Batch {
  Batch() : pages(new (std::align_val_t{kPageBytes}) uint8_t[kBatchPageBytes]) {}
  ~Batch() { operator delete[](pages, std::align_val_t{kPageBytes}); }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  void clear() {
    pageBytes = 0;
    aux.clear();
    items.clear();
    hashed = false;
  }
  size_t pageCount() const { return pageBytes / kPageBytes; }
  const uint8_t* page(size_t i) const { return pages + i * kPageBytes; }

  uint8_t* const pages;
  size_t pageBytes = 0;
  Bytes aux;
  std::vector<BatchItem> items;
  ImageTotals totals;  // with kImageEnd

  // By a worker:
  std::vector<Hash> hashes;
  std::vector<uint8_t> nonZero;
  bool hashed = false;  // guarded by the reader's lock
};

/** Lends batches; take() waits until one is free. */
class BatchPool : public std::enable_shared_from_this<BatchPool> {
 public:
  explicit BatchPool(size_t batchesMax) : batchesMax_(batchesMax) {}

  /** An empty batch, given back when its last owner lets go; null after stop(). */
  std::shared_ptr<Batch> take() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return stopped_ || !free_.empty() || made_ < batchesMax_; });
    if (stopped_) return nullptr;
    std::unique_ptr<Batch> batch;
    if (free_.empty()) {
      made_++;
      batch = std::make_unique<Batch>();
    } else {
      batch = std::move(free_.back());
      free_.pop_back();
    }
    lock.unlock();
    batch->clear();
    return std::shared_ptr<Batch>(batch.release(), [pool = shared_from_this()](Batch* back) { pool->give(back); });
  }

  void stop() {
    std::lock_guard<std::mutex> lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }

 private:
  void give(Batch* batch) {
    std::lock_guard<std::mutex> lock(mutex_);
    free_.emplace_back(batch);
    changed_.notify_one();
  }

  const size_t batchesMax_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::unique_ptr<Batch>> free_;
  size_t made_ = 0;
  bool stopped_ = false;
};

}  // namespace ckpt

#endif  // CKPT_CODEC_BATCH_H
