// SPDX-License-Identifier: Apache-2.0
#include "pager/guard.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

#include "pager/user_faults.h"

namespace ckpt {

namespace {

constexpr char kHold = 'h', kGoodbye = 'g';
constexpr int kProbeMs = 100;

/** Parent of every process; those that end meanwhile are left out. */
std::map<pid_t, pid_t> parents() {
  std::map<pid_t, pid_t> all;
  DIR* proc = opendir("/proc");
  if (proc == nullptr) return all;
  while (const dirent* entry = readdir(proc)) {
    const pid_t pid = atoi(entry->d_name);
    if (pid <= 0) continue;
    const UniqueFd fd(open(("/proc/" + std::to_string(pid) + "/stat").c_str(), O_RDONLY | O_CLOEXEC));
    char text[512];
    const ssize_t n = fd ? read(fd.get(), text, sizeof text - 1) : -1;
    if (n <= 0) continue;
    text[n] = 0;
    const char* name = strrchr(text, ')');  // a name may hold anything
    pid_t parent = 0;
    if (name != nullptr && sscanf(name + 1, " %*c %d", &parent) == 1) all[pid] = parent;
  }
  closedir(proc);
  return all;
}

}  // namespace

void closeAllBut(std::vector<int> kept) {
  std::sort(kept.begin(), kept.end());
  unsigned from = 0;
  for (const int fd : kept) {
    if (fd < 0) continue;
    if (static_cast<unsigned>(fd) > from) syscall(SYS_close_range, from, static_cast<unsigned>(fd) - 1, 0);
    from = static_cast<unsigned>(fd) + 1;
  }
  syscall(SYS_close_range, from, ~0u, 0);
}

Guard::Guard(pid_t task, int taskPidfd, std::vector<int> keep, ReportTo report)
    : task_(task), taskPidfd_(taskPidfd), keep_(std::move(keep)), report_(std::move(report)) {}

Guard::~Guard() {
  if (pid_ > 0) dismiss();
}

bool Guard::start(const std::vector<int>& held) {
  if (pid_ > 0) waitpid(pid_, nullptr, 0);
  pid_ = 0;
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return false;
  const pid_t pid = fork();
  if (pid == 0) run(ends[1], held);
  close(ends[1]);
  socket_.reset(ends[0]);
  if (pid < 0) return false;
  pid_ = pid;
  return true;
}

void Guard::hold(int fd) {
  char what = kHold;
  iovec data = {&what, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  memcpy(CMSG_DATA(header), &fd, sizeof fd);
  // A guard that is gone gets it when it is made again.
  (void)!sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
}

void Guard::dismiss() {
  (void)!send(socket_.get(), &kGoodbye, 1, MSG_NOSIGNAL);
  waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

void Guard::run(int socket, std::vector<int> held) {
  prctl(PR_SET_NAME, "ckpt-guard");
  std::vector<int> kept = keep_;
  kept.insert(kept.end(), held.begin(), held.end());
  kept.insert(kept.end(), {socket, taskPidfd_});
  closeAllBut(kept);
  for (;;) {
    char what = 0;
    iovec data = {&what, 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message = {};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    if (n < 0 && errno == EINTR) continue;
    if (n == 1 && what == kGoodbye) _exit(0);
    const cmsghdr* header = n == 1 ? CMSG_FIRSTHDR(&message) : nullptr;
    if (header != nullptr && header->cmsg_type == SCM_RIGHTS) {
      int fd;
      memcpy(&fd, CMSG_DATA(header), sizeof fd);
      held.push_back(fd);
      continue;
    }
    break;  // the pager is gone, and had not finished
  }
  pollfd task = {taskPidfd_, POLLIN, 0};
  const bool ended = poll(&task, 1, 0) == 1;
  // The pid of a task that has ended may be another's: what it left behind waits in its faults until somebody ends it.
  if (!ended) {
    killAll();
    report_({PagerReport::Kind::kLost,
             "the pager of process " + std::to_string(task_) +
                 " was killed: the process was killed too, it must not run on without its memory"});
  }
  std::vector<UserFaults> memories;
  for (const int fd : held) memories.emplace_back(UniqueFd(fd));
  const auto someAlive = [&] {
    return std::any_of(memories.begin(), memories.end(), [](const UserFaults& memory) { return memory.alive(); });
  };
  while (someAlive()) poll(nullptr, 0, kProbeMs);
  _exit(0);
}

/** What descends from the task shares its missing pages. Read before anything is killed: orphans lose their parent. */
void Guard::killAll() const {
  const std::map<pid_t, pid_t> all = parents();
  syscall(SYS_pidfd_send_signal, taskPidfd_, SIGKILL, nullptr, 0);
  for (const auto& [pid, parent] : all) {
    pid_t above = parent;
    for (int depth = 0; depth < 1000 && above != task_ && above > 1; depth++) {
      const auto at = all.find(above);
      above = at == all.end() ? 0 : at->second;
    }
    if (above == task_) kill(pid, SIGKILL);
  }
}

}  // namespace ckpt
