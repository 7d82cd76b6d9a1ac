// SPDX-License-Identifier: Apache-2.0
//
// Being the parent of a restored task: job control and signals reach it as if we were not there.
#ifndef CKPT_PROCESS_TASK_WAIT_H
#define CKPT_PROCESS_TASK_WAIT_H

#include <sys/types.h>

#include <string>

#include "process/status.h"

namespace ckpt {

class TaskWait {
 public:
  /** Blocks what wait() handles: before the task runs, so that nothing is lost. */
  TaskWait();
  /**
   * Until the task ends: reports it, and returns its exit status, or 128 + signal. `helper`: another child of ours, 0 for none,
   * whose end is taken note of when it comes meanwhile.
   */
  int wait(pid_t pid, pid_t helper, const Status& status);
};

/** "SIGTERM", "SIGRTMIN+3". */
std::string signalName(int signal);

}  // namespace ckpt

#endif
