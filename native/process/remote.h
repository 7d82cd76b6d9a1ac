// SPDX-License-Identifier: Apache-2.0
//
// Tracee: another process held by ptrace, with its registers, its memory, and system calls run in its name.
//
// States: free -> seize() -> stopped -> beginCalls() -> calling -> endCalls() -> stopped -> detach() -> free.
// "Stopped" is always a ptrace event stop: the kernel's work of restarting an interrupted system call is still ahead,
// so registers set here are the ones the task goes on with. A syscall stop is not such a place, which is why
// endCalls() comes back to an event stop before it puts the registers back.
//
// Guaranteed: a signal that arrives meanwhile is delivered after detach() (it stays pending behind the blocked mask,
// or, for SIGSTOP, is sent again). A task that was in a job-control stop is in it again after detach().
// PTRACE_O_EXITKILL is not set unless asked for: when we die, the kernel detaches; landing.h says what happens then.
#ifndef CKPT_PROCESS_REMOTE_H
#define CKPT_PROCESS_REMOTE_H

#include <asm/ldt.h>
#include <signal.h>
#include <sys/types.h>
#include <sys/user.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "process/landing.h"
#include "process/process_error.h"
#include "process/procfs.h"

namespace ckpt {

class Pagemap;

/** What rseq(2) was told; address 0: not registered. */
struct RseqConfiguration {
  uint64_t address = 0;
  uint32_t bytes = 0;
  uint32_t signature = 0;
  uint32_t flags = 0;
};

/** A place in the target's memory for arguments and results. It is borrowed: endCalls() puts the old bytes back. */
struct Scratch {
  uint64_t address = 0;
  size_t bytes = 0;
};

class Tracee {
 public:
  explicit Tracee(pid_t pid) : pid_(pid) {}
  /** Leaves the task as it was, as well as that can still be done, and lets go of it. Never throws. */
  ~Tracee();
  Tracee(const Tracee&) = delete;
  Tracee& operator=(const Tracee&) = delete;

  pid_t pid() const { return pid_; }
  /** The task is our own child and runs nothing of its own: waits for its stops sleep, however long they take. */
  void waitAsleep() { asleep_ = true; }

  /**
   * PTRACE_SEIZE and PTRACE_INTERRUPT, and waits for the stop. A signal whose delivery had begun is delivered first.
   * `options`: PTRACE_O_ bits besides TRACESYSGOOD. Throws ProcessError: kCannot without the privilege or where another
   * tracer holds the task, kFailed where it is gone or does not stop within `timeoutMs`.
   */
  void seize(int timeoutMs = 10000, unsigned long options = 0);
  /** True when the task was in a job-control stop when it was seized; it goes back there by itself. */
  bool groupStopped() const { return groupStopped_; }
  /** Lets the task run on. `signal` is sent to it before (0: none). */
  void detach(int signal = 0);
  /** SIGKILL, and waits for the end when the task is our child. */
  void kill();
  bool attached() const { return attached_; }

  user_regs_struct registers() const;
  void setRegisters(const user_regs_struct& registers);
  /** The XSAVE area, standard format, exactly as long as the kernel gives it. */
  std::vector<uint8_t> xstate() const;
  void setXstate(const std::vector<uint8_t>& area);
  /** The mask that sigprocmask would report; for a task in sigsuspend or ppoll the one it goes back to. */
  uint64_t signalMask() const;
  void setSignalMask(uint64_t mask);
  /** Pending signals, oldest first, untouched: `shared` those of the process, else those of the thread. */
  std::vector<siginfo_t> pendingSignals(bool shared) const;
  /** False where the kernel has no PTRACE_GET_RSEQ_CONFIGURATION (before 5.13). */
  bool rseq(RseqConfiguration* configuration) const;
  /** True under syscall user dispatch (prctl): calls in its name would become signals. */
  bool dispatchesSystemCalls() const;
  /** Debug register 0..3, 6, 7. */
  uint64_t debugRegister(int number) const;
  void setDebugRegister(int number, uint64_t value);
  /** GDT entry 12..14. */
  user_desc threadArea(int entry) const;

  /** Through /proc/PID/mem: also reads and writes what the task itself may not. Throws on a short transfer. */
  void readMemory(uint64_t address, void* data, size_t bytes) const;
  void writeMemory(uint64_t address, const void* data, size_t bytes);
  /** Reads what is there and says how much; never throws. */
  size_t tryReadMemory(uint64_t address, void* data, size_t bytes) const;
  /** The open /proc/PID/mem. */
  int memoryFd() const { return mem_.get(); }

  /** The address of a `syscall` instruction in a page that is resident already, where there is one. Throws kCannot. */
  uint64_t findSyscall() const;

  struct CallOptions {
    uint64_t syscallAddress = 0;  // 0: findSyscall()
    bool wantScratch = true;      // borrow memory for arguments, 512 bytes at least, see scratch()
    bool wantLanding = false;     // where possible, survive our death: see process/landing.h
  };
  /** Blocks all signals, keeps registers and mask, borrows scratch memory. */
  void beginCalls(const CallOptions& options);
  void beginCalls() { beginCalls(CallOptions()); }
  /** Puts everything back and returns to an event stop. */
  void endCalls();
  /** Ends the calling state without putting back registers, mask or scratch: for a task that is being remade. */
  void abandonCalls();
  /** For a task that is being remade: calls go on through another `syscall` instruction. */
  void setSyscallAddress(uint64_t address) { syscallAddress_ = address; }
  void setScratch(const Scratch& scratch);
  const Scratch& scratch() const { return scratch_; }

  /** Runs a system call in the target: its result, -errno on failure. Throws only where the target is lost. */
  long call(long number, uint64_t a = 0, uint64_t b = 0, uint64_t c = 0, uint64_t d = 0, uint64_t e = 0,
            uint64_t f = 0);

  /** Registers as the task had them when beginCalls() was called; valid while calling. */
  const user_regs_struct& savedRegisters() const { return saved_; }

 private:
  int waitStop(int timeoutMs);
  void waitEventStop(int timeoutMs);
  void resume(int request, int signal);
  void runToSyscallStop();
  void openMemory();
  void borrowScratch(const std::vector<MapEntry>& maps, size_t frameBytes);
  void borrowStack(const std::vector<MapEntry>& maps, const Pagemap& pagemap, size_t bytes);
  void borrowAnywhere(const std::vector<MapEntry>& maps, const Pagemap& pagemap);
  void returnScratch();
  void prepareLanding(const Gadgets& gadgets);
  void returnToEventStop();
  [[noreturn]] void lost(const std::string& what, int status);

  pid_t pid_;
  bool asleep_ = false;
  bool attached_ = false;
  bool groupStopped_ = false;
  bool calling_ = false;
  int resendSignal_ = 0;  // a SIGSTOP that arrived during a call
  Fd mem_;
  uint64_t syscallAddress_ = 0;
  user_regs_struct saved_ = {};
  uint64_t savedMask_ = 0;
  Scratch scratch_;
  std::vector<uint8_t> scratchSaved_;
  std::vector<uint64_t> dropPages_;  // were not resident before we wrote to them
  uint64_t landing_ = 0;             // address of the frame, 0 for none
};

/**
 * Registers as a task goes on with them, when they were read at an event stop: what the kernel would do about an
 * interrupted system call is done here. -512, -513, -514 restart the call (ip - 2, ax = orig_ax), -516 ends it with
 * -EINTR; orig_ax becomes -1.
 */
void settleSystemCall(user_regs_struct* registers);

}  // namespace ckpt

#endif
