// SPDX-License-Identifier: Apache-2.0
//
// What only the task itself can be asked: system calls run in its name. None of them changes anything.
#include <linux/prctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include <cstring>
#include <sstream>

#include "process/capture.h"
#include "process/pagemap.h"

namespace ckpt {
namespace {

constexpr int kSignals = 64;
constexpr int kSigevThreadId = 4;
constexpr int kArchGetXcompPermission = 0x1022;
constexpr uint64_t kXfeatureTileData = 1ull << 18;

class Calls {
 public:
  explicit Calls(Tracee* tracee) : tracee_(tracee), address_(tracee->scratch().address) {}

  uint64_t address() const { return address_; }

  /** A call that has to work. */
  long must(const char* name, long number, uint64_t a = 0, uint64_t b = 0, uint64_t c = 0, uint64_t d = 0) {
    long result = tracee_->call(number, a, b, c, d);
    if (result < 0 && result > -4096)
      throw ProcessError::system(kCannot, std::string(name) + " in process " + std::to_string(tracee_->pid()), "",
                                 static_cast<int>(-result));
    return result;
  }
  template <typename T>
  T result() const {
    T value = {};
    tracee_->readMemory(address_, &value, sizeof value);
    return value;
  }

 private:
  Tracee* tracee_;
  uint64_t address_;
};

void captureActions(Tracee* tracee, Calls* calls, Capture* capture) {
  constexpr int kBatch = 16;  // as many as fit into the scratch memory
  capture->actions.resize(kSignals);
  for (int first = 0; first < kSignals; first += kBatch) {
    for (int i = 0; i < kBatch; i++)
      calls->must("rt_sigaction", SYS_rt_sigaction, static_cast<uint64_t>(first + i + 1), 0,
                  calls->address() + static_cast<uint64_t>(i) * sizeof(SignalAction), 8);
    tracee->readMemory(calls->address(), &capture->actions[static_cast<size_t>(first)], kBatch * sizeof(SignalAction));
  }
}

void captureTimers(pid_t pid, Calls* calls, const Status& status, Capture* capture) {
  __u64* itimers[] = {capture->itimers.real, capture->itimers.virtual_, capture->itimers.prof};
  for (int which = 0; which < 3; which++) {
    calls->must("getitimer", SYS_getitimer, static_cast<uint64_t>(which), calls->address());
    auto value = calls->result<std::array<__u64, 4>>();
    memcpy(itimers[which], value.data(), sizeof value);
  }
  // A periodic ITIMER_REAL that has fired shows no time left until its signal is taken, which starts it anew. Whoever
  // sets it again without time left would disarm it.
  __u64* real = capture->itimers.real;
  if ((real[0] || real[1]) && !real[2] && !real[3]) {
    real[2] = real[0];
    real[3] = real[1];
  }
  std::string text;
  if (!readWhole(procPath(pid, "timers"), &text)) {
    status.warning("this kernel does not show POSIX timers; any that the process has are not saved");
    return;
  }
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (line.compare(0, 3, "ID:") == 0) {
      capture->timers.emplace_back();
      capture->timers.back().timer_id = atoi(line.c_str() + 3);
      continue;
    }
    if (capture->timers.empty()) continue;
    cr2_posix_timer& timer = capture->timers.back();
    int target = 0, clock = 0;
    unsigned long value = 0;
    char how[16] = {}, scope[8] = {};
    if (sscanf(line.c_str(), "signal: %d/%lx", &timer.signo, &value) == 2) timer.sigval = value;
    if (sscanf(line.c_str(), "notify: %15[a-z]/%7[a-z].%d", how, scope, &target) == 3) {
      timer.notify = !strcmp(how, "none") ? 1 : !strcmp(how, "thread") ? 2 : 0;
      if (!strcmp(scope, "tid")) {
        timer.notify |= kSigevThreadId;
        timer.notify_tid = target;
      }
    }
    if (sscanf(line.c_str(), "ClockID: %d", &clock) == 1) timer.clock_id = clock;
  }
  for (cr2_posix_timer& timer : capture->timers) {
    calls->must("timer_gettime", SYS_timer_gettime, static_cast<uint64_t>(timer.timer_id), calls->address());
    auto value = calls->result<std::array<__s64, 4>>();
    timer.interval_sec = value[0];
    timer.interval_nsec = value[1];
    timer.value_sec = value[2];
    timer.value_nsec = value[3];
    timer.overrun = static_cast<__u32>(
        calls->must("timer_getoverrun", SYS_timer_getoverrun, static_cast<uint64_t>(timer.timer_id)));
  }
}

/** modify_ldt does not say how many entries there are: it fills what it is given. Few tasks have an LDT at all. */
void captureLdt(Tracee* tracee, Calls* calls, Capture* capture) {
  constexpr size_t kBytes = CKPT_LDT_ENTRIES_MAX * 8;
  if (tracee->call(SYS_modify_ldt, 0, calls->address(), 8) <= 0) return;
  uint64_t room = static_cast<uint64_t>(
      calls->must("mmap", SYS_mmap, 0, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS));
  long got = tracee->call(SYS_modify_ldt, 0, room, kBytes);
  if (got > 0) {
    capture->ldt.resize(static_cast<size_t>(got) / 8);
    tracee->readMemory(room, capture->ldt.data(), capture->ldt.size() * 8);
    while (!capture->ldt.empty() && capture->ldt.back() == 0) capture->ldt.pop_back();
  }
  calls->must("munmap", SYS_munmap, room, kBytes);
}

uint64_t lockedBytes(pid_t pid) { return strtoull(readStatus(pid)["VmLck"].c_str(), nullptr, 10) * 1024; }

/**
 * Whether mlockall(MCL_FUTURE) is in force, nothing says but a new mapping: one page without access is made and taken
 * away again. Only tasks with locked memory are asked.
 */
void captureFutureLocks(Tracee* tracee, Calls* calls, Capture* capture) {
  uint64_t before = lockedBytes(tracee->pid());
  if (before == 0) return;
  long probe = tracee->call(SYS_mmap, 0, kPageBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS);
  // Beyond RLIMIT_MEMLOCK, which only locked mappings meet.
  if (probe == -EAGAIN) capture->mm.def_flags = CKPT_VMA2_F_LOCKED;
  if (probe < 0) return;
  if (lockedBytes(tracee->pid()) > before) {
    capture->mm.def_flags = CKPT_VMA2_F_LOCKED;
    FileIdentities none;
    for (const Mapping& mapping : readMappings(tracee->pid(), &none))
      if (mapping.map.start <= static_cast<uint64_t>(probe) && static_cast<uint64_t>(probe) < mapping.map.end &&
          mapping.vmFlags & kVmLockOnFault)
        capture->mm.def_flags |= CKPT_VMA2_F_LOCKONFAULT;
  }
  calls->must("munmap", SYS_munmap, static_cast<uint64_t>(probe), kPageBytes);
}

}  // namespace

void captureByCalls(Tracee* tracee, const Status& status, Capture* capture) {
  Calls calls(tracee);
  captureActions(tracee, &calls, capture);
  captureTimers(tracee->pid(), &calls, status, capture);
  captureLdt(tracee, &calls, capture);
  captureFutureLocks(tracee, &calls, capture);
  capture->mm.brk = static_cast<__u64>(calls.must("brk", SYS_brk));

  struct {
    __u64 sp;
    __u32 flags, pad;
    __u64 bytes;
  } altstack;
  calls.must("sigaltstack", SYS_sigaltstack, 0, calls.address());
  tracee->readMemory(calls.address(), &altstack, sizeof altstack);
  capture->thread.altstack_sp = altstack.sp;
  // Our calls run with a stack pointer of their own: whether the task is on the alternate stack, its own one says.
  constexpr __u32 kOnStack = 1, kAutodisarm = 1u << 31;
  __u64 sp = capture->registers.rsp;
  bool on = !(altstack.flags & kAutodisarm) && sp > altstack.sp && sp - altstack.sp <= altstack.bytes;
  capture->thread.altstack_flags = (altstack.flags & ~kOnStack) | (on ? kOnStack : 0);
  capture->thread.altstack_bytes = altstack.bytes;

  cr2_task& task = capture->task;
  task.dumpable = static_cast<__u32>(calls.must("prctl", SYS_prctl, PR_GET_DUMPABLE));
  task.thp_disable = static_cast<__u32>(calls.must("prctl", SYS_prctl, PR_GET_THP_DISABLE));
  capture->creds.securebits = static_cast<__u32>(calls.must("prctl", SYS_prctl, PR_GET_SECUREBITS));
  calls.must("prctl", SYS_prctl, PR_GET_PDEATHSIG, calls.address());
  task.pdeathsig = calls.result<int>();
  calls.must("prctl", SYS_prctl, PR_GET_CHILD_SUBREAPER, calls.address());
  task.child_subreaper = calls.result<__u32>();
  if (tracee->call(SYS_prctl, PR_GET_TID_ADDRESS, calls.address()) == 0)
    capture->thread.clear_child_tid = calls.result<__u64>();
  if (tracee->call(SYS_arch_prctl, kArchGetXcompPermission, calls.address()) == 0 &&
      calls.result<__u64>() & kXfeatureTileData)
    status.warning("the process may use AMX; its copy has to ask for that permission again");
}

}  // namespace ckpt
