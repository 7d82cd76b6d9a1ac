// SPDX-License-Identifier: Apache-2.0
#ifndef CKPT_PROCESS_RESTART_KERNEL_H
#define CKPT_PROCESS_RESTART_KERNEL_H

#include <memory>

#include "process/restart_state.h"
#include "process/status.h"
#include "process/task_wait.h"

namespace ckpt {

/**
 * sys_restart changes no credentials: the task goes on with the caller's. Whether that makes it what it was; version 1 does not know
 * what that is. Throws as peekImage().
 */
bool kernelKeepsRights(int imageFd);

/**
 * Restart through sys_restart: a child of ours, with nothing open but its standard streams and the image, makes the call and
 * becomes the task. Returns its pid when it runs; `wait` as in Restart::run. Throws ProcessError when the kernel refuses.
 */
pid_t restartThroughKernel(const RestartOptions& options, const Status& status, std::unique_ptr<TaskWait>* wait);

}  // namespace ckpt

#endif
