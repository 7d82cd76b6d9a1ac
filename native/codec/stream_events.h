// SPDX-License-Identifier: Apache-2.0
//
// The events of a stream that wait for the packs they name. New pages are numbered through the stream; a number becomes a pack
// and a slot when its pack is closed, and packs close in order. Used by the sequencer's thread alone.
#ifndef CKPT_CODEC_STREAM_EVENTS_H
#define CKPT_CODEC_STREAM_EVENTS_H

#include <deque>
#include <functional>
#include <vector>

#include "codec/page_index.h"
#include "codec/pages_event.h"

namespace ckpt {

/** Where a page of the stream is. */
struct PageRef {
  enum class Kind : uint8_t {
    kZero,
    kStored,   // in a pack that is closed: pack, slot
    kPending,  // in a pack of this stream that is not: number
  };
  Kind kind = Kind::kZero;
  bool isNew = false;  // this stream stores it first, here
  uint16_t slot = 0;
  uint32_t pack = 0;    // number within the index
  uint64_t number = 0;  // of the new page
};

/** The value of an event for the log. */
struct StreamEvent {
  bool pages = false;  // a `pages` event; else a `record`
  Bytes value;
};

class StreamEvents {
 public:
  using Emit = std::function<void(StreamEvent)>;

  StreamEvents(std::shared_ptr<PageIndex> index, Emit emit) : index_(std::move(index)), emit_(std::move(emit)) {}

  void record(const uint8_t* bytes, size_t count);
  /** A run of `total` pages begins; addPage() is called for each of them. */
  void beginRun(uint32_t total);
  void addPage(uint64_t address, const PageRef& ref);
  /** A pack of this stream is closed: it holds the `pages` pending pages that come next. */
  void packClosed(uint32_t pack, uint32_t pages);

  /** Emits what can be. */
  void drain();
  bool empty() const { return waiting_.empty(); }
  /** Memory that waiting events take. */
  size_t waitingBytes() const { return waitingBytes_; }

 private:
  // Pages at consecutive addresses and consecutive places.
  struct Segment {
    uint64_t firstPage;
    PageRef ref;  // of the first
    uint32_t count;
  };
  struct Waiting {
    bool pages = false;
    Bytes record;
    std::vector<Segment> segments;
    size_t drained = 0;    // segments done
    uint32_t total = 0;    // pages of the run
    uint32_t missing = 0;  // pages of the run not added yet
    bool started = false;
  };
  struct ClosedPack {
    uint64_t first;
    uint32_t pages;
    uint32_t pack;
    Hash id;
  };

  bool drainRun(Waiting& run);
  void emitSegment(const Segment& segment);
  void emitRun(const PageRun& run, const Hash& id, uint32_t newPages);
  const ClosedPack& packOf(uint64_t number) const;

  std::shared_ptr<PageIndex> index_;
  Emit emit_;
  std::deque<Waiting> waiting_;
  size_t waitingBytes_ = 0;
  std::vector<ClosedPack> closed_;
  uint64_t resolved_ = 0;  // pending pages below this number are in closed packs
  PagesEventBuilder builder_;
};

}  // namespace ckpt

#endif  // CKPT_CODEC_STREAM_EVENTS_H
