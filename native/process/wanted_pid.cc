// SPDX-License-Identifier: Apache-2.0
#include "process/wanted_pid.h"

#include <linux/sched.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

namespace ckpt {

pid_t cloneWithPid(pid_t wanted, unsigned long flags) {
  clone_args args = {};
  pid_t ids[1] = {wanted};
  args.flags = flags;
  args.exit_signal = SIGCHLD;
  if (wanted != 0) {
    args.set_tid = reinterpret_cast<uint64_t>(ids);
    args.set_tid_size = 1;
  }
  const long pid = syscall(SYS_clone3, &args, sizeof args);
  return pid < 0 ? -errno : static_cast<pid_t>(pid);
}

pid_t spawnWanted(pid_t wanted, bool insist, const Status& status, const std::function<pid_t(pid_t)>& spawn) {
  if (wanted > 0) {
    const pid_t pid = spawn(wanted);
    if (pid > 0) return pid;
    const std::string why = pid == -EEXIST  ? "is taken"
                            : pid == -EPERM ? "may not be chosen: that needs CAP_CHECKPOINT_RESTORE"
                                            : std::string("cannot be had: ") + strerror(-pid);
    const std::string text = "the old pid " + std::to_string(wanted) + " " + why;
    if (insist)
      throw ProcessError(kCannot, text,
                         pid == -EEXIST ? "end the process that has it, or restart without --same-pid"
                                        : "restart without --same-pid, or as root");
    status.warning(text + "; the task gets a new one");
  }
  const pid_t pid = spawn(0);
  if (pid < 0) throw ProcessError::system(kFailed, "cannot make a process", "", -pid);
  return pid;
}

}  // namespace ckpt
