// SPDX-License-Identifier: Apache-2.0
//
// Signal actions, timers and pending signals. All signals are blocked meanwhile, so nothing is delivered before the end.

#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include <cstring>

#include "process/restart_state.h"

#ifndef PR_TIMER_CREATE_RESTORE_IDS
#define PR_TIMER_CREATE_RESTORE_IDS 77
#endif

namespace ckpt {
namespace {

constexpr uint64_t kSetBytes = 8;  // of the kernel's sigset_t
constexpr int kTimerIdsTried = 100000;

/** The kernel's struct sigevent, 64 bytes. */
struct KernelSigevent {
  uint64_t value;
  int32_t signo;
  int32_t notify;
  int32_t tid;
  uint8_t pad[44];
};
static_assert(sizeof(KernelSigevent) == 64, "struct sigevent");

/** A processor-time clock that names the old pid means the process itself. */
int32_t clockOf(int32_t clock, uint32_t oldPid) {
  if (clock >= 0) return clock;
  const int32_t pid = ~(clock >> 3);
  return pid == static_cast<int32_t>(oldPid) ? static_cast<int32_t>((~0u << 3) | (static_cast<uint32_t>(clock) & 7))
                                             : clock;
}

bool isPending(const TaskImage& image, int signal) {
  for (const auto* list : {&image.processSignals, &image.threadSignals}) {
    for (const SignalInfo& info : *list) {
      int32_t signo;
      std::memcpy(&signo, info.data(), sizeof signo);
      if (signo == signal) return true;
    }
  }
  return false;
}

}  // namespace

void RestartState::actions() {
  for (int signal = 1; signal <= 64; signal++) {
    if (signal == SIGKILL || signal == SIGSTOP) continue;
    // Version 1 says nothing: as after execve, but nothing of ours stays ignored.
    ImageAction action = {};
    if (static_cast<size_t>(signal) <= image_.actions.size()) action = image_.actions[static_cast<size_t>(signal - 1)];
    // Most are as the child has them already; each call in it costs some ten microseconds.
    const bool plain = action.handler == 0 && action.flags == 0 && action.mask == 0 && action.restorer == 0;
    struct sigaction ours;
    if (plain && sigaction(signal, nullptr, &ours) == 0 && ours.sa_handler != SIG_IGN) continue;
    child_.must("set the action of signal " + std::to_string(signal), SYS_rt_sigaction, static_cast<uint64_t>(signal),
                child_.put(&action, sizeof action), 0, kSetBytes);
  }
  const cr2_thread& thread = image_.thread;
  if (image_.version == 1 || (thread.altstack_flags & SS_DISABLE) || thread.altstack_bytes == 0) return;
  constexpr uint32_t kAutoDisarm = 1u << 31;
  struct {
    uint64_t sp;
    uint32_t flags, pad;
    uint64_t bytes;
  } stack = {thread.altstack_sp, thread.altstack_flags & kAutoDisarm, 0, thread.altstack_bytes};
  child_.must("set the alternate stack", SYS_sigaltstack, child_.put(&stack, sizeof stack), 0);
}

void RestartState::intervalTimers() {
  const __u64* timers[] = {image_.itimers.real, image_.itimers.virtual_, image_.itimers.prof};
  for (uint64_t which = 0; which < 3; which++) {
    __u64 timer[4];
    std::memcpy(timer, timers[which], sizeof timer);
    // ITIMER_REAL is wound again when its SIGALRM is taken: between the two it has an interval and no time left.
    if (which == ITIMER_REAL && timer[2] == 0 && timer[3] == 0 && (timer[0] != 0 || timer[1] != 0)) {
      const bool waiting = isPending(image_, SIGALRM);
      timer[2] = waiting ? timer[0] : 0;
      timer[3] = waiting ? timer[1] : 1;
    }
    if (timer[0] == 0 && timer[1] == 0 && timer[2] == 0 && timer[3] == 0) continue;
    if (child_.tracee().call(SYS_setitimer, which, child_.put(timer, sizeof timer), 0) != 0)
      invalid(CKPT_REC_ITIMERS, "interval timer " + std::to_string(which) + " has values that the kernel refuses");
  }
}

void RestartState::posixTimers() {
  if (image_.timers.empty()) return;
  // Since 6.16 an id can be asked for; before, ids count up and the ones between are made and deleted.
  const bool byId = child_.tracee().call(SYS_prctl, PR_TIMER_CREATE_RESTORE_IDS, 1, 0, 0, 0) == 0;
  for (const cr2_posix_timer& timer : image_.timers) {
    KernelSigevent event = {};
    event.value = timer.sigval;
    event.signo = timer.signo;
    event.notify = timer.notify;
    event.tid = timer.notify_tid == static_cast<int32_t>(image_.thread.tid) ? child_.pid() : timer.notify_tid;
    const uint64_t eventAt = child_.put(&event, sizeof event, 64);
    const auto clock = static_cast<uint64_t>(static_cast<int64_t>(clockOf(timer.clock_id, image_.task.pid)));
    int32_t id = -1;
    for (int tries = 0; id != timer.timer_id; tries++) {
      if (id >= 0) child_.must("delete a timer", SYS_timer_delete, static_cast<uint64_t>(id));
      if (tries > (byId ? 0 : kTimerIdsTried))
        throw ProcessError(kCannot, "cannot make timer " + std::to_string(timer.timer_id) + " again",
                           "a kernel from 6.16 on can");
      const uint64_t idAt = child_.put(&timer.timer_id, sizeof timer.timer_id);
      child_.must("make timer " + std::to_string(timer.timer_id), SYS_timer_create, clock, eventAt, idAt);
      child_.tracee().readMemory(idAt, &id, sizeof id);
    }
    if (timer.value_sec == 0 && timer.value_nsec == 0) continue;
    const int64_t times[4] = {timer.interval_sec, timer.interval_nsec, timer.value_sec, timer.value_nsec};
    child_.must("arm timer " + std::to_string(id), SYS_timer_settime, static_cast<uint64_t>(id), 0,
                child_.put(times, sizeof times), 0);
  }
  if (byId) child_.tracee().call(SYS_prctl, PR_TIMER_CREATE_RESTORE_IDS, 0, 0, 0, 0);
}

void RestartState::pending() {
  const auto queue = [&](const SignalInfo& info, bool thread) {
    int32_t signo;
    std::memcpy(&signo, info.data(), sizeof signo);
    if (signo == SIGKILL || signo == SIGSTOP) return;
    const uint64_t at = child_.put(info.data(), info.size());
    const auto pid = static_cast<uint64_t>(child_.pid()), number = static_cast<uint64_t>(signo);
    const long result = thread ? child_.tracee().call(SYS_rt_tgsigqueueinfo, pid, pid, number, at)
                               : child_.tracee().call(SYS_rt_sigqueueinfo, pid, number, at);
    if (result != 0)
      throw ProcessError::system(kCannot, "cannot make signal " + std::to_string(signo) + " pending again", "",
                                 static_cast<int>(-result));
  };
  for (const SignalInfo& info : image_.processSignals) queue(info, false);
  for (const SignalInfo& info : image_.threadSignals) queue(info, true);
}

}  // namespace ckpt
