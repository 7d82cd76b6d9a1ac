// SPDX-License-Identifier: Apache-2.0
//
// The state of the thread: what it registered with the kernel, and its registers.

#include <asm/ldt.h>
#include <cpuid.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstring>

#include "process/protection_keys.h"
#include "process/restart_state.h"

namespace ckpt {
namespace {

constexpr size_t kLegacyBytes = 512;
constexpr size_t kHeaderBytes = 64;
constexpr size_t kSoftwareBytes = 464;  // in the legacy area: the kernel's XCR0
constexpr size_t kMxcsr = 24, kMxcsrMask = 28;
constexpr uint64_t kTiles = uint64_t{3} << 17;
constexpr uint64_t kUserCode64 = 0x33;

uint64_t word64(const std::vector<uint8_t>& area, size_t at) {
  uint64_t value = 0;
  std::memcpy(&value, area.data() + at, sizeof value);
  return value;
}

}  // namespace

/** A segment descriptor as modify_ldt and PTRACE_SET_THREAD_AREA take it. */
user_desc RestartState::descriptor(uint32_t record, uint32_t number, const uint32_t word[2]) const {
  const uint32_t low = word[0], high = word[1];
  // Only code and data segments of user space: no gates, no system segments.
  if (!(high >> 12 & 1) || (high >> 13 & 3) != 3) invalid(record, "a segment descriptor is not one of user space");
  user_desc entry = {};
  entry.entry_number = number;
  entry.base_addr = (low >> 16) | (high & 0xff) << 16 | (high & 0xff000000);
  entry.limit = (low & 0xffff) | (high & 0xf0000);
  entry.seg_32bit = high >> 22 & 1;
  entry.contents = high >> 10 & 3;
  entry.read_exec_only = !(high >> 9 & 1);
  entry.limit_in_pages = high >> 23 & 1;
  entry.seg_not_present = !(high >> 15 & 1);
  entry.useable = high >> 20 & 1;
  entry.lm = high >> 21 & 1;
  return entry;
}

void RestartState::registrations() {
  if (image_.version == 1) return;
  const cr2_thread& thread = image_.thread;
  if (thread.robust_list_addr != 0 || thread.robust_list_bytes != 0)
    child_.must("register the robust list", SYS_set_robust_list, thread.robust_list_addr, thread.robust_list_bytes);
  child_.must("set clear_child_tid", SYS_set_tid_address, thread.clear_child_tid);
  if (thread.rseq_addr != 0)
    child_.must("register rseq", SYS_rseq, thread.rseq_addr, thread.rseq_bytes, thread.rseq_flags, thread.rseq_sig);
}

/** A task needs a permission for tiles that an image does not speak of; checkpoints from outside refuse them too. */
void RestartState::refuseTiles() {
  if (word64(image_.xsaveArea, kLegacyBytes) & kTiles)
    throw ProcessError(kCannot, "the task has AMX tiles in use", "AMX state is not supported");
}

/** The image's area in this machine's size: unknown components are refused, reserved bytes are zero. */
std::vector<uint8_t> RestartState::xsaveArea() {
  const std::vector<uint8_t> current = child_.tracee().xstate();
  const std::vector<uint8_t>& saved = image_.xsaveArea;
  std::vector<uint8_t> area(current.size(), 0);
  std::memcpy(area.data(), saved.data(), kSoftwareBytes);
  const uint64_t here = word64(current, kSoftwareBytes);
  uint64_t live = word64(saved, kLegacyBytes);
  if (live & ~here)
    throw ProcessError(kCannot, "the task has live registers that this processor does not have",
                       "restart it on a processor like the one it was saved on");
  for (int i = 2; i < 63; i++) {
    if (!(live >> i & 1)) continue;
    uint32_t bytes, offset, c, d;
    __cpuid_count(0xd, i, bytes, offset, c, d);
    if (size_t{offset} + bytes > saved.size() || size_t{offset} + bytes > area.size())
      invalid(CKPT_REC_XSTATE, "the XSAVE area is too short for what is live in it");
    std::memcpy(area.data() + offset, saved.data() + offset, bytes);
  }
  if (!(image_.xstate.xfeatures & kXfeaturePkru) && (here & kXfeaturePkru)) {
    // Saved where there were no protection keys: the task gets what every program begins with.
    std::memcpy(area.data() + pkruOffset(), &kPkruDefault, sizeof kPkruDefault);
    live |= kXfeaturePkru;
  }
  std::memcpy(area.data() + kLegacyBytes, &live, sizeof live);
  uint32_t mxcsr, mask;
  std::memcpy(&mxcsr, area.data() + kMxcsr, sizeof mxcsr);
  std::memcpy(&mask, current.data() + kMxcsrMask, sizeof mask);
  mxcsr &= mask != 0 ? mask : 0xffbf;
  std::memcpy(area.data() + kMxcsr, &mxcsr, sizeof mxcsr);
  return area;
}

void RestartState::threadRegisters() {
  Tracee& tracee = child_.tracee();
  if (image_.hasTls) {
    constexpr int kSetThreadArea = 26;  // PTRACE_SET_THREAD_AREA
    for (uint32_t i = 0; i < CKPT_TLS_ENTRIES; i++) {
      uint32_t word[2];
      std::memcpy(word, &image_.tls[i], sizeof word);
      if (word[0] == 0 && word[1] == 0) continue;
      user_desc entry = descriptor(CKPT_REC_TLS, image_.tlsFirst + i, word);
      if (ptrace(static_cast<__ptrace_request>(kSetThreadArea), tracee.pid(),
                 reinterpret_cast<void*>(uint64_t{entry.entry_number}), &entry) != 0)
        invalid(CKPT_REC_TLS, "TLS entry " + std::to_string(entry.entry_number) + " is not one that the kernel allows");
    }
  }
  const cr2_regs& saved = image_.regs;
  if (saved.cs != kUserCode64)
    throw ProcessError(kCannot, "the task was in a code segment other than the 64-bit one",
                       "32-bit tasks cannot be restarted");
  user_regs_struct registers;
  static_assert(offsetof(cr2_regs, debugreg0) == sizeof registers, "REGS begins as struct user_regs_struct");
  std::memcpy(&registers, &saved, sizeof registers);
  settleSystemCall(&registers);
  tracee.setXstate(xsaveArea());
  tracee.setSignalMask(image_.thread.sigmask);
  try {
    tracee.setRegisters(registers);
  } catch (const ProcessError& error) {
    invalid(CKPT_REC_REGS, std::string("the kernel refuses the registers: ") + error.what());
  }
  if (!saved.uses_debug) return;
  const uint64_t values[] = {saved.debugreg0, saved.debugreg1, saved.debugreg2, saved.debugreg3};
  for (int i = 0; i < 4; i++)
    if (values[i] != 0) tracee.setDebugRegister(i, values[i]);
  if (saved.debugreg7 != 0) tracee.setDebugRegister(7, saved.debugreg7);
}

}  // namespace ckpt
