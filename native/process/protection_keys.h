// SPDX-License-Identifier: Apache-2.0
//
// PKRU, what a thread may do with memory under protection keys, in an XSAVE area. Where an area comes from a processor that has
// it, a component that is not in use means 0: everything allowed. Where it does not, it means nothing.
#ifndef CKPT_PROCESS_PROTECTION_KEYS_H
#define CKPT_PROCESS_PROTECTION_KEYS_H

#include <cpuid.h>

#include <cstdint>

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

}  // namespace ckpt

#endif  // CKPT_PROCESS_PROTECTION_KEYS_H
