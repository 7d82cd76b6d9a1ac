// SPDX-License-Identifier: Apache-2.0
//
// ckpt-process restarter: restarts on request, in processes forked from this one, which is small and has all it needs in
// memory. It is for services: a request costs a fork, not the start of a program.
//
//   request = number NUL { argument NUL } NUL      arguments of `restart`, without descriptors: --plan, --packs, ...
//
// Every restart reports on our status descriptor as `restart` does, with `request` in each line; {"event":"ended"} is its last. The
// end of the control descriptor ends us; tasks live on.
#include <getopt.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <vector>

#include "process/commands.h"
#include "process/procfs.h"
#include "process/status.h"

namespace ckpt {
namespace {

constexpr size_t kRequestBytesMax = 64 << 10;

class Restarter {
 public:
  Restarter(int controlFd, int statusFd) : controlFd_(controlFd), statusFd_(statusFd), status_(statusFd) {}

  int run() {
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, &before_);
    const Fd signals(signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals) throw ProcessError::system(kFailed, "signalfd");
    pollfd fds[] = {{controlFd_, POLLIN, 0}, {signals.get(), POLLIN, 0}};
    for (;;) {
      if (poll(fds, 2, -1) < 0 && errno != EINTR) throw ProcessError::system(kFailed, "poll");
      if (fds[1].revents != 0) {
        signalfd_siginfo info;
        (void)!read(signals.get(), &info, sizeof info);
        takeEnded();
      }
      if (fds[0].revents == 0) continue;
      char bytes[4096];
      const ssize_t n = read(controlFd_, bytes, sizeof bytes);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return kDone;
      buffer_.append(bytes, static_cast<size_t>(n));
      takeRequests();
      if (buffer_.size() > kRequestBytesMax) throw ProcessError(kUsage, "a request is too long");
    }
  }

 private:
  void takeRequests() {
    for (;;) {
      std::vector<std::string> arguments;
      size_t from = 0;
      for (;;) {
        const size_t to = buffer_.find('\0', from);
        if (to == std::string::npos) return;
        if (to == from) break;
        arguments.push_back(buffer_.substr(from, to - from));
        from = to + 1;
      }
      buffer_.erase(0, from + 1);
      if (arguments.empty()) throw ProcessError(kUsage, "an empty request");
      start(arguments);
    }
  }

  void start(std::vector<std::string> arguments) {
    const std::string number = arguments[0];
    const std::string statusFd = std::to_string(statusFd_);
    arguments[0] = "restart";
    arguments.insert(arguments.end(), {"--request", number, "--status-fd", statusFd, "--detach"});
    const pid_t pid = fork();
    if (pid == 0) {
      sigprocmask(SIG_SETMASK, &before_, nullptr);
      close(controlFd_);
      std::vector<char*> argv;
      for (std::string& argument : arguments) argv.push_back(argument.data());
      argv.push_back(nullptr);
      _exit(runRestart(static_cast<int>(arguments.size()), argv.data()));
    }
    if (pid > 0) requests_[pid] = strtoll(number.c_str(), nullptr, 10);
    else ended(strtoll(number.c_str(), nullptr, 10), kFailed);
  }

  void takeEnded() {
    int how;
    for (pid_t pid; (pid = waitpid(-1, &how, WNOHANG)) > 0;) {
      const auto at = requests_.find(pid);
      if (at == requests_.end()) continue;
      ended(at->second, WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how));
      requests_.erase(at);
    }
  }

  void ended(int64_t request, int code) const {
    status_.event(JsonObject().text("event", "ended").integer("code", code).integer("request", request));
  }

  const int controlFd_, statusFd_;
  const Status status_;
  sigset_t before_;
  std::string buffer_;
  std::map<pid_t, int64_t> requests_;
};

}  // namespace

int runRestarter(int argc, char** argv) {
  int controlFd = -1, statusFd = -1;
  static const option kOptions[] = {{"control-fd", required_argument, nullptr, 'c'},
                                    {"status-fd", required_argument, nullptr, 's'},
                                    {nullptr, 0, nullptr, 0}};
  for (int which; (which = getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {
    if (which == 'c') controlFd = atoi(optarg);
    else if (which == 's') statusFd = atoi(optarg);
    else return kUsage;
  }
  if (controlFd < 3 || statusFd < 3 || optind != argc) {
    fputs("usage: ckpt-process restarter --control-fd C --status-fd S\n", stderr);
    return kUsage;
  }
  try {
    return Restarter(controlFd, statusFd).run();
  } catch (const ProcessError& error) {
    Status(statusFd).error(error);
    return error.exit();
  }
}

}  // namespace ckpt
