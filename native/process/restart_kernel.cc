// SPDX-License-Identifier: Apache-2.0
#include "process/restart_kernel.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "process/credentials.h"
#include "process/image_peek.h"
#include "process/kernel_calls.h"
#include "process/wanted_pid.h"

namespace ckpt {
namespace {

constexpr int kOwnFailure = 125;
constexpr unsigned kCloseRangeCloexec = 4;

struct Child {
  const RestartOptions& options;
  const Status& status;
  int format;
  int reportFd;  // gets -errno; closes by itself when the child becomes the task
  sigset_t mask;
  pid_t parent;
};

/** Standard streams of the task as far as its image does not say: ours, or /dev/null. */
void standardStreams(const Child& child, int imageFd) {
  const int null = open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; fd++)
    if (child.options.detach || fd == imageFd || fcntl(fd, F_GETFD) < 0) dup2(null, fd);
  if (null > 2) close(null);
}

/** In the child: only system calls, for glibc does not know that it was cloned. */
[[noreturn]] void becomeTask(const Child& child) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (syscall(SYS_getppid) != child.parent) _exit(kOwnFailure);
  const int image = fcntl(child.options.imageFd, F_DUPFD_CLOEXEC, 3);
  standardStreams(child, child.options.imageFd);
  // The kernel closes these when it commits, as execve does.
  syscall(SYS_close_range, 3, ~0U, kCloseRangeCloexec);
  if (child.options.detach) setsid();
  sigprocmask(SIG_SETMASK, &child.mask, nullptr);
  const long result = callRestart(image, child.format);
  if (write(child.reportFd, &result, sizeof result) != sizeof result) _exit(kOwnFailure);
  _exit(kOwnFailure);
}

}  // namespace

bool kernelKeepsRights(int imageFd) {
  const ImagePeek peek = peekImage(imageFd);
  return peek.format == 1 || (peek.creds && !differsFromOwn(*peek.creds));
}

pid_t restartThroughKernel(const RestartOptions& options, const Status& status, std::unique_ptr<TaskWait>* wait) {
  const ImagePeek peek = peekImage(options.imageFd);
  KernelLog log;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw ProcessError::system(kFailed, "cannot make a pipe");
  const Fd report(ends[0]);
  Fd reportEnd(ends[1]);
  Child child = {options, status, peek.format, reportEnd.get(), {}, getpid()};
  sigprocmask(SIG_SETMASK, nullptr, &child.mask);
  if (!options.detach) *wait = std::make_unique<TaskWait>();
  const pid_t pid = spawnWanted(peek.pid, options.samePid, status, [&](pid_t wanted) {
    const pid_t made = cloneWithPid(wanted, 0);
    if (made == 0) becomeTask(child);
    return made;
  });
  // Whoever writes the image must learn when its only reader has gone.
  reportEnd = Fd();
  if (options.imageFd > 2) close(options.imageFd);
  else dup2(open("/dev/null", O_RDWR | O_CLOEXEC), options.imageFd);

  long result = 0;
  ssize_t n;
  while ((n = read(report.get(), &result, sizeof result)) < 0 && errno == EINTR) {
  }
  if (n == 0) return pid;
  waitpid(pid, nullptr, 0);
  throw restartRefused(result, log.lastAbout(pid));
}

}  // namespace ckpt
