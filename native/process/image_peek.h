// SPDX-License-Identifier: Apache-2.0
#ifndef CKPT_PROCESS_IMAGE_PEEK_H
#define CKPT_PROCESS_IMAGE_PEEK_H

#include <ckpt_image.h>
#include <sys/types.h>

#include <optional>

namespace ckpt {

/** What sys_restart has to be told, and what must be known before there is a process that calls it. */
struct ImagePeek {
  int format = 0;                  // 1 or 2
  pid_t pid = 0;                   // 0: not found
  std::optional<cr2_creds> creds;  // version 2, where it is found
};

/**
 * Looks at the beginning of an image in a pipe or file without taking it out. Waits until there is enough or the writer is
 * gone. Throws ProcessError kDamaged for what is no image, kCannot for a descriptor that cannot be looked into.
 */
ImagePeek peekImage(int fd);

}  // namespace ckpt

#endif
