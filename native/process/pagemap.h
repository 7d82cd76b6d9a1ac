// SPDX-License-Identifier: Apache-2.0
//
// /proc/PID/pagemap: what is resident, without touching it.
#ifndef CKPT_PROCESS_PAGEMAP_H
#define CKPT_PROCESS_PAGEMAP_H

#include <cstddef>
#include <cstdint>
#include <vector>

#include "process/procfs.h"

namespace ckpt {

constexpr uint64_t kPageBytes = 4096;

struct PageEntry {
  bool present = false;
  bool swapped = false;       // in swap, or migrating
  bool fileOrShared = false;  // a page of a file or of shared memory; false: anonymous
  bool exclusive = false;     // no other process maps it
};

class Pagemap {
 public:
  /** Throws ProcessError where it cannot be opened. */
  explicit Pagemap(pid_t pid);
  PageEntry entry(uint64_t address) const;
  /**
   * Appends to `addresses` the pages of [start, end) that belong to the process alone: anonymous pages that are present
   * or swapped out. Pages that are known to be the shared zero page are left out.
   */
  void privatePages(uint64_t start, uint64_t end, std::vector<uint64_t>* addresses) const;
  /** The first page of [start, end) in a guard region; 0 for none, or where the kernel does not tell (before 6.15). */
  uint64_t firstGuard(uint64_t start, uint64_t end) const;
  /** True where the kernel has PAGEMAP_SCAN (6.7); decided by the first privatePages(). */
  bool hasScan() const { return scan_ == 1; }

 private:
  bool scanPages(uint64_t start, uint64_t end, std::vector<uint64_t>* addresses) const;

  pid_t pid_;
  Fd fd_;
  mutable int scan_ = -1;  // unknown
};

}  // namespace ckpt

#endif
