// SPDX-License-Identifier: Apache-2.0
//
// What the kernel shows of a task and an image has no place for. A task that could not run on as it was is refused; where only
// something around it would differ, a warning says so, and the copy has what its restarter has.
#include <linux/prctl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "process/capture.h"
#include "process/pagemap.h"
#include "process/protection_keys.h"

// Newer than some headers.
#ifndef PR_GET_MDWE
#define PR_GET_MDWE 66
#endif
#ifndef PR_GET_MEMORY_MERGE
#define PR_GET_MEMORY_MERGE 68
#endif

namespace ckpt {
namespace {

constexpr uint64_t kArchGetCpuid = 0x1011;
constexpr int kProtectionKeys = 16;

/** A page where the task has nothing, in reach of every task. */
uint64_t unmappedPage(const std::vector<Mapping>& mappings) {
  uint64_t page = 0x10000;
  for (const Mapping& mapping : mappings)
    if (mapping.map.start <= page && page < mapping.map.end) page = mapping.map.end;
  return page;
}

/**
 * The kernel does not tell which keys are allocated; it refuses one that is not (EINVAL) before it looks for the memory (ENOMEM).
 * Whoever allocated one has as good as always rights for it that are not those of the start.
 */
bool hasProtectionKeys(Tracee* tracee, const Capture& capture) {
  if (protectionKeyRights(capture.xstate) == kPkruDefault) return false;
  const uint64_t page = unmappedPage(capture.mappings);
  for (uint64_t key = 1; key < kProtectionKeys; key++)
    if (tracee->call(SYS_pkey_mprotect, page, kPageBytes, PROT_READ, key) == -ENOMEM) return true;
  return false;
}

void refuseTraps(Tracee* tracee, const Capture& capture) {
  const auto refuse = [tracee](const char* what, const char* hint) {
    throw ProcessError(kCannot, "process " + std::to_string(tracee->pid()) + " " + what, hint);
  };
  int trap = 0;
  if (tracee->call(SYS_prctl, PR_GET_TSC, tracee->scratch().address) == 0) {
    tracee->readMemory(tracee->scratch().address, &trap, sizeof trap);
    if (trap == PR_TSC_SIGSEGV) refuse("traps the time stamp counter (PR_SET_TSC)", "its copy would not");
  }
  if (tracee->call(SYS_arch_prctl, kArchGetCpuid, 0) == 0) refuse("traps cpuid (ARCH_SET_CPUID)", "its copy would not");
  if (hasProtectionKeys(tracee, capture))
    refuse("has protection keys (pkey_alloc)", "its copy would not; protection keys are not supported");
}

void warnOfSettings(Tracee* tracee, const Status& status) {
  static const struct {
    int option;
    unsigned long argument;
    const char* name;
  } kSettings[] = {
      {PR_GET_MDWE, 0, "whether memory may become executable (PR_SET_MDWE)"},
      {PR_GET_MEMORY_MERGE, 0, "whether all its memory is merged with equal pages (PR_SET_MEMORY_MERGE)"},
      {PR_MCE_KILL_GET, 0, "its machine check policy (PR_MCE_KILL)"},
      {PR_GET_IO_FLUSHER, 0, "that it flushes for block devices (PR_SET_IO_FLUSHER)"},
      {PR_GET_SPECULATION_CTRL, PR_SPEC_STORE_BYPASS, "its speculation control for store bypass"},
      {PR_GET_SPECULATION_CTRL, PR_SPEC_INDIRECT_BRANCH, "its speculation control for indirect branches"},
  };
  const auto warn = [&status](const std::string& what) {
    status.warning("an image does not carry " + what + "; its copy will have its restarter's");
  };
  for (const auto& setting : kSettings) {
    const long theirs = tracee->call(SYS_prctl, static_cast<uint64_t>(setting.option), setting.argument);
    const long ours = prctl(setting.option, setting.argument, 0, 0, 0);
    if (theirs >= 0 && ours >= 0 && theirs != ours) warn(setting.name);
  }
  int theirs = 0, ours = 0;
  if (tracee->call(SYS_get_mempolicy, tracee->scratch().address) == 0 &&
      syscall(SYS_get_mempolicy, &ours, nullptr, 0, nullptr, 0) == 0) {
    tracee->readMemory(tracee->scratch().address, &theirs, sizeof theirs);
    if (theirs != ours) warn("its memory policy (set_mempolicy)");
  }

  uint64_t theirProcessors[128] = {}, ourProcessors[128] = {};
  if (syscall(SYS_sched_getaffinity, tracee->pid(), sizeof theirProcessors, theirProcessors) > 0 &&
      syscall(SYS_sched_getaffinity, 0, sizeof ourProcessors, ourProcessors) > 0 &&
      memcmp(theirProcessors, ourProcessors, sizeof ourProcessors) != 0)
    warn("the processors it may run on (sched_setaffinity)");
  for (const auto& [file, name] :
       {std::pair{"coredump_filter", "its core dump filter"}, std::pair{"attr/current", "its security label"}}) {
    std::string their, our;
    if (readWhole(procPath(tracee->pid(), file), &their) && readWhole(procPath(getpid(), file), &our) && their != our)
      warn(name);
  }
}

}  // namespace

void lookForUnsaved(Tracee* tracee, const Status& status, const Capture& capture) {
  refuseTraps(tracee, capture);
  warnOfSettings(tracee, status);
}

}  // namespace ckpt
