// SPDX-License-Identifier: Apache-2.0
//
// Opening the files that an image names, and finding out whether they are still what they were.
#ifndef CKPT_PROCESS_OPEN_CHECKED_H
#define CKPT_PROCESS_OPEN_CHECKED_H

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <vector>

#include "process/procfs.h"

namespace ckpt {

/**
 * Opens `path` with `flags` when it is of the type `mode` says (0: any that cannot block), without side effects on what
 * else may stand there now. Throws ProcessError kCannot that names the path. `now`: what fstat says.
 */
Fd openChecked(const std::string& path, int flags, uint32_t mode, struct stat* now);

/** "its size changed from 1 to 2 bytes", "its modification time changed", or "" where both are as recorded. */
std::string changeOf(const struct stat& now, uint64_t size, int64_t mtimeSec, uint32_t mtimeNsec);

}  // namespace ckpt

#endif
