// SPDX-License-Identifier: Apache-2.0
#include "pager/pager.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#include <algorithm>
#include <csignal>

#include "codec/error.h"

namespace ckpt {

namespace {

constexpr int kRetryMs = 200;
// The first run records what the task asks for by itself: streaming behind begins when it asks no more, or after a while.
constexpr int kQuietMs = 50, kRecordMs = 2000;
constexpr int kIdleMs = 1000;
constexpr int kBusyRoundsMax = 1000;

int64_t nowMs() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool isStopped(pid_t pid) {
  const UniqueFd fd(open(("/proc/" + std::to_string(pid) + "/stat").c_str(), O_RDONLY | O_CLOEXEC));
  char text[512];
  const ssize_t n = fd ? read(fd.get(), text, sizeof text - 1) : -1;
  if (n <= 0) return false;
  text[n] = 0;
  const char* name = strrchr(text, ')');
  return name != nullptr && (name[2] == 'T' || name[2] == 't');
}

std::string hex(uint64_t value) {
  char text[24];
  snprintf(text, sizeof text, "%lx", static_cast<unsigned long>(value));
  return text;
}

}  // namespace

Pager::Pager(const RestartPlan* plan, PagerOptions options, ReportTo report)
    : plan_(*plan),
      options_(std::move(options)),
      report_(std::move(report)),
      pidfd_(static_cast<int>(syscall(SYS_pidfd_open, options_.task, 0))),
      source_(plan, options_.packsDir),
      reader_(plan->identity()),
      working_(options_.workingSet),
      nextRun_(plan->begin()) {
  if (!pidfd_) throw ioError("pidfd_open", errno);
  memories_.push_back(std::make_unique<TaskMemory>(UniqueFd(options_.uffd), plan));
  for (const auto& [start, end] : options_.watched)
    memories_[0]->map().add(start / kPageBytes, (end - start) / kPageBytes);
  guard_ = std::make_unique<Guard>(options_.task, pidfd_.get(), options_.keep, report_);
  if (!guard_->start({options_.uffd})) throw ioError("make the pager's guard", errno);
}

int Pager::run() {
  source_.attach();
  (void)!write(options_.readyFd, "r", 1);
  // Opening thousands of packs takes longer than all else of a restart: faults are answered meanwhile.
  pinning_ = std::make_unique<Pinning>(&source_, options_.readyFd);
  background_ = std::make_unique<Background>(&source_, plan_.identity());
  startedMs_ = lastFaultMs_ = nowMs();
  for (;;) {
    // Changes first, then answers: an answer is for the memory as it is.
    std::vector<std::unique_ptr<TaskMemory>> forked;
    for (const auto& memory : memories_) memory->takeMessages(&forked);
    for (auto& child : forked) {
      guard_->hold(child->fd());
      memories_.push_back(std::move(child));
    }
    serveWaiting();
    if (!stuck_.empty() && nowMs() >= retryAtMs_) retryStuck();
    pinned_ = pinned_ || pinning_->isDone();
    if (pinned_) fetchAhead();
    dropDead();
    if (memories_.empty()) break;
    const bool everything = nextRun_ == plan_.end() && nextWorking_ >= working_.recorded().size() &&
                            background_->pending() == 0 && again_.empty() && bad_.empty() && stuck_.empty();
    const bool noneWaits =
        std::all_of(memories_.begin(), memories_.end(), [](const auto& memory) { return memory->waiting().empty(); });
    if (everything && noneWaits) {
      working_.keep();
      report_(done_);
      break;
    }
    const int ended = wait();
    if (ended != 0) return ended;
  }
  background_.reset();
  guard_.reset();  // closes what it holds first: when we close ours, the kernel forgets that anything was missing
  return 0;
}

/** Sleeps until there is something to do. */
int Pager::wait() {
  std::vector<pollfd> fds = {{background_->fd(), POLLIN, 0}, {guard_->fd(), POLLIN, 0}};
  if (!taskEnded_) fds.push_back({pidfd_.get(), POLLIN, 0});
  if (!pinned_) fds.push_back({pinning_->fd(), POLLIN, 0});
  bool busy = !again_.empty();
  for (const auto& memory : memories_) {
    fds.push_back({memory->fd(), POLLIN, 0});
    busy = busy || !memory->waiting().empty();
  }
  int timeout = kIdleMs;
  if (!stuck_.empty() || !bad_.empty()) timeout = kRetryMs;
  if (working_.recorded().empty() && nextRun_ != plan_.end()) timeout = std::min(timeout, kQuietMs);
  // A change that is under way ends soon; without its message there is nothing to do until then.
  if (busy) timeout = ++busyRounds_ < kBusyRoundsMax ? 0 : 1;
  else busyRounds_ = 0;
  if (poll(fds.data(), fds.size(), timeout) < 0 && errno != EINTR) return 1;
  if (fds[1].revents != 0) replaceGuard();
  if (!taskEnded_ && fds[2].revents != 0) {
    taskEnded_ = true;
    // The memory of a task goes with it, unless something still looks at it: then the probe finds its end.
    working_.keep();
  }
  return 0;
}

/** Answers a fault. False: the memory is being changed, messages first. */
bool Pager::serve(TaskMemory* memory, uint64_t now) {
  const auto home = memory->map().homeOf(now);
  const PlanPlace place = home ? plan_.find(*home) : PlanPlace{};
  // A page that was put there once and is missing again was given up in a way that leaves zeros (MADV_WIPEONFORK).
  if (!place || place.zero() || !memory->misses(*home, place.ordinal())) return memory->zero(now);
  const uint32_t frame = place.slot() / CKPT_FRAME_PAGES;
  try {
    source_.read(place.run->pack, frame, &reader_);
  } catch (const CodecError& error) {
    stuck(memory, now, "page " + hex(now * kPageBytes) + " of checkpoint " + plan_.checkpoint() + ": " + error.what());
    return true;
  }
  const int put = memory->put(*home, CKPT_FRAME_PAGES - 1, CKPT_FRAME_PAGES, place.run->pack, frame, reader_.raw.get());
  if (put < 0) return false;
  working_.note(*home);
  lastFaultMs_ = nowMs();
  done_.faulted++;
  if (put > 0) done_.neighbours += static_cast<uint64_t>(put) - 1;
  return true;
}

void Pager::serveWaiting() {
  for (const auto& memory : memories_) {
    auto& waiting = memory->waiting();
    while (!waiting.empty() && !memory->gone()) {
      if (!serve(memory.get(), waiting.front())) break;
      waiting.pop_front();
    }
  }
}

/** The source does not have what somebody waits for: he goes on waiting, and the task is stopped for all to see. */
void Pager::stuck(TaskMemory* memory, uint64_t now, const std::string& why) {
  if (stuck_.empty()) {
    if (!taskEnded_ && !stoppedTask_ && !isStopped(options_.task)) {
      stoppedTask_ = syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGSTOP, nullptr, 0) == 0;
    }
    report_({PagerReport::Kind::kWaiting, why + "; process " + std::to_string(options_.task) + " waits for it"});
    retryAtMs_ = nowMs() + kRetryMs;
  }
  stuck_.push_back({memory, now});
}

void Pager::retryStuck() {
  std::vector<Stuck> all;
  all.swap(stuck_);
  for (size_t i = 0; i < all.size(); i++) {
    TaskMemory& memory = *all[i].memory;
    if (memory.gone()) continue;
    const auto home = memory.map().homeOf(all[i].now);
    const PlanPlace place = home ? plan_.find(*home) : PlanPlace{};
    if (place && !place.zero() && memory.misses(*home, place.ordinal())) {
      try {
        source_.read(place.run->pack, place.slot() / CKPT_FRAME_PAGES, &reader_);
      } catch (const CodecError&) {
        stuck_.push_back(all[i]);
        continue;
      }
    }
    memory.waiting().push_back(all[i].now);
  }
  retryAtMs_ = nowMs() + kRetryMs;
  if (!stuck_.empty()) return;
  serveWaiting();
  if (!stuck_.empty()) return;
  if (stoppedTask_) syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGCONT, nullptr, 0);
  stoppedTask_ = false;
  report_({PagerReport::Kind::kResumed, "process " + std::to_string(options_.task) + " goes on"});
}

bool Pager::missed(uint64_t home, const plan_run& run, uint32_t offset, uint32_t count) const {
  for (uint32_t i = 0; i < count; i++)
    for (const auto& memory : memories_)
      if (memory->misses(home + i, run.ordinal + offset + i)) return true;
  return false;
}

/** The next frame to read ahead: the working set's, then all in order of addresses. */
bool Pager::nextJob(FrameJob* job) {
  while (nextWorking_ < working_.recorded().size()) {
    const uint64_t home = working_.recorded()[nextWorking_++];
    const PlanPlace place = plan_.find(home);
    if (!place || place.zero() || !missed(home, *place.run, place.offset, 1)) continue;
    *job = {home, place.run->pack, place.slot() / CKPT_FRAME_PAGES, true, nullptr, ""};
    return true;
  }
  // One that has not asked for anything yet has not come to run: what it needs could not be recorded.
  const bool asking = done_.faulted == 0 || nowMs() - lastFaultMs_ < kQuietMs;
  if (working_.recorded().empty() && asking && nowMs() - startedMs_ < kRecordMs) return false;
  while (nextRun_ != plan_.end()) {
    const plan_run& run = *nextRun_;
    if (run.pack == CKPT_PLAN_ZERO || nextOffset_ >= run.count) {
      ++nextRun_;
      nextOffset_ = 0;
      continue;
    }
    const uint32_t offset = nextOffset_, slot = run.slot + offset;
    const uint32_t count = std::min(CKPT_FRAME_PAGES - slot % CKPT_FRAME_PAGES, run.count - offset);
    nextOffset_ += count;
    if (!missed(run.first_page + offset, run, offset, count)) continue;
    *job = {run.first_page + offset, run.pack, slot / CKPT_FRAME_PAGES, false, nullptr, ""};
    return true;
  }
  if (bad_.empty() || !stuck_.empty() || nowMs() < retryAtMs_) return false;
  *job = std::move(bad_.front());
  bad_.pop_front();
  retryAtMs_ = nowMs() + (bad_.empty() ? kRetryMs : 0);
  return true;
}

void Pager::fetchAhead() {
  std::deque<FrameJob> again;
  again.swap(again_);
  for (auto& job : again) place(std::move(job));
  while (auto job = background_->take()) place(std::move(*job));
  FrameJob next;
  while (background_->pending() < Background::kPendingMax && nextJob(&next)) background_->give(std::move(next));
}

void Pager::place(FrameJob job) {
  if (!job.error.empty()) {
    if (!saidBad_ && stuck_.empty()) {
      report_({PagerReport::Kind::kDamaged, "page " + hex(job.home * kPageBytes) + " of checkpoint " +
                                                plan_.checkpoint() + ", which nobody needs yet: " + job.error});
      saidBad_ = true;
    }
    background_->giveBack(std::move(job.reader));
    job.error.clear();
    bad_.push_back(std::move(job));
    retryAtMs_ = nowMs() + kRetryMs;
    return;
  }
  for (const auto& memory : memories_) {
    if (memory->gone()) continue;
    const int put = memory->put(job.home, job.prefetch ? CKPT_FRAME_PAGES - 1 : 0, CKPT_FRAME_PAGES, job.pack,
                                job.frame, job.reader->raw.get());
    if (put < 0) {
      again_.push_back(std::move(job));
      return;
    }
    (job.prefetch ? done_.prefetched : done_.streamed) += static_cast<uint64_t>(put);
  }
  background_->giveBack(std::move(job.reader));
}

void Pager::replaceGuard() {
  std::vector<int> held;
  for (const auto& memory : memories_) held.push_back(memory->fd());
  guard_->start(held);
}

void Pager::dropDead() {
  for (size_t i = 0; i < memories_.size();) {
    TaskMemory* memory = memories_[i].get();
    if (taskEnded_ || i > 0) memory->probe();
    if (!memory->gone()) {
      i++;
      continue;
    }
    stuck_.erase(std::remove_if(stuck_.begin(), stuck_.end(), [&](const Stuck& one) { return one.memory == memory; }),
                 stuck_.end());
    memories_.erase(memories_.begin() + static_cast<ptrdiff_t>(i));
  }
}

bool pagerSays(int fd) {
  char byte;
  ssize_t n;
  do n = read(fd, &byte, 1);
  while (n < 0 && errno == EINTR);
  return n == 1;
}

pid_t startPager(const RestartPlan* plan, PagerOptions options, ReportTo report) {
  const pid_t pid = fork();
  if (pid < 0) throw ioError("make the pager", errno);
  if (pid > 0) return pid;
  prctl(PR_SET_NAME, "ckpt-pager");
  setsid();
  // Ctrl-C and its like are the task's; what ends us must be meant.
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  std::vector<int> kept = options.keep;
  kept.insert(kept.end(), {options.uffd, options.readyFd});
  closeAllBut(kept);
  rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  try {
    _exit(Pager(plan, std::move(options), std::move(report)).run());
  } catch (const std::exception& error) {
    _exit(1);
  }
}

}  // namespace ckpt
