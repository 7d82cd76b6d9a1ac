// SPDX-License-Identifier: Apache-2.0
#include "process/kernel_calls.h"

#include <ckpt_syscalls.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

namespace ckpt {
namespace {

constexpr char kFormatsFile[] = "/proc/sys/kernel/checkpoint_formats";

unsigned long flagsOf(int format) { return format == 2 ? CKPT_FLAG_VERSION2 : 0; }

std::string explain(const char* call, int error, const std::string& reason) {
  return std::string(call) + ": " + (reason.empty() ? strerror(error) : reason);
}

}  // namespace

bool parseVia(const char* text, Via* via) {
  if (!strcmp(text, "kernel")) *via = Via::kKernel;
  else if (!strcmp(text, "user")) *via = Via::kUser;
  else return false;
  return true;
}

KernelCalls probeKernelCalls() {
  KernelCalls calls;
  if (access(kFormatsFile, R_OK) != 0) return calls;
  constexpr int kNoDescriptor = -1;
  const long result = syscall(CKPT_NR_CHECKPOINT, 0, kNoDescriptor, 0);
  calls.allowed = result < 0 && errno == EBADF;
  calls.present = calls.allowed || (result < 0 && errno == EPERM);
  return calls;
}

bool useKernelCalls(Via via) {
  if (via == Via::kUser) return false;
  const KernelCalls calls = probeKernelCalls();
  if (via == Via::kKernel && !calls.present)
    throw ProcessError(kCannot, "this kernel does not have sys_checkpoint and sys_restart",
                       "docs/kernel.md says how to build one; leave --via out to do it from user space");
  if (via == Via::kKernel && !calls.allowed)
    throw ProcessError(kCannot, "sys_checkpoint and sys_restart need CAP_SYS_ADMIN",
                       "run as root; leave --via out to do it from user space");
  return calls.present && calls.allowed;
}

long callCheckpoint(pid_t pid, int fd, int format) {
  const long result = syscall(CKPT_NR_CHECKPOINT, pid, fd, flagsOf(format));
  return result < 0 ? -errno : result;
}

long callRestart(int fd, int format) {
  const long result = syscall(CKPT_NR_RESTART, 0, fd, flagsOf(format));
  return result < 0 ? -errno : result;
}

KernelLog::KernelLog() : fd_(open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC)) {
  if (fd_) lseek(fd_.get(), 0, SEEK_END);
}

std::string KernelLog::lastAbout(pid_t pid) {
  const std::string about = ";ckpt: pid " + std::to_string(pid) + " (";
  std::string last;
  char record[8192];
  while (fd_) {
    const ssize_t n = read(fd_.get(), record, sizeof record);
    if (n < 0 && errno == EPIPE) continue;  // older records were overwritten
    if (n <= 0) break;
    const std::string text(record, static_cast<size_t>(n));
    const size_t at = text.find(about), words = text.find("): ", at);
    if (at == std::string::npos || words == std::string::npos) continue;
    last = text.substr(words + 3, text.find('\n', words) - words - 3);
  }
  return last;
}

ProcessError checkpointRefused(long result, const std::string& reason) {
  const int error = static_cast<int>(-result);
  const std::string text = explain("sys_checkpoint", error, reason);
  switch (error) {
    case EPERM:
    case EACCES:
    case ETXTBSY:
    case EOPNOTSUPP:
    case E2BIG:
    case EBUSY:
      return ProcessError(kCannot, text,
                          "--via user does it from user space, which may carry what the kernel does not");
    case EINTR:
      return ProcessError::interrupted();
    default:
      return ProcessError(kFailed, text, "the process runs on as before");
  }
}

ProcessError restartRefused(long result, const std::string& reason) {
  const int error = static_cast<int>(-result);
  const std::string text = explain("sys_restart", error, reason);
  switch (error) {
    case EINVAL:
      return ProcessError(kDamaged, reason.empty() ? "sys_restart: the image is invalid, or another kernel's" : text,
                          "ckpt verify tells which; --via user may restart it");
    case EIO:
      return ProcessError(kDamaged, "sys_restart: the image ends before its tail", "ckpt verify names what is missing");
    case EINTR:
    case ENOMEM:
      return ProcessError(kFailed, text);
    default:
      return ProcessError(kCannot, text, "--via user may restart it");
  }
}

}  // namespace ckpt
