// SPDX-License-Identifier: Apache-2.0
#include "process/remote.h"

#include <elf.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "process/ptrace_call.h"

#ifndef PTRACE_GET_RSEQ_CONFIGURATION
#define PTRACE_GET_RSEQ_CONFIGURATION 0x420f
#endif

namespace ckpt {
namespace {

int64_t nowMs() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

}  // namespace

Tracee::~Tracee() {
  if (!attached_) return;
  try {
    if (calling_) endCalls();
    detach();
  } catch (const ProcessError&) {
    // The task is gone, or the kernel detaches when we exit.
  }
}

void Tracee::lost(const std::string& what, int status) {
  attached_ = false;
  calling_ = false;
  std::string how = WIFSIGNALED(status) ? "killed by signal " + std::to_string(WTERMSIG(status))
                    : WIFEXITED(status) ? "ended with status " + std::to_string(WEXITSTATUS(status))
                                        : "gone";
  throw ProcessError(kFailed, "process " + std::to_string(pid_) + " was " + how + " while " + what);
}

/**
 * Waits for the next ptrace stop. Polls: a wait that cannot be bounded would hang on a task in a dead file system. A child of ours
 * does not go there, and on a busy machine whoever sleeps has his turn sooner than whoever polls.
 */
int Tracee::waitStop(int timeoutMs) {
  int64_t deadline = nowMs() + timeoutMs;
  for (int round = 0;; round++) {
    int status = 0;
    // The first rounds yield: a running task stops within some ten microseconds.
    pid_t got = waitpid(pid_, &status, asleep_ ? __WALL : __WALL | WNOHANG);
    if (got == pid_) {
      if (!WIFSTOPPED(status)) lost("it was being stopped", status);
      return status;
    }
    if (got < 0 && errno != EINTR) {
      int error = errno;
      attached_ = calling_ = false;
      throw ProcessError::system(kFailed, "waiting for process " + std::to_string(pid_), "", error);
    }
    if (round < 2000) {
      sched_yield();
      continue;
    }
    if (nowMs() > deadline)
      throw ProcessError(kFailed, "process " + std::to_string(pid_) + " does not stop",
                         "it may be waiting in the kernel for a device or a network file system; try again later");
    timespec pause = {0, round < 4000 ? 100000 : 2000000};
    nanosleep(&pause, nullptr);
  }
}

void Tracee::resume(int request, int signal) {
  if (ptraceCall(request, pid_, 0, static_cast<long>(signal)) != 0) {
    if (errno == ESRCH) {
      int status = 0;
      waitpid(pid_, &status, __WALL | WNOHANG);
      lost("it was being resumed", status);
    }
    throw ProcessError::system(kFailed, "cannot resume process " + std::to_string(pid_));
  }
}

void Tracee::openMemory() {
  mem_.reset(open(procPath(pid_, "mem").c_str(), O_RDWR | O_CLOEXEC));
  if (!mem_) throw ProcessError::system(kCannot, "cannot open " + procPath(pid_, "mem"));
}

void Tracee::seize(int timeoutMs, unsigned long options) {
  if (ptraceCall(PTRACE_SEIZE, pid_, 0, static_cast<long>(PTRACE_O_TRACESYSGOOD | options)) != 0) {
    if (errno == ESRCH) throw ProcessError(kFailed, "no such process: " + std::to_string(pid_));
    throw ProcessError::system(kCannot, "cannot trace process " + std::to_string(pid_),
                               "run as its owner or as root; see kernel.yama.ptrace_scope; a debugger may hold it");
  }
  attached_ = true;
  groupStopped_ = false;
  if (ptraceCall(PTRACE_INTERRUPT, pid_, 0, 0L) != 0) {
    ProcessError error = ProcessError::system(kFailed, "cannot interrupt process " + std::to_string(pid_));
    throw error;
  }
  try {
    waitEventStop(timeoutMs);
  } catch (const ProcessError&) {
    // Not stopped: PTRACE_DETACH is not possible, the kernel detaches when we exit.
    attached_ = false;
    throw;
  }
  openMemory();
}

/** Goes on to the next event stop; signals on the way are delivered as they would have been. */
void Tracee::waitEventStop(int timeoutMs) {
  for (;;) {
    int status = waitStop(timeoutMs);
    if (isEventStop(status)) {
      if (WSTOPSIG(status) != SIGTRAP) groupStopped_ = true;
      return;
    }
    int signal = WSTOPSIG(status);
    resume(PTRACE_CONT, signal == kSyscallStop || status >> 16 ? 0 : signal);
  }
}

void Tracee::detach(int signal) {
  if (!attached_) return;
  if (resendSignal_) ::kill(pid_, resendSignal_);
  resendSignal_ = 0;
  if (signal) ::kill(pid_, signal);
  attached_ = false;
  mem_.reset();
  if (ptraceCall(PTRACE_DETACH, pid_, 0, 0L) != 0 && errno != ESRCH)
    throw ProcessError::system(kFailed, "cannot detach from process " + std::to_string(pid_));
}

void Tracee::kill() {
  ::kill(pid_, SIGKILL);
  attached_ = calling_ = false;
  mem_.reset();
  int status;
  while (waitpid(pid_, &status, __WALL) == pid_ && !WIFEXITED(status) && !WIFSIGNALED(status)) {
  }
}

user_regs_struct Tracee::registers() const {
  user_regs_struct registers;
  iovec io = {&registers, sizeof registers};
  if (ptraceCall(PTRACE_GETREGSET, pid_, NT_PRSTATUS, &io) != 0)
    throw ProcessError::system(kFailed, "cannot read the registers of process " + std::to_string(pid_));
  if (io.iov_len != sizeof registers)
    throw ProcessError(kCannot, "process " + std::to_string(pid_) + " is a 32-bit task",
                       "only 64-bit tasks are supported");
  return registers;
}

void Tracee::setRegisters(const user_regs_struct& registers) {
  iovec io = {const_cast<user_regs_struct*>(&registers), sizeof registers};
  if (ptraceCall(PTRACE_SETREGSET, pid_, NT_PRSTATUS, &io) != 0)
    throw ProcessError::system(kFailed, "cannot set the registers of process " + std::to_string(pid_));
}

std::vector<uint8_t> Tracee::xstate() const {
  std::vector<uint8_t> area(1 << 16);
  iovec io = {area.data(), area.size()};
  if (ptraceCall(PTRACE_GETREGSET, pid_, NT_X86_XSTATE, &io) != 0)
    throw ProcessError::system(kCannot, "cannot read the XSAVE area of process " + std::to_string(pid_));
  area.resize(io.iov_len);
  return area;
}

void Tracee::setXstate(const std::vector<uint8_t>& area) {
  iovec io = {const_cast<uint8_t*>(area.data()), area.size()};
  if (ptraceCall(PTRACE_SETREGSET, pid_, NT_X86_XSTATE, &io) != 0)
    throw ProcessError::system(kCannot, "cannot set the XSAVE area of process " + std::to_string(pid_));
}

uint64_t Tracee::signalMask() const {
  uint64_t mask = 0;
  if (ptraceCall(PTRACE_GETSIGMASK, pid_, sizeof mask, &mask) != 0)
    throw ProcessError::system(kFailed, "cannot read the signal mask of process " + std::to_string(pid_));
  return mask;
}

void Tracee::setSignalMask(uint64_t mask) {
  if (ptraceCall(PTRACE_SETSIGMASK, pid_, sizeof mask, &mask) != 0)
    throw ProcessError::system(kFailed, "cannot set the signal mask of process " + std::to_string(pid_));
}

std::vector<siginfo_t> Tracee::pendingSignals(bool shared) const {
  std::vector<siginfo_t> all;
  for (;;) {
    siginfo_t batch[32];
    __ptrace_peeksiginfo_args args = {};
    args.off = all.size();
    args.flags = shared ? PTRACE_PEEKSIGINFO_SHARED : 0;
    args.nr = 32;
    long got = ptraceCall(PTRACE_PEEKSIGINFO, pid_, &args, batch);
    if (got < 0)
      throw ProcessError::system(kFailed, "cannot read the pending signals of process " + std::to_string(pid_));
    all.insert(all.end(), batch, batch + got);
    if (got < 32) return all;
  }
}

bool Tracee::rseq(RseqConfiguration* configuration) const {
  struct {
    uint64_t pointer;
    uint32_t size, signature, flags, pad;
  } found = {};
  if (ptraceCall(PTRACE_GET_RSEQ_CONFIGURATION, pid_, sizeof found, &found) < 0) return false;
  configuration->address = found.pointer;
  configuration->bytes = found.size;
  configuration->signature = found.signature;
  configuration->flags = found.flags;
  return true;
}

bool Tracee::dispatchesSystemCalls() const {
  constexpr int kGetDispatch = 0x4211;  // PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG, Linux 6.4
  struct {
    uint64_t mode, selector, offset, length;
  } dispatch = {};
  return ptraceCall(kGetDispatch, pid_, sizeof dispatch, &dispatch) == 0 && dispatch.mode != 0;
}

uint64_t Tracee::debugRegister(int number) const {
  errno = 0;
  long value =
      ptraceCall(PTRACE_PEEKUSER, pid_, offsetof(struct user, u_debugreg) + 8 * static_cast<size_t>(number), 0L);
  if (errno) throw ProcessError::system(kFailed, "cannot read the debug registers of process " + std::to_string(pid_));
  return static_cast<uint64_t>(value);
}

void Tracee::setDebugRegister(int number, uint64_t value) {
  if (ptraceCall(PTRACE_POKEUSER, pid_, offsetof(struct user, u_debugreg) + 8 * static_cast<size_t>(number), value) !=
      0)
    throw ProcessError::system(kCannot, "cannot set debug register " + std::to_string(number));
}

user_desc Tracee::threadArea(int entry) const {
  constexpr int kGetThreadArea = 25;  // PTRACE_GET_THREAD_AREA
  user_desc area = {};
  if (ptraceCall(kGetThreadArea, pid_, static_cast<size_t>(entry), &area) != 0)
    throw ProcessError::system(kFailed, "cannot read TLS entry " + std::to_string(entry));
  return area;
}

size_t Tracee::tryReadMemory(uint64_t address, void* data, size_t bytes) const {
  size_t done = 0;
  while (done < bytes) {
    ssize_t n = pread(mem_.get(), static_cast<char*>(data) + done, bytes - done, static_cast<off_t>(address + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += static_cast<size_t>(n);
  }
  return done;
}

void Tracee::readMemory(uint64_t address, void* data, size_t bytes) const {
  if (tryReadMemory(address, data, bytes) != bytes) {
    char text[32];
    snprintf(text, sizeof text, "0x%lx", static_cast<unsigned long>(address));
    throw ProcessError::system(kFailed, "cannot read memory of process " + std::to_string(pid_) + " at " + text);
  }
}

void Tracee::writeMemory(uint64_t address, const void* data, size_t bytes) {
  size_t done = 0;
  while (done < bytes) {
    ssize_t n =
        pwrite(mem_.get(), static_cast<const char*>(data) + done, bytes - done, static_cast<off_t>(address + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      char text[32];
      snprintf(text, sizeof text, "0x%lx", static_cast<unsigned long>(address + done));
      throw ProcessError::system(kFailed, "cannot write memory of process " + std::to_string(pid_) + " at " + text);
    }
    done += static_cast<size_t>(n);
  }
}

void settleSystemCall(user_regs_struct* registers) {
  if (static_cast<int64_t>(registers->orig_rax) >= 0) {
    switch (static_cast<int64_t>(registers->rax)) {
      case -512:  // ERESTARTSYS
      case -513:  // ERESTARTNOINTR
      case -514:  // ERESTARTNOHAND
        registers->rax = registers->orig_rax;
        registers->rip -= 2;
        break;
      case -516:  // ERESTART_RESTARTBLOCK: the rest of the wait is known to the kernel only
        registers->rax = static_cast<uint64_t>(-EINTR);
        break;
      default:
        break;
    }
  }
  registers->orig_rax = ~uint64_t{0};
}

}  // namespace ckpt
