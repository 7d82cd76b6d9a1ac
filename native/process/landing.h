// SPDX-License-Identifier: Apache-2.0
//
// Landing: what makes system calls in another process safe against our own sudden death.
//
// While such calls run, the task has foreign registers and all signals blocked. Should the tracer be killed just then,
// the kernel lets the task run on from where it is. So that this ends well, its stack pointer stands at a signal frame
// that holds the task's real registers, mask and extended state, and the calls go through a `syscall; ret`: the call
// returns, `ret` takes the task to an rt_sigreturn sequence in its own memory (every libc has one), and the kernel puts
// everything back.
#ifndef CKPT_PROCESS_LANDING_H
#define CKPT_PROCESS_LANDING_H

#include <sys/user.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ckpt {

class Tracee;
struct MapEntry;

/** Addresses in the target; 0 where there is none. */
struct Gadgets {
  uint64_t syscallReturn = 0;  // `syscall; ret`, in a page that is resident
  uint64_t signalReturn = 0;   // `mov $15, %rax; syscall`
  bool complete() const { return syscallReturn && signalReturn; }
};

/** Looks through resident pages, and for the second through files of executable mappings. Makes nothing resident. */
Gadgets findGadgets(const Tracee& tracee, const std::vector<MapEntry>& maps);

/** Bytes of a frame of landingFrame(), alignment included; 0 where the processor has no XSAVE. */
size_t landingFrameBytes();

/**
 * The frame for `address` (16-byte aligned): eight bytes for `ret`, then what rt_sigreturn reads. `registers` have to
 * be settled: rt_sigreturn restarts no system call.
 */
std::vector<uint8_t> landingFrame(uint64_t address, const Gadgets& gadgets, const user_regs_struct& registers,
                                  uint64_t mask, const std::vector<uint8_t>& xstate);

}  // namespace ckpt

#endif
