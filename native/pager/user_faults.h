// SPDX-License-Identifier: Apache-2.0
//
// userfaultfd(2) for one address space: what the kernel says, and pages given to it.
#ifndef CKPT_PAGER_USER_FAULTS_H
#define CKPT_PAGER_USER_FAULTS_H

#include <linux/userfaultfd.h>

#include <cstdint>
#include <vector>

#include "codec/unique_fd.h"

namespace ckpt {

class UserFaults {
 public:
  explicit UserFaults(UniqueFd fd) : fd_(std::move(fd)) {}
  int fd() const { return fd_.get(); }

  /**
   * Agrees with the kernel on what is needed: events for fork, mremap, munmap and madvise. Returns 0 or errno; EPERM: they
   * need CAP_SYS_PTRACE.
   */
  static int agree(int fd);
  /** Missing pages of [start, start + bytes) are asked for from now on. Returns 0 or errno. */
  static int watch(int fd, uint64_t start, uint64_t bytes);

  enum class Result {
    kDone,    // it is there; whoever waited goes on
    kAbsent,  // nothing is mapped there, or something that is not watched
    kRetry,   // the address space is being changed: read messages first
    kGone,    // the address space is no more
  };
  /**
   * Puts pages to consecutive addresses. A page that is there already stays as it is. `done`: how many are there, the first
   * that is not is what the result is about.
   */
  Result copy(uint64_t address, const uint8_t* pages, uint64_t count, uint64_t* done);
  /** Puts a page of zeros; one that is there already stays as it is. Whoever waits at a place that is absent looks again. */
  Result zero(uint64_t address);
  /** Whether the address space is still there. Not to be asked where a page of the image has its place at kProbe. */
  bool alive() const;
  static constexpr uint64_t kProbe = 65536;  // vm.mmap_min_addr: below it the kernel does not look at all

  /** Takes what messages there are; false where there is none. */
  bool read(std::vector<uffd_msg>* messages);

 private:
  void wake(uint64_t address);

  UniqueFd fd_;
};

}  // namespace ckpt

#endif  // CKPT_PAGER_USER_FAULTS_H
