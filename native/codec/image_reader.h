// SPDX-License-Identifier: Apache-2.0
//
// The way in: a descriptor's images become packs and events. Its threads, and what they hand each other:
//
//   source     reads, parses, fills batches                     at most kBatchesMax batches are about
//   workers    hash a batch's pages; compress frames; close packs
//   sequencer  takes batches in stream order: dedup, frames, packs, events, the image's digest, the output queue
//
// The owner takes batches of output; while kOutputBytesMax of it wait, the sequencer rests, the batches run out, and the
// source stops reading. All memory is bounded, whatever the image.
#ifndef CKPT_CODEC_IMAGE_READER_H
#define CKPT_CODEC_IMAGE_READER_H

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "codec/batch.h"
#include "codec/descriptor_io.h"
#include "codec/pack_builder.h"
#include "codec/page_hasher.h"
#include "codec/page_index.h"
#include "codec/stream_events.h"
#include "codec/worker_pool.h"

namespace ckpt {

/** zstd level of frames. -1 takes some 8 % less processor time and stores some 10 % more (heaps of node, python and java). */
constexpr int kDefaultLevel = 1;

struct ReaderOptions {
  int fd = -1;
  PageIdentity identity;
  PackBuilder::LogId logId = {};
  std::shared_ptr<PageIndex> index;  // null: only the summary is made
  bool stream = false;               // images back to back; else a byte after the first one's tail is an error
  int level = kDefaultLevel;
  unsigned threads = 0;  // 0: defaultThreads()
};

/** What an image came to. Field by field as ImageSummary in src/codec/native.ts. */
struct ImageSummary {
  ImageTotals totals;
  uint64_t zeroPages = 0;
  uint64_t newPages = 0;
  uint64_t newPacks = 0;
  uint64_t storedBytes = 0;
  Hash digest;
};

struct ReaderBatch {
  std::vector<Pack> packs;
  std::vector<StreamEvent> events;
  std::optional<ImageSummary> image;
};

class StreamPacker;

class ImageReader {
 public:
  /** `onChange` is called, on any thread, when takeBegun() or takeBatch() has something new to say. */
  ImageReader(const ReaderOptions& options, std::function<void()> onChange);
  ~ImageReader();

  /** Asks for the next image. */
  void begin(const std::string& checkpoint);
  /** Whether there is one; nothing: not known yet. Throws the CodecError that ended the reader. */
  std::optional<bool> takeBegun();
  /**
   * The next stretch; nothing: not there yet. Throws the CodecError that ended the reader. The index is not asked for any page of an
   * image before its owner has called this: what it may rely on is only certain once its stream stands in the log.
   */
  std::optional<ReaderBatch> takeBatch();
  /** Stops and joins the threads: some milliseconds. Idempotent. */
  void close();
  uint64_t bytesRead() const { return bytesRead_; }

 private:
  friend class StreamPacker;

  void runSource();
  void readImages();
  void pass(std::shared_ptr<Batch> batch);
  void runSequencer();
  void fail(std::exception_ptr error);
  void throwIfFailed();
  void emit(StreamEvent event);
  void emit(Pack pack);

  const ReaderOptions options_;
  const std::function<void()> onChange_;
  StopEvent stop_;
  std::shared_ptr<BatchPool> batches_;
  std::atomic<uint64_t> bytesRead_{0};
  PageIndex::Owner owner_ = 0;

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  bool stopping_ = false;
  bool closed_ = false;
  std::exception_ptr error_;
  std::optional<std::string> wantedImage_;
  std::optional<bool> begun_;
  bool imageOpen_ = false;    // begun, and its last batch not taken
  bool outputAsked_ = false;  // since it was begun
  std::deque<std::shared_ptr<Batch>> sequence_;
  ReaderBatch output_;
  size_t outputBytes_ = 0;

  std::unique_ptr<StreamPacker> packer_;
  std::unique_ptr<WorkerPool> workers_;
  std::thread source_;
  std::thread sequencer_;
};

}  // namespace ckpt

#endif  // CKPT_CODEC_IMAGE_READER_H
