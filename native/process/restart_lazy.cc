// SPDX-License-Identifier: Apache-2.0
#include "process/restart_lazy.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>

#include "codec/error.h"

#ifndef USERFAULTFD_IOC_NEW
#define USERFAULTFD_IOC_NEW _IO(0xAA, 0x00)
#endif

namespace ckpt {
namespace {

constexpr char kPrivilegeHint[] = "run as root (CAP_SYS_PTRACE), or leave --lazy out";

bool comesAtOnce(const ImageMapping& mapping) {
  constexpr uint32_t kWhole = CKPT_VMA2_F_LOCKED | CKPT_VMA2_F_LOCKONFAULT | CKPT_VMA2_F_WIPEONFORK;
  return mapping.hasFile() || (mapping.fixed.flags & kWhole) != 0;
}

const char* nameOf(PagerReport::Kind kind) {
  switch (kind) {
    case PagerReport::Kind::kWaiting:
      return "waiting";
    case PagerReport::Kind::kResumed:
      return "resumed";
    case PagerReport::Kind::kDamaged:
      return "damaged";
    case PagerReport::Kind::kFilled:
      return "filled";
    case PagerReport::Kind::kLost:
      return "lost";
  }
  return "";
}

/** A pager's words become status events; a detached one's go to a file that is made for the first of them. */
class Reporter {
 public:
  Reporter(const Status& status, std::string logPath) : status_(status), log_(std::move(logPath)) {}

  void operator()(const PagerReport& report) const {
    JsonObject event;
    event.text("event", nameOf(report.kind));
    const bool filled = report.kind == PagerReport::Kind::kFilled;
    if (filled)
      event.unsignedInteger("faulted", report.faulted)
          .unsignedInteger("neighbours", report.neighbours)
          .unsignedInteger("prefetched", report.prefetched)
          .unsignedInteger("streamed", report.streamed);
    else event.text("text", report.text);
    if (status_.event(event)) return;
    if (filled) {
      if (!log_.empty()) unlink(log_.c_str());
      return;
    }
    if (log_.empty()) {
      dprintf(STDERR_FILENO, "ckpt-process: %s\n", report.text.c_str());
      return;
    }
    const Fd fd(open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (fd) dprintf(fd.get(), "%s\n", event.str().c_str());
  }

 private:
  Status status_;
  std::string log_;
};

}  // namespace

RestartLazy::RestartLazy(RestartChild* child, RestartMemory* memory, const RestartPlan* plan,
                         const RestartOptions* options, const Status* status)
    : child_(*child),
      memory_(*memory),
      plan_(*plan),
      options_(*options),
      status_(*status),
      source_(plan, options->packsDir),
      reader_(plan->identity()) {}

RestartLazy::~RestartLazy() {
  if (pid_ <= 0) return;
  // The task did not come to run: its pager has nobody to answer.
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

/** In the child: the kernel ties the descriptor to the memory of whoever makes it. We share the child's table. */
void RestartLazy::makeDescriptor() {
  Tracee& tracee = child_.tracee();
  constexpr uint64_t kFlags = O_CLOEXEC | O_NONBLOCK;
  long fd = tracee.call(SYS_userfaultfd, kFlags);
  if (fd == -EPERM) {
    const UniqueFd device(open("/dev/userfaultfd", O_RDWR | O_CLOEXEC));
    if (device) fd = tracee.call(SYS_ioctl, static_cast<uint64_t>(device.get()), USERFAULTFD_IOC_NEW, kFlags);
  }
  if (fd < 0)
    throw ProcessError::system(kCannot, "cannot watch the task's memory (userfaultfd)", kPrivilegeHint,
                               static_cast<int>(-fd));
  uffd_.reset(static_cast<int>(fd));
  const int error = UserFaults::agree(uffd_.get());
  if (error != 0)
    throw ProcessError::system(kCannot, "cannot follow what the task does to its memory (userfaultfd events)",
                               kPrivilegeHint, error);
}

void RestartLazy::mapping(const ImageMapping& mapping) {
  const uint64_t start = mapping.fixed.start, end = mapping.fixed.end;
  const plan_run* run = plan_.from(start / CKPT_PAGE_BYTES);
  const auto inside = [&] { return run != plan_.end() && run->first_page < end / CKPT_PAGE_BYTES; };
  if (!inside()) return;
  if (comesAtOnce(mapping)) return fill(mapping);
  // Fresh anonymous memory is zero already.
  while (inside() && run->pack == CKPT_PLAN_ZERO) ++run;
  if (!inside()) return;
  if (!uffd_) makeDescriptor();
  const int error = UserFaults::watch(uffd_.get(), start, end - start);
  if (error != 0)
    throw ProcessError::system(kCannot, "cannot watch the task's memory (UFFDIO_REGISTER)", "leave --lazy out", error);
  pager_.watched.emplace_back(start, end);
}

void RestartLazy::fill(const ImageMapping& mapping) {
  static const uint8_t kZeros[CKPT_PAGE_BYTES] = {};
  const uint64_t endPage = mapping.fixed.end / CKPT_PAGE_BYTES;
  uint64_t page = mapping.fixed.start / CKPT_PAGE_BYTES;
  for (const plan_run* run = plan_.from(page); run != plan_.end() && run->first_page < endPage; ++run) {
    page = std::max<uint64_t>(page, run->first_page);
    const uint64_t last = std::min<uint64_t>(run->first_page + run->count, endPage);
    while (page < last) {
      uint64_t addresses[CKPT_FRAME_PAGES];
      uint32_t count = 1;
      const uint8_t* contents = kZeros;
      if (run->pack != CKPT_PLAN_ZERO) {
        const uint32_t slot = run->slot + static_cast<uint32_t>(page - run->first_page);
        const uint32_t at = slot % CKPT_FRAME_PAGES;
        count = static_cast<uint32_t>(std::min<uint64_t>(CKPT_FRAME_PAGES - at, last - page));
        try {
          source_.read(run->pack, slot / CKPT_FRAME_PAGES, &reader_);
        } catch (const CodecError& error) {
          throw ProcessError(error.kind == ErrorKind::kPack ? kDamaged : kFailed, error.what());
        }
        contents = reader_.raw.get() + size_t{at} * CKPT_PAGE_BYTES;
      }
      for (uint32_t i = 0; i < count; i++) addresses[i] = (page + i) * CKPT_PAGE_BYTES;
      memory_.pages(addresses, count, contents);
      page += count;
    }
  }
}

void RestartLazy::start() {
  if (!uffd_) return;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw ProcessError::system(kFailed, "pipe");
  readyFd_.reset(ends[0]);
  const UniqueFd writeEnd(ends[1]);
  pager_.uffd = uffd_.get();
  pager_.task = child_.pid();
  pager_.packsDir = options_.packsDir;
  pager_.readyFd = ends[1];
  std::string logPath;
  if (!options_.lazyDir.empty()) {
    pager_.workingSet = options_.lazyDir + "/" + plan_.checkpoint() + ".set";
    if (options_.detach)
      logPath = options_.lazyDir + "/" + plan_.checkpoint() + "-" + std::to_string(pager_.task) + ".log";
  }
  // Whoever waits for a detached task's restarter must not have to wait for its pager; who asks for many waits for none.
  const int statusFd = options_.detach && options_.request < 0 ? -1 : options_.statusFd;
  if (statusFd >= 0) pager_.keep.push_back(statusFd);
  else if (!options_.detach) pager_.keep.push_back(STDERR_FILENO);
  pid_ = startPager(&plan_, pager_, Reporter(Status(statusFd, options_.request), std::move(logPath)));
}

void RestartLazy::ready() {
  if (pid_ > 0 && !pagerSays(readyFd_.get()))
    throw ProcessError(kFailed, "the pager of the task does not start", "leave --lazy out");
}

pid_t RestartLazy::release() {
  // One that has ended says so itself.
  if (pid_ > 0) (void)pagerSays(readyFd_.get());
  const pid_t pid = pid_;
  pid_ = 0;
  return pid;
}

}  // namespace ckpt
