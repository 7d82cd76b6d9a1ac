// SPDX-License-Identifier: Apache-2.0
//
// The calling state of Tracee: system calls run in the target, through an instruction and with memory that it has.
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>

#include "process/pagemap.h"
#include "process/ptrace_call.h"
#include "process/remote.h"

namespace ckpt {
namespace {

constexpr int kCallTimeoutMs = 60000;
constexpr size_t kArgumentBytes = 512;
constexpr size_t kRedZoneBytes = 128;

bool isSyscall(const uint8_t* code) { return code[0] == 0x0f && code[1] == 0x05; }

}  // namespace

/** Looks only where pages are resident, so that looking makes none resident. */
uint64_t Tracee::findSyscall() const {
  user_regs_struct now = registers();
  uint8_t code[2];
  if (static_cast<int64_t>(now.orig_rax) >= 0 && tryReadMemory(now.rip - 2, code, 2) == 2 && isSyscall(code))
    return now.rip - 2;
  Pagemap pagemap(pid_);
  uint64_t vdso = 0;
  std::vector<uint8_t> page(kPageBytes);
  auto search = [&](uint64_t address) -> uint64_t {
    if (tryReadMemory(address, page.data(), kPageBytes) != kPageBytes) return 0;
    for (size_t i = 0; i + 1 < kPageBytes; i++)
      if (isSyscall(&page[i])) return address + i;
    return 0;
  };
  for (const MapEntry& map : readMaps(pid_)) {
    if (!map.exec || !map.read || map.special("[vsyscall]")) continue;
    if (map.special("[vdso]")) vdso = map.start;
    for (uint64_t address = map.start; address < map.end; address += kPageBytes)
      if (pagemap.entry(address).present)
        if (uint64_t found = search(address)) return found;
  }
  for (uint64_t offset = 0; vdso && offset < 4 * kPageBytes; offset += kPageBytes)
    if (uint64_t found = search(vdso + offset)) return found;
  throw ProcessError(kCannot, "process " + std::to_string(pid_) + " has no system call instruction in its memory",
                     "its state cannot be asked for");
}

/** Memory below the red zone of the stack is nobody's. Leaves scratch_ empty where the stack is in no such memory. */
void Tracee::borrowStack(const std::vector<MapEntry>& maps, const Pagemap& pagemap, size_t bytes) {
  uint64_t end = (saved_.rsp - kRedZoneBytes) & ~uint64_t{63};
  uint64_t start = end - bytes;
  for (const MapEntry& map : maps) {
    if (start < map.start || end > map.end || start > end || !map.write || map.shared) continue;
    for (uint64_t page = start & ~(kPageBytes - 1); page < end; page += kPageBytes) {
      PageEntry entry = pagemap.entry(page);
      if (!entry.present && !entry.swapped) dropPages_.push_back(page);
    }
    // A file page would be copied on write, and MADV_DONTNEED would not bring back what was there.
    if (!dropPages_.empty() && map.ino != 0) {
      dropPages_.clear();
      return;
    }
    scratch_ = {start, bytes};
    return;
  }
}

/** The end of any resident page that can be written. */
void Tracee::borrowAnywhere(const std::vector<MapEntry>& maps, const Pagemap& pagemap) {
  for (const MapEntry& map : maps) {
    if (!map.write || !map.read || map.shared) continue;
    for (uint64_t page = map.start; page < map.end; page += kPageBytes) {
      PageEntry entry = pagemap.entry(page);
      if (!entry.present || entry.fileOrShared || !entry.exclusive) continue;
      scratch_ = {page + kPageBytes - kArgumentBytes, kArgumentBytes};
      return;
    }
  }
  throw ProcessError(kCannot, "process " + std::to_string(pid_) + " has no writable memory to work with");
}

void Tracee::borrowScratch(const std::vector<MapEntry>& maps, size_t frameBytes) {
  scratch_ = Scratch();
  dropPages_.clear();
  Pagemap pagemap(pid_);
  borrowStack(maps, pagemap, kArgumentBytes + frameBytes);
  if (!scratch_.bytes) borrowAnywhere(maps, pagemap);
  scratchSaved_.resize(scratch_.bytes);
  readMemory(scratch_.address, scratchSaved_.data(), scratch_.bytes);
}

/** Puts the old bytes back, but for pages that are not resident (any more). */
void Tracee::returnScratch() {
  for (size_t at = 0; at < scratchSaved_.size();) {
    uint64_t address = scratch_.address + at, page = address & ~(kPageBytes - 1);
    size_t bytes = std::min<uint64_t>(page + kPageBytes - address, scratchSaved_.size() - at);
    if (std::find(dropPages_.begin(), dropPages_.end(), page) == dropPages_.end())
      writeMemory(address, scratchSaved_.data() + at, bytes);
    at += bytes;
  }
  scratchSaved_.clear();
}

void Tracee::setScratch(const Scratch& scratch) {
  scratch_ = scratch;
  scratchSaved_.clear();
}

void Tracee::beginCalls(const CallOptions& options) {
  Gadgets gadgets;
  size_t frameBytes = options.wantScratch && options.wantLanding ? landingFrameBytes() : 0;
  std::vector<MapEntry> maps;
  if (options.wantScratch) maps = readMaps(pid_);
  if (frameBytes) gadgets = findGadgets(*this, maps);
  saved_ = registers();
  savedMask_ = signalMask();
  landing_ = 0;
  syscallAddress_ = options.syscallAddress ? options.syscallAddress
                    : gadgets.complete()   ? gadgets.syscallReturn
                                           : findSyscall();
  if (options.wantScratch) borrowScratch(maps, gadgets.complete() ? frameBytes : 0);
  if (gadgets.complete() && scratch_.bytes > kArgumentBytes) prepareLanding(gadgets);
  // From here on the task is foreign to itself. The registers came first: with the mask changed, the way back is there.
  calling_ = true;
  setSignalMask(~uint64_t{0});
}

void Tracee::prepareLanding(const Gadgets& gadgets) {
  user_regs_struct home = saved_;
  settleSystemCall(&home);
  landing_ = scratch_.address + kArgumentBytes;
  std::vector<uint8_t> frame = landingFrame(landing_, gadgets, home, savedMask_, xstate());
  writeMemory(landing_, frame.data(), frame.size());
  user_regs_struct regs = saved_;
  regs.rip = gadgets.signalReturn;
  regs.rsp = landing_ + 8;
  regs.orig_rax = ~uint64_t{0};
  regs.eflags &= ~uint64_t{0x100};
  setRegisters(regs);
}

void Tracee::runToSyscallStop() {
  for (;;) {
    resume(PTRACE_SYSCALL, 0);
    int status = waitStop(kCallTimeoutMs);
    if (WSTOPSIG(status) == kSyscallStop && !(status >> 16)) return;
    // Everything but SIGKILL and SIGSTOP is blocked. A SIGSTOP is kept for later, other traps mean nothing here.
    if (!(status >> 16) && WSTOPSIG(status) == SIGSTOP) resendSignal_ = SIGSTOP;
  }
}

long Tracee::call(long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f) {
  user_regs_struct regs = saved_;
  regs.rip = syscallAddress_;
  if (landing_) regs.rsp = landing_;
  regs.rax = static_cast<uint64_t>(number);
  regs.orig_rax = ~uint64_t{0};
  regs.rdi = a;
  regs.rsi = b;
  regs.rdx = c;
  regs.r10 = d;
  regs.r8 = e;
  regs.r9 = f;
  regs.eflags &= ~uint64_t{0x100};  // no single stepping
  setRegisters(regs);
  runToSyscallStop();
  runToSyscallStop();
  return static_cast<long>(registers().rax);
}

/** Back to an event stop; the task does not come to user space on the way, because the interrupt is pending. */
void Tracee::returnToEventStop() {
  if (ptraceCall(PTRACE_INTERRUPT, pid_, 0, 0L) != 0)
    throw ProcessError::system(kFailed, "cannot interrupt process " + std::to_string(pid_));
  for (;;) {
    resume(PTRACE_CONT, 0);
    int status = waitStop(kCallTimeoutMs);
    if (isEventStop(status)) return;
    if (!(status >> 16) && WSTOPSIG(status) == SIGSTOP) resendSignal_ = SIGSTOP;
  }
}

void Tracee::endCalls() {
  if (!calling_) return;
  for (uint64_t page : dropPages_) call(SYS_madvise, page, kPageBytes, MADV_DONTNEED);
  returnToEventStop();
  setSignalMask(savedMask_);
  setRegisters(saved_);
  calling_ = false;
  returnScratch();
}

void Tracee::abandonCalls() {
  if (!calling_) return;
  scratchSaved_.clear();
  returnToEventStop();
  calling_ = false;
}

}  // namespace ckpt
