// SPDX-License-Identifier: Apache-2.0
//
// The way out: events and packs become the image again, bit for bit. Its threads, and what they hand each other:
//
//   planner    takes the events that were pushed, in stream order, and cuts them into chunks
//   workers    read, decompress and verify the pages of a chunk
//   sink       takes the chunks in order: digest, descriptor
//
// With segments it makes a stretch of memory in place of an image: records are written as they are, and of the pages only the
// contents, each segment from its first byte to its last with zeros where the events have no page. Zeros are holes in a file.
//
// hasRoom() says when the owner may push on; the chunks and events that wait are bounded by that.
#ifndef CKPT_CODEC_IMAGE_WRITER_H
#define CKPT_CODEC_IMAGE_WRITER_H

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "codec/descriptor_io.h"
#include "codec/output_chunk.h"
#include "codec/pages_event.h"
#include "codec/stream_events.h"

namespace ckpt {

struct WriterOptions {
  int fd = -1;              // -1: nothing is written, the image is only rebuilt and verified
  bool trustPacks = false;  // with fd -1: the packs' directories are believed, their pages not read
  bool supplied = false;    // packs whose file is missing are wanted, and brought by the owner
  PageIdentity identity;
  std::string packsDir;
  unsigned threads = 0;  // 0: defaultThreads()
  // Only the image's bytes from firstByte to before endByte are written, and only the pages among them are read and verified.
  uint64_t firstByte = 0;
  uint64_t endByte = UINT64_MAX;
  // What may wait at most, in chunks of a MiB, in open packs (a descriptor each) and in bytes of events.
  size_t chunksMax = 12;
  size_t openPacksMax = 64;
  size_t eventBytesMax = 4 << 20;
  struct Segment {
    uint64_t firstPage = 0;
    uint64_t endPage = 0;
  };
  bool memory = false;            // write segments, not an image
  std::vector<Segment> segments;  // ascending; pages of events that are in none are left out
};

struct WriterSummary {
  uint64_t bytes = 0;  // of the whole image
  uint64_t pages = 0;  // written, or verified where nothing is written
  Hash digest = {};    // of the whole image; meaningless when only a part was written, or segments
};

class ImageWriter {
 public:
  /** `onChange` is called, on any thread, when hasRoom() or takeFinished() may have something new to say. */
  ImageWriter(const WriterOptions& options, std::function<void()> onChange);
  ~ImageWriter();

  /** Takes an event. Ends the writer with a CodecError of kind event when it is malformed or out of place. */
  void push(StreamEvent event);
  /** Whether push() may be called. Throws the CodecError that ended the writer. */
  bool hasRoom();
  /** No event follows. */
  void finish();
  /** After finish(), when everything is written. Throws the CodecError that ended the writer. */
  std::optional<WriterSummary> takeFinished();
  /** With `supplied`: packs that threads wait for, told once each; onChange says when there may be some. */
  std::vector<Hash> takeWanted() { return supply_ ? supply_->takeWanted() : std::vector<Hash>(); }
  /** The pack's file is there now. */
  void brought(const Hash& id) { supply_->brought(id); }
  /** Stops and joins the threads. Idempotent. */
  void close();
  uint64_t bytesWritten() const { return bytesWritten_; }

 private:
  struct Job {
    OutputChunk chunk;
    uint64_t start = 0;   // in the image
    bool filled = false;  // guarded by mutex_
  };

  void runPlanner();
  void plan(const StreamEvent& event);
  void planPages(Bytes value);
  void planMemory(const Bytes& value);
  void placeRun(const PagesEvent& event, const PageRun& run, uint64_t page, uint64_t endPage);
  void fillTo(uint64_t page);
  void emitRun();
  void passChunk();
  void runSink();
  void fail(std::exception_ptr error);
  void throwIfFailed();

  const WriterOptions options_;
  const std::function<void()> onChange_;
  StopEvent stop_;
  const std::unique_ptr<PackSupply> supply_;
  PackCache packs_;
  Hash zeroHash_;
  std::atomic<uint64_t> bytesWritten_{0};

  // The planner's: the events of a run of pages that is not complete (all addresses come before all contents).
  std::vector<Bytes> run_;
  uint32_t runPages_ = 0;
  uint32_t runTotal_ = 0;
  std::shared_ptr<Job> building_;
  uint64_t plannedBytes_ = 0;  // the sink reads it once planned_ is set
  size_t segment_ = 0;         // of options_.segments, the one being written
  uint64_t nextPage_ = 0;      // in it

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  bool stopping_ = false;
  bool closed_ = false;
  bool finishing_ = false;
  bool planned_ = false;  // finishing_, and every chunk is in sequence_
  std::exception_ptr error_;
  std::deque<StreamEvent> events_;
  size_t eventBytes_ = 0;
  std::deque<std::shared_ptr<Job>> sequence_;
  std::optional<WriterSummary> finished_;

  std::unique_ptr<WorkerPool> workers_;
  std::thread planner_;
  std::thread sink_;
};

}  // namespace ckpt

#endif  // CKPT_CODEC_IMAGE_WRITER_H
