// SPDX-License-Identifier: Apache-2.0
//
// The pager of a lazily restarted task. It answers the task's faults out of the packs, a frame at a time; fetches the working
// set that an earlier run recorded; then everything else; and ends when nothing is missing any more. One process for one task,
// with a guard beside it (guard.h).
//
// Guaranteed: a page of the image is either what its hash says, or the task waits. What the kernel calls missing and
// the image does not have (never touched, unmapped, given up with MADV_DONTNEED) reads as zero, as it would without us.
#ifndef CKPT_PAGER_PAGER_H
#define CKPT_PAGER_PAGER_H

#include <sys/types.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "pager/background.h"
#include "pager/guard.h"
#include "pager/pinning.h"
#include "pager/task_memory.h"
#include "pager/working_set.h"

namespace ckpt {

struct PagerOptions {
  int uffd = -1;
  pid_t task = 0;
  std::string packsDir;
  std::string workingSet;  // file; empty: none
  /** Mappings whose pages come through the pager, as addresses. */
  std::vector<std::pair<uint64_t, uint64_t>> watched;
  /** A byte is written there when pager and guard are at work, another when nobody can take packs away any more. */
  int readyFd = -1;
  std::vector<int> keep;  // descriptors that report() needs
};

class Pager {
 public:
  /** `plan` is borrowed. */
  Pager(const RestartPlan* plan, PagerOptions options, ReportTo report);

  /** Works to the end. Returns the exit status of the process. */
  int run();

 private:
  /** A fault that cannot be answered now. */
  struct Stuck {
    TaskMemory* memory;
    uint64_t now;
  };

  bool serve(TaskMemory* memory, uint64_t now);
  void serveWaiting();
  void fetchAhead();
  bool nextJob(FrameJob* job);
  bool missed(uint64_t home, const plan_run& run, uint32_t offset, uint32_t count) const;
  void place(FrameJob job);
  void stuck(TaskMemory* memory, uint64_t now, const std::string& why);
  void retryStuck();
  void replaceGuard();
  void dropDead();
  int wait();

  const RestartPlan& plan_;
  const PagerOptions options_;
  const ReportTo report_;
  UniqueFd pidfd_;
  PageSource source_;
  FrameReader reader_;
  WorkingSet working_;
  std::vector<std::unique_ptr<TaskMemory>> memories_;  // the task's is the first
  std::unique_ptr<Guard> guard_;
  std::unique_ptr<Background> background_;
  std::unique_ptr<Pinning> pinning_;
  bool pinned_ = false;  // as run() has seen it: until then its end wakes us
  bool taskEnded_ = false;

  std::vector<Stuck> stuck_;
  bool stoppedTask_ = false;
  int64_t retryAtMs_ = 0;

  int64_t startedMs_ = 0, lastFaultMs_ = 0;
  int busyRounds_ = 0;
  size_t nextWorking_ = 0;
  const plan_run* nextRun_;
  uint32_t nextOffset_ = 0;
  std::deque<FrameJob> again_;  // read, but the memory was changing
  std::deque<FrameJob> bad_;    // cannot be had now, and nobody waits for them
  bool saidBad_ = false;
  PagerReport done_{PagerReport::Kind::kFilled, "", 0, 0, 0, 0};
};

/** Makes a pager process: its pid. The child never returns from here. Throws CodecError of kind io. */
pid_t startPager(const RestartPlan* plan, PagerOptions options, ReportTo report);

/** Waits for the next byte of PagerOptions.readyFd, whose other end `fd` is; false when the pager has ended instead. */
bool pagerSays(int fd);

}  // namespace ckpt

#endif  // CKPT_PAGER_PAGER_H
