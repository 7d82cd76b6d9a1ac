// SPDX-License-Identifier: Apache-2.0
//
// Reads frames ahead of the task on a thread of the lowest priority. The pager says which and puts them in place itself: only
// one thread ever touches the task's memory, so that no page comes behind what the task has done to its place.
#ifndef CKPT_PAGER_BACKGROUND_H
#define CKPT_PAGER_BACKGROUND_H

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "codec/unique_fd.h"
#include "pager/page_source.h"

namespace ckpt {

/** A frame for the pages from `home` on that are in it. */
struct FrameJob {
  uint64_t home = 0;
  uint32_t pack = 0;
  uint32_t frame = 0;
  bool prefetch = false;  // the working set names it
  // When it is done:
  std::unique_ptr<FrameReader> reader;
  std::string error;  // why it cannot be had; else empty
};

class Background {
 public:
  explicit Background(PageSource* source, const PageIdentity& identity);
  ~Background();

  /** Jobs given and not taken back. */
  size_t pending() const { return pending_; }
  static constexpr size_t kPendingMax = 4;
  void give(FrameJob job);
  std::optional<FrameJob> take();
  /** Readable while take() has something. */
  int fd() const { return event_.get(); }

 private:
  void run();

  PageSource& source_;
  const PageIdentity identity_;
  UniqueFd event_;
  size_t pending_ = 0;
  std::vector<std::unique_ptr<FrameReader>> idle_;
  std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::deque<FrameJob> given_;
  std::deque<FrameJob> done_;
  bool stopping_ = false;
  std::thread thread_;

 public:
  /** For the next job; the pager gives a reader back when its pages are in place. */
  void giveBack(std::unique_ptr<FrameReader> reader) { idle_.push_back(std::move(reader)); }
};

}  // namespace ckpt

#endif  // CKPT_PAGER_BACKGROUND_H
