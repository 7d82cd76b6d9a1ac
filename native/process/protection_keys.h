// SPDX-License-Identifier: Apache-2.0
//
// PKRU, what a thread may do with memory under protection keys, in an XSAVE area. Where an area comes from a processor that has
// it, a component that is not in use means 0: everything allowed. Where it does not, it means nothing.
#ifndef CKPT_PROCESS_PROTECTION_KEYS_H
#define CKPT_PROCESS_PROTECTION_KEYS_H

#include <cpuid.h>

#include <cstdint>
#include <cstring>
#include <vector>

namespace ckpt {

constexpr unsigned kPkruComponent = 9;
constexpr uint64_t kXfeaturePkru = 1 << kPkruComponent;
/** What the kernel gives every new program: all keys but 0 closed. */
constexpr uint32_t kPkruDefault = 0x55555554;

/** Where PKRU stands in an area of the standard format; 0 where this processor has none. */
inline uint32_t pkruOffset() {
  unsigned bytes = 0, offset = 0, c = 0, d = 0;
  return __get_cpuid_count(0xd, kPkruComponent, &bytes, &offset, &c, &d) && bytes ? offset : 0;
}

/** PKRU in an XSAVE area of this machine; the default where it has none. */
inline uint32_t protectionKeyRights(const std::vector<uint8_t>& area) {
  constexpr size_t kXstateBv = 512;
  uint32_t rights = kPkruDefault;
  uint64_t used = 0;
  const uint32_t offset = pkruOffset();
  if (offset == 0 || offset + sizeof rights > area.size()) return rights;
  memcpy(&used, area.data() + kXstateBv, sizeof used);
  if (!(used & kXfeaturePkru)) return 0;
  memcpy(&rights, area.data() + offset, sizeof rights);
  return rights;
}

}  // namespace ckpt

#endif  // CKPT_PROCESS_PROTECTION_KEYS_H
