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
  /** Until the task ends: reports it, and returns its exit status, or 128 + signal. */
  int wait(pid_t pid, const Status& status);
};

/** "SIGTERM", "SIGRTMIN+3". */
std::string signalName(int signal);

}  // namespace ckpt

#endif
