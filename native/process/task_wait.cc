// SPDX-License-Identifier: Apache-2.0
#include "process/task_wait.h"

#include <signal.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstring>

namespace ckpt {
namespace {

// The terminal sends these to the whole foreground group: the task has them already.
constexpr int kIgnored[] = {SIGTSTP, SIGTTIN, SIGTTOU};
// These come to us alone, from whoever takes us for the task; the first two also from the terminal, then as SI_KERNEL.
constexpr int kForwarded[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGCONT};

sigset_t handled() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : kForwarded) sigaddset(&set, signal);
  sigaddset(&set, SIGCHLD);
  return set;
}

/** A task stopped from the keyboard takes its shell's job, which is us, with it. */
bool stopsJob(int signal) { return signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU; }

}  // namespace

std::string signalName(int signal) {
  const char* name = sigabbrev_np(signal);
  if (name != nullptr) return std::string("SIG") + name;
  return signal >= 34 ? "SIGRTMIN+" + std::to_string(signal - 34) : "SIG" + std::to_string(signal);
}

TaskWait::TaskWait() {
  const sigset_t set = handled();
  sigprocmask(SIG_BLOCK, &set, nullptr);
  for (const int signal : kIgnored) ::signal(signal, SIG_IGN);
}

int TaskWait::wait(pid_t pid, pid_t helper, const Status& status) {
  const auto takeHelper = [&] {
    if (helper > 0 && waitpid(helper, nullptr, WNOHANG) != 0) helper = 0;
  };
  const sigset_t set = handled();
  for (;;) {
    int how = 0;
    const pid_t got = waitpid(pid, &how, WNOHANG | WUNTRACED | WCONTINUED);
    if (got < 0 && errno != EINTR) throw ProcessError::system(kFailed, "waiting for the task");
    if (got == pid && WIFEXITED(how)) {
      status.event(JsonObject().text("event", "exited").integer("code", WEXITSTATUS(how)));
      return WEXITSTATUS(how);
    }
    if (got == pid && WIFSIGNALED(how)) {
      status.event(JsonObject()
                       .text("event", "killed")
                       .integer("signal", WTERMSIG(how))
                       .text("name", signalName(WTERMSIG(how))));
      return 128 + WTERMSIG(how);
    }
    if (got == pid) {
      if (WIFSTOPPED(how) && stopsJob(WSTOPSIG(how))) raise(SIGSTOP);
      continue;
    }
    takeHelper();
    siginfo_t info;
    const int signal = sigwaitinfo(&set, &info);
    if (signal <= 0 || signal == SIGCHLD) continue;
    if (info.si_code != SI_KERNEL && info.si_pid != pid) kill(pid, signal);
  }
}

}  // namespace ckpt
