// SPDX-License-Identifier: Apache-2.0
//
// The value of a `pages` event (format/store.mjs): pages_event, pack ids, runs.
//
//   run = gap head [pack slot]     unsigned LEB128; gap in pages from the end of the run before, at first from address 0;
//                                  head = count << 1 | kind; pack and slot for RUN_PACK only
#ifndef CKPT_CODEC_PAGES_EVENT_H
#define CKPT_CODEC_PAGES_EVENT_H

#include <unordered_map>

#include "codec/bytes.h"
#include "codec/error.h"

namespace ckpt {

/** Pages at consecutive addresses: all zero, or in consecutive slots of one pack. */
struct PageRun {
  uint64_t firstPage = 0;  // address / PAGE_BYTES
  uint32_t count = 0;
  bool zero = false;
  uint32_t pack = 0;  // in an event: index into its pack ids; in the builder: any number that tells packs apart
  uint32_t slot = 0;
};

/** Builds events of one VMA or PAGES record after the other. */
class PagesEventBuilder {
 public:
  /** The next pages belong to a VMA or PAGES record of `total` pages. */
  void start(uint32_t total);
  /** Whether another run surely fits; if not, take() first. */
  bool hasRoom() const;
  /** Adds a run behind the others; it is joined with the one before where it continues it. `id` is its pack's. */
  void add(const PageRun& run, const Hash& id, uint32_t newPages);
  bool empty() const { return header_.pages == 0; }
  /** The event's value. What follows goes into another one. */
  Bytes take();

 private:
  void flush();

  pages_event header_ = {};
  uint32_t first_ = 0;
  uint32_t total_ = 0;
  Bytes ids_;
  Bytes runs_;
  std::unordered_map<uint32_t, uint32_t> packs_;
  PageRun open_;
  uint64_t end_ = 0;  // page after the last run written
};

/** A parsed event. Points into the value it was made from. */
class PagesEvent {
 public:
  /** Checks everything that can be checked without the packs. Throws CodecError of kind event. */
  PagesEvent(const uint8_t* value, size_t bytes);

  const pages_event& header() const { return header_; }
  Hash packId(uint32_t pack) const;
  const std::vector<PageRun>& runs() const { return runs_; }

 private:
  pages_event header_;
  const uint8_t* ids_;
  std::vector<PageRun> runs_;
};

}  // namespace ckpt

#endif  // CKPT_CODEC_PAGES_EVENT_H
