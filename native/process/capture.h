// SPDX-License-Identifier: Apache-2.0
//
// Capture: everything but the contents of memory that an image says about a stopped task. Filled in three steps:
// what /proc and ptrace show, what system calls in the task's own name tell, and which pages are its own.
#ifndef CKPT_PROCESS_CAPTURE_H
#define CKPT_PROCESS_CAPTURE_H

#include <sys/user.h>

#include <array>
#include <string>
#include <vector>

#include "ckpt_image.h"
#include "process/mappings.h"
#include "process/open_files.h"
#include "process/remote.h"
#include "process/status.h"

namespace ckpt {

struct PathRecord {
  cr2_path record = {};
  std::string path;
};

/** As the kernel's struct sigaction, and as SIGACTIONS has it. */
struct SignalAction {
  __u64 handler, flags, restorer, mask;
};

struct Capture {
  cr2_machine machine = {};
  cr2_task task = {};
  cr2_creds creds = {};
  std::vector<__u32> groups;
  std::vector<std::array<__u64, 2>> rlimits;
  std::vector<PathRecord> paths;
  std::vector<SignalAction> actions;
  std::vector<siginfo_t> sharedPending, threadPending;
  cr2_itimers itimers = {};
  std::vector<cr2_posix_timer> timers;
  std::vector<OpenFile> files;
  cr2_mm mm = {};
  std::string auxv;
  cr2_vdso vdso = {};
  std::vector<uint8_t> vdsoImage;  // its bytes
  std::vector<Mapping> mappings;   // without those of the kernel, but for the vdso
  std::vector<__u64> ldt;
  cr2_thread thread = {};
  user_regs_struct registers = {};  // settled: as the task goes on with them
  bool inSystemCall = false;        // rcx and r11 hold nothing then: the call overwrites them
  cr2_regs regs = {};
  std::vector<uint8_t> xstate;
  std::array<__u64, CKPT_TLS_ENTRIES> tls = {};
  bool hasTls = false;
  uint64_t minorFaults = 0, majorFaults = 0;
};

/** MACHINE of this machine, the clocks included. */
cr2_machine describeMachine();

/** TASK2, CREDS, RLIMITS, PATH, MM2, THREAD2: what /proc says. */
void captureFromProc(pid_t pid, bool groupStopped, Capture* capture);

/** VDSO. Reads vdso pages that are resident only; the rest is taken from our own vdso. */
void captureVdso(const Tracee& tracee, const std::vector<Mapping>& mappings, Capture* capture);

/** Registers, XSAVE area, TLS, debug registers, signal mask, pending signals, rseq, robust list. */
void captureThread(Tracee* tracee, Capture* capture);

/** Refuses or warns of what an image has no place for, by calls in the task; it must be in the calling state. */
void lookForUnsaved(Tracee* tracee, const Status& status, const Capture& capture);

/** Actions, timers, alternate stack, LDT, brk and the like, by calls in the task; it must be in the calling state. */
void captureByCalls(Tracee* tracee, const Status& status, Capture* capture);

}  // namespace ckpt

#endif
