// SPDX-License-Identifier: Apache-2.0
//
// The pager's guard: a process that holds the same userfaultfds. When the last of them is closed, the kernel gives whoever
// waits in a fault a page of zeros and lets him run on; so there are always two holders. The guard does nothing
// but wait for its pager's end. A pager that ends without having said goodbye was killed: the guard kills the task and
// all that descend from it, and keeps the descriptors until their memory is gone. When the guard is killed, the pager makes
// another one.
#ifndef CKPT_PAGER_GUARD_H
#define CKPT_PAGER_GUARD_H

#include <sys/types.h>

#include <string>
#include <vector>

#include "codec/unique_fd.h"
#include "pager/report.h"

namespace ckpt {

class Guard {
 public:
  /** `keep`: descriptors that report() needs. */
  Guard(pid_t task, int taskPidfd, std::vector<int> keep, ReportTo report);
  ~Guard();
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  /** Starts it with the descriptors that it is to hold. Returns false where no process can be made. */
  bool start(const std::vector<int>& held);
  /** Readable when the guard is gone. */
  int fd() const { return socket_.get(); }
  /** Also hold this one. */
  void hold(int fd);
  /** Nothing is missing any more: the guard closes what it holds and ends. */
  void dismiss();

 private:
  [[noreturn]] void run(int socket, std::vector<int> held);
  void killAll() const;

  const pid_t task_;
  const int taskPidfd_;
  const std::vector<int> keep_;
  const ReportTo report_;
  UniqueFd socket_;
  pid_t pid_ = 0;
};

/** Closes all descriptors but these. */
void closeAllBut(std::vector<int> kept);

}  // namespace ckpt

#endif  // CKPT_PAGER_GUARD_H
