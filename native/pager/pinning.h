// SPDX-License-Identifier: Apache-2.0
//
// Opens all packs of a task on a thread of its own: of thousands that takes longer than all else of a restart, and faults are answered
// meanwhile. What is read ahead waits for it, so that whoever restarts the task need not wait long.
#ifndef CKPT_PAGER_PINNING_H
#define CKPT_PAGER_PINNING_H

#include <atomic>
#include <thread>

#include "codec/unique_fd.h"
#include "pager/page_source.h"

namespace ckpt {

class Pinning {
 public:
  /** `source` is borrowed. When all are open a byte is written to `readyFd`, and it is closed. Throws CodecError of kind io. */
  Pinning(PageSource* source, int readyFd);
  /** Waits until all are open. */
  ~Pinning();

  bool isDone() const { return done_; }
  /** Readable from the moment on when isDone(). */
  int fd() const { return event_.get(); }

 private:
  std::atomic<bool> done_{false};
  UniqueFd event_;
  std::thread thread_;
};

}  // namespace ckpt

#endif
