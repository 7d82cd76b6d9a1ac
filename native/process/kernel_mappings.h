// SPDX-License-Identifier: Apache-2.0
//
// The mappings that the kernel itself gives to every process: vdso, and the data pages vvar and vvar_vclock that its
// code reads at fixed distances. They can be moved (mremap) but not made again.
#ifndef CKPT_PROCESS_KERNEL_MAPPINGS_H
#define CKPT_PROCESS_KERNEL_MAPPINGS_H

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <vector>

namespace ckpt {

struct AddressRange {
  uint64_t start = 0;
  uint64_t bytes = 0;
  uint64_t end() const { return start + bytes; }
  bool overlaps(const AddressRange& other) const {
    return bytes != 0 && other.bytes != 0 && start < other.end() && other.start < end();
  }
};

/** Ranges of a process by kind; bytes 0 for one that is not there. */
struct KernelMappings {
  AddressRange vdso, vvar, vvarVclock;

  std::array<AddressRange, 3> all() const { return {vdso, vvar, vvarVclock}; }
  /** From the lowest to the highest of them. */
  AddressRange span() const;
  /** The same mappings with the vdso at `vdsoStart`. */
  KernelMappings at(uint64_t vdsoStart) const;
  /** Throws ProcessError where the process cannot be read. */
  static KernelMappings of(pid_t pid);
};

/** This process's own vdso: its bytes, and the offset of a `syscall` instruction in it. */
std::vector<uint8_t> ownVdso();
uint64_t syscallOffset(const std::vector<uint8_t>& vdso);

}  // namespace ckpt

#endif
