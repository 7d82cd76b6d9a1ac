// SPDX-License-Identifier: Apache-2.0
//
// What a pager has to say. Who started it decides where it goes.
#ifndef CKPT_PAGER_REPORT_H
#define CKPT_PAGER_REPORT_H

#include <cstdint>
#include <functional>
#include <string>

namespace ckpt {

struct PagerReport {
  enum class Kind {
    kWaiting,  // the task is stopped: a page that it needs cannot be had; `text` says why
    kResumed,  // it can, the task goes on
    kDamaged,  // a page that nobody needed yet cannot be had; `text` says why
    kFilled,   // all pages are in place, the pager ends
    kLost,     // the pager was killed, and the task with it
  };
  Kind kind;
  std::string text;
  // kFilled: pages of the image by how they came.
  uint64_t faulted = 0;     // asked for by a fault
  uint64_t neighbours = 0;  // came along with one
  uint64_t prefetched = 0;  // named by the working set
  uint64_t streamed = 0;    // behind all these
};

/** Must not throw; called on the pager's main thread, or in its guard. */
using ReportTo = std::function<void(const PagerReport&)>;

}  // namespace ckpt

#endif  // CKPT_PAGER_REPORT_H
