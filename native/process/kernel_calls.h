// SPDX-License-Identifier: Apache-2.0
//
// sys_checkpoint and sys_restart, where the running kernel has them (docs/kernel.md): whether it has, the calls, and what
// it says in its log about those that it refuses.
#ifndef CKPT_PROCESS_KERNEL_CALLS_H
#define CKPT_PROCESS_KERNEL_CALLS_H

#include <sys/types.h>

#include <string>

#include "process/process_error.h"
#include "process/procfs.h"

namespace ckpt {

/** Who does the work: whoever can, or the one that was asked for. */
enum class Via { kAny, kKernel, kUser };

/** "kernel" or "user"; false for anything else. */
bool parseVia(const char* text, Via* via);

struct KernelCalls {
  bool present = false;
  bool allowed = false;  // the caller has CAP_SYS_ADMIN
};

/**
 * Asks without doing anything. The numbers of the calls may be another call's on another kernel: they are only tried where the
 * kernel says, in /proc/sys/kernel/checkpoint_formats, that it has ours, and then with a descriptor that cannot be one.
 */
KernelCalls probeKernelCalls();

/**
 * Whether the calls are to be used. Throws ProcessError kCannot when they were asked for and cannot be; kAny takes them where they are
 * there and allowed.
 */
bool useKernelCalls(Via via);

/** The crid, or -errno. */
long callCheckpoint(pid_t pid, int fd, int format);
/** -errno; does not return on success. Only a system call: for a child that has just been forked. */
long callRestart(int fd, int format);

/** The kernel's log from now on; empty where it may not be read. */
class KernelLog {
 public:
  KernelLog();
  /** The last thing that it said about process `pid` on behalf of the calls, or "". */
  std::string lastAbout(pid_t pid);

 private:
  Fd fd_;
};

/** What to tell people about -errno of sys_checkpoint and sys_restart; `reason` from the log says more than errno. */
ProcessError checkpointRefused(long result, const std::string& reason);
ProcessError restartRefused(long result, const std::string& reason);

}  // namespace ckpt

#endif
