// SPDX-License-Identifier: Apache-2.0
//
// Opening files as the task would: when root restarts another user's task, an image must not open what that user may not.
#ifndef CKPT_PROCESS_OPEN_AS_TASK_H
#define CKPT_PROCESS_OPEN_AS_TASK_H

#include <cstdint>
#include <vector>

#include "process/task_image.h"

namespace ckpt {

/** While it lives, this thread opens files with the image's user and groups, where root restarts a task of another user. */
class OpenAsTask {
 public:
  explicit OpenAsTask(const TaskImage& image);
  ~OpenAsTask();
  OpenAsTask(const OpenAsTask&) = delete;
  OpenAsTask& operator=(const OpenAsTask&) = delete;

 private:
  bool changed_ = false;
  std::vector<uint32_t> groups_;
  uint32_t gid_ = 0;
};

/** True where the restarter is root and the task was not: then it gets the recorded user. */
bool changesUser(const TaskImage& image);

}  // namespace ckpt

#endif
