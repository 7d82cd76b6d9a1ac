// SPDX-License-Identifier: Apache-2.0
#include "process/keeper.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace ckpt {
namespace {

volatile pid_t keptChild = 0;

void forward(int) {
  if (keptChild > 0) kill(keptChild, SIGTERM);
}

}  // namespace

int runKept(const std::function<int()>& work, std::initializer_list<int> descriptors, const Status& status) {
  sigset_t ending, before;
  sigemptyset(&ending);
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&ending, signal);
  sigprocmask(SIG_BLOCK, &ending, &before);

  pid_t parent = getpid();
  pid_t child = fork();
  if (child < 0) {
    status.error(ProcessError::system(kFailed, "cannot fork"));
    return kFailed;
  }
  if (child == 0) {
    setsid();
    prctl(PR_SET_PDEATHSIG, kKeeperDied);
    if (getppid() != parent) _exit(kFailed);  // it had died before we asked to be told; nothing was done yet
    _exit(work());
  }
  keptChild = child;
  struct sigaction action = {};
  action.sa_handler = forward;
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
  sigprocmask(SIG_SETMASK, &before, nullptr);
  for (int fd : descriptors)
    if (fd >= 0) close(fd);

  int end = 0;
  while (waitpid(child, &end, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(end)) return WEXITSTATUS(end);
  status.error(
      ProcessError(kFailed, "the part that holds the process was killed by signal " + std::to_string(WTERMSIG(end))));
  return kFailed;
}

}  // namespace ckpt
