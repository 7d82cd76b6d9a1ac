// SPDX-License-Identifier: Apache-2.0
//
// The open descriptors of a task, read from /proc/PID/fd and fdinfo.
#ifndef CKPT_PROCESS_OPEN_FILES_H
#define CKPT_PROCESS_OPEN_FILES_H

#include <sys/types.h>

#include <string>
#include <vector>

#include "ckpt_image.h"
#include "process/status.h"

namespace ckpt {

struct OpenFile {
  cr2_file record = {};  // path_bytes is filled in
  std::string path;
};

/** Lowest descriptor first. Throws ProcessError kCannot, naming the first descriptor that cannot be carried. */
std::vector<OpenFile> readOpenFiles(pid_t pid, const Status& status);

}  // namespace ckpt

#endif
