// SPDX-License-Identifier: Apache-2.0
//
// What ptrace tells of a stopped thread: registers, extended state, TLS, debug registers, signals, rseq.
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "process/capture.h"

namespace ckpt {
namespace {

constexpr int kTlsFirstEntry = 12;   // GDT_ENTRY_TLS_MIN of x86-64
constexpr size_t kXcr0Offset = 464;  // in the software bytes of the FXSAVE area
constexpr size_t kXstateBvOffset = 512;
constexpr uint64_t kXfeatureAmxTile = 3ull << 17;
constexpr uint64_t kXfeatureCet = 3ull << 11;

/** The eight bytes of a segment descriptor. */
__u64 descriptor(const user_desc& d) {
  __u64 base = d.base_addr, limit = d.limit;
  __u64 type = static_cast<__u64>((d.read_exec_only ^ 1) << 1 | d.contents << 2 | 1);
  return (limit & 0xffff) | (base & 0xffffff) << 16 | type << 40 | 1ull << 44 | 3ull << 45 |
         static_cast<__u64>(d.seg_not_present ^ 1) << 47 | (limit >> 16 & 0xf) << 48 |
         static_cast<__u64>(d.useable) << 52 | static_cast<__u64>(d.seg_32bit) << 54 |
         static_cast<__u64>(d.limit_in_pages) << 55 | (base >> 24 & 0xff) << 56;
}

bool isEmpty(const user_desc& d) {
  return d.base_addr == 0 && d.limit == 0 && d.contents == 0 && d.read_exec_only == 1 && d.seg_32bit == 0 &&
         d.limit_in_pages == 0 && d.seg_not_present == 1 && d.useable == 0;
}

/**
 * Inside a restartable sequence the task goes on at its abort handler, as after any preemption. So does the original:
 * the calls we run in it leave the section, which the kernel then forgets.
 */
void leaveRseqSection(Tracee* traceePointer, const cr2_thread& thread, user_regs_struct* registers) {
  Tracee& tracee = *traceePointer;
  struct {
    __u32 version, flags;
    __u64 start, length, abort;
  } section;
  __u64 pointer = 0;
  if (!thread.rseq_addr || tracee.tryReadMemory(thread.rseq_addr + 8, &pointer, sizeof pointer) != sizeof pointer ||
      !pointer)
    return;
  if (tracee.tryReadMemory(pointer, &section, sizeof section) != sizeof section) return;
  if (registers->rip - section.start >= section.length) return;
  registers->rip = section.abort;
  user_regs_struct own = tracee.registers();
  own.rip = section.abort;
  tracee.setRegisters(own);
}

void captureRegisters(const Tracee& tracee, Capture* capture) {
  const user_regs_struct& from = capture->registers;
  static_assert(offsetof(cr2_regs, debugreg0) == sizeof(user_regs_struct), "REGS begins as user_regs_struct");
  memcpy(&capture->regs, &from, sizeof from);
  capture->regs.debugreg0 = tracee.debugRegister(0);
  capture->regs.debugreg1 = tracee.debugRegister(1);
  capture->regs.debugreg2 = tracee.debugRegister(2);
  capture->regs.debugreg3 = tracee.debugRegister(3);
  capture->regs.debugreg6 = tracee.debugRegister(6);
  capture->regs.debugreg7 = tracee.debugRegister(7);
  capture->regs.uses_debug = (capture->regs.debugreg7 & 0xff) != 0;
}

void captureXstate(const Tracee& tracee, Capture* capture) {
  capture->xstate = tracee.xstate();
  uint64_t used = 0;
  if (capture->xstate.size() >= kXstateBvOffset + 8) memcpy(&used, capture->xstate.data() + kXstateBvOffset, 8);
  std::string who = "process " + std::to_string(tracee.pid());
  if (used & kXfeatureAmxTile) throw ProcessError(kCannot, who + " has AMX tiles in use", "AMX state is not supported");
  if (used & kXfeatureCet)
    throw ProcessError(kCannot, who + " has a shadow stack (CET)", "shadow stacks are not supported");
}

}  // namespace

void captureThread(Tracee* traceePointer, Capture* capture) {
  const Tracee& tracee = *traceePointer;
  cr2_thread& thread = capture->thread;
  capture->registers = tracee.registers();
  if (capture->registers.cs != 0x33)
    throw ProcessError(kCannot, "process " + std::to_string(tracee.pid()) + " is executing 32-bit code",
                       "only 64-bit code is supported");
  capture->inSystemCall = static_cast<int64_t>(capture->registers.orig_rax) >= 0;
  settleSystemCall(&capture->registers);

  if (tracee.dispatchesSystemCalls())
    throw ProcessError(kCannot, "process " + std::to_string(tracee.pid()) +
                                    " dispatches its system calls itself (PR_SET_SYSCALL_USER_DISPATCH)");
  RseqConfiguration rseq;
  if (tracee.rseq(&rseq)) {
    thread.rseq_addr = rseq.address;
    thread.rseq_bytes = rseq.bytes;
    thread.rseq_sig = rseq.signature;
    thread.rseq_flags = rseq.flags;
  }
  leaveRseqSection(traceePointer, thread, &capture->registers);
  captureRegisters(tracee, capture);
  captureXstate(tracee, capture);

  for (int i = 0; i < CKPT_TLS_ENTRIES; i++) {
    user_desc area = {};
    try {
      area = tracee.threadArea(kTlsFirstEntry + i);
    } catch (const ProcessError&) {
      break;  // a kernel without 32-bit support has no such entries
    }
    if (isEmpty(area)) continue;
    capture->tls[static_cast<size_t>(i)] = descriptor(area);
    capture->hasTls = true;
  }

  thread.sigmask = tracee.signalMask();
  capture->sharedPending = tracee.pendingSignals(true);
  capture->threadPending = tracee.pendingSignals(false);
  void* robust = nullptr;
  size_t bytes = 0;
  if (syscall(SYS_get_robust_list, tracee.pid(), &robust, &bytes) == 0) {
    thread.robust_list_addr = reinterpret_cast<__u64>(robust);
    thread.robust_list_bytes = bytes;
  }
}

}  // namespace ckpt
