// SPDX-License-Identifier: Apache-2.0
#ifndef CKPT_PROCESS_WANTED_PID_H
#define CKPT_PROCESS_WANTED_PID_H

#include <sys/types.h>

#include <functional>

#include "process/status.h"

namespace ckpt {

/**
 * A process with the pid that an image has, where that is free and allowed; else another one with a warning, or
 * ProcessError kCannot when `insist`. `wanted` 0: any.
 *
 * `spawn` makes a process with this pid (0: any) and returns its pid, or -errno.
 */
pid_t spawnWanted(pid_t wanted, bool insist, const Status& status, const std::function<pid_t(pid_t)>& spawn);

/** clone3 with this pid (0: any) and these CLONE_ flags; as fork returns, but -errno. */
pid_t cloneWithPid(pid_t wanted, unsigned long flags);

}  // namespace ckpt

#endif
