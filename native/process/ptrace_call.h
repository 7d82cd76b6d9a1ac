// SPDX-License-Identifier: Apache-2.0
//
// What both halves of Tracee need of ptrace(2).
#ifndef CKPT_PROCESS_PTRACE_CALL_H
#define CKPT_PROCESS_PTRACE_CALL_H

#include <sys/ptrace.h>
#include <sys/types.h>

#include <csignal>

namespace ckpt {

constexpr int kSyscallStop = SIGTRAP | 0x80;  // with PTRACE_O_TRACESYSGOOD

/** enum __ptrace_request is a C++ enum in glibc and an int elsewhere. */
template <typename A, typename D>
long ptraceCall(int request, pid_t pid, A address, D data) {
  return ptrace(static_cast<__ptrace_request>(request), pid, reinterpret_cast<void*>(address), data);
}

inline bool isEventStop(int status) { return status >> 16 == PTRACE_EVENT_STOP; }

}  // namespace ckpt

#endif
