// SPDX-License-Identifier: Apache-2.0
//
// The process that becomes the restored task. It is made stopped, shares our table of descriptors (so that what we open
// it can map), and owns nothing but the kernel's mappings and a few scratch pages once strip() has returned.
//
// Guaranteed: it never runs code of its own before release(); when this object or this process dies before that, it is
// killed.
#ifndef CKPT_PROCESS_RESTART_CHILD_H
#define CKPT_PROCESS_RESTART_CHILD_H

#include <cstdint>
#include <string>
#include <vector>

#include "process/kernel_mappings.h"
#include "process/remote.h"
#include "process/status.h"

namespace ckpt {

class RestartChild {
 public:
  /** With pid `wanted` where that is free and allowed; else another with a warning, or kCannot when `insist`. */
  RestartChild(pid_t wanted, bool insist, const Status& status);
  ~RestartChild();
  RestartChild(const RestartChild&) = delete;
  RestartChild& operator=(const RestartChild&) = delete;

  pid_t pid() const { return tracee_.pid(); }
  Tracee& tracee() { return tracee_; }
  const KernelMappings& kernel() const { return kernel_; }

  /** Forgets everything that came from us: rseq, and all memory but the kernel's. */
  void strip();
  /** Moves the kernel's mappings so that the vdso is at `vdsoStart`; they count as occupied from then on. */
  void placeKernel(uint64_t vdsoStart);
  /** Makes [start, end) free of our scratch and of kernel mappings that have no place yet; then it is occupied. */
  void occupy(uint64_t start, uint64_t end);
  bool occupied(const AddressRange& range) const;
  /** Takes the scratch pages away, and the kernel's mappings where they were given no place. */
  void removeScratch();

  /** Result of a system call in the child; -errno becomes a ProcessError kCannot that begins with `what`. */
  long must(const std::string& what, long number, uint64_t a = 0, uint64_t b = 0, uint64_t c = 0, uint64_t d = 0,
            uint64_t e = 0, uint64_t f = 0);
  /** Writes arguments into the scratch pages, `offset` bytes from their start; returns their address in the child. */
  uint64_t put(const void* data, size_t bytes, size_t offset = 0);

  /** Puts it in a job-control stop, where it stays after release(). Its signals are all blocked, calls have ended. */
  void stopForJob();
  /** From here on the process lives on its own. */
  void release() { released_ = true; }

  static constexpr size_t kScratchBytes = 64 * 1024;

 private:
  uint64_t gap(uint64_t bytes, const AddressRange& avoid) const;
  void moveKernel(uint64_t vdsoStart);

  Tracee tracee_;
  bool released_ = false;
  bool kernelPlaced_ = false;
  KernelMappings kernel_;
  uint64_t syscallOffset_ = 0;
  AddressRange scratch_;
  std::vector<AddressRange> occupied_;  // ascending, not overlapping
};

}  // namespace ckpt

#endif
