// SPDX-License-Identifier: Apache-2.0
#include "process/kernel_mappings.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "process/process_error.h"
#include "process/procfs.h"

namespace ckpt {

AddressRange KernelMappings::span() const {
  uint64_t low = ~uint64_t{0}, high = 0;
  for (const AddressRange& range : all()) {
    if (range.bytes == 0) continue;
    low = std::min(low, range.start);
    high = std::max(high, range.end());
  }
  return high == 0 ? AddressRange{} : AddressRange{low, high - low};
}

KernelMappings KernelMappings::at(uint64_t vdsoStart) const {
  const uint64_t by = vdsoStart - vdso.start;
  KernelMappings moved = *this;
  moved.vdso.start += by;
  moved.vvar.start += by;
  moved.vvarVclock.start += by;
  return moved;
}

KernelMappings KernelMappings::of(pid_t pid) {
  KernelMappings found;
  for (const MapEntry& map : readMaps(pid)) {
    if (map.special("[vdso]")) found.vdso = {map.start, map.bytes()};
    if (map.special("[vvar]")) found.vvar = {map.start, map.bytes()};
    if (map.special("[vvar_vclock]")) found.vvarVclock = {map.start, map.bytes()};
  }
  return found;
}

std::vector<uint8_t> ownVdso() {
  const AddressRange range = KernelMappings::of(getpid()).vdso;
  std::vector<uint8_t> bytes(range.bytes);
  if (range.bytes != 0) std::memcpy(bytes.data(), reinterpret_cast<const void*>(range.start), range.bytes);
  return bytes;
}

uint64_t syscallOffset(const std::vector<uint8_t>& vdso) {
  for (size_t i = 0; i + 1 < vdso.size(); i++)
    if (vdso[i] == 0x0f && vdso[i + 1] == 0x05) return i;
  throw ProcessError(kCannot, "this kernel's vdso has no system call instruction", "start the kernel with vdso=1");
}

}  // namespace ckpt
