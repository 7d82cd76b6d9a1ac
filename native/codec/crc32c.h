// SPDX-License-Identifier: Apache-2.0
//
// CRC-32C (Castagnoli, reflected polynomial 0x82f63b78), the checksum of version 2's TAIL and of the vdso.
#ifndef CKPT_CODEC_CRC32C_H
#define CKPT_CODEC_CRC32C_H

#include <cstddef>
#include <cstdint>

namespace ckpt {

/** Goes on with a CRC-32C: `crc` is the value so far (0 at the start). crc32c(0, "123456789", 9) is 0xe3069283. */
uint32_t crc32c(uint32_t crc, const void* data, size_t bytes);

}  // namespace ckpt

#endif
