// SPDX-License-Identifier: Apache-2.0
//
// The little of ELF that is needed here: the GNU build id, and the class of a program.
#ifndef CKPT_PROCESS_ELF_FILE_H
#define CKPT_PROCESS_ELF_FILE_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ckpt {

/** The GNU build id of a 64-bit ELF file; empty where there is none or the file is no such file. At most 32 bytes. */
std::vector<uint8_t> buildIdOfFile(int fd);

/** The same of an ELF image in memory whose file offsets are its addresses (the vdso). */
std::vector<uint8_t> buildIdOfImage(const uint8_t* image, size_t bytes);

/** EI_CLASS of an ELF file: 1 for 32-bit, 2 for 64-bit, 0 for anything else. */
int elfClass(int fd);

}  // namespace ckpt

#endif
