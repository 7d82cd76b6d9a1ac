// SPDX-License-Identifier: Apache-2.0
#include "process/open_as_task.h"

#include <grp.h>
#include <sys/fsuid.h>
#include <unistd.h>

#include "process/process_error.h"

namespace ckpt {

bool changesUser(const TaskImage& image) {
  if (image.version == 1 || geteuid() != 0) return false;
  for (const uint32_t uid : image.creds.uid)
    if (uid != 0) return true;
  return false;
}

OpenAsTask::OpenAsTask(const TaskImage& image) {
  if (!changesUser(image)) return;
  const int count = getgroups(0, nullptr);
  groups_.resize(count > 0 ? static_cast<size_t>(count) : 0);
  if (count > 0 && getgroups(count, groups_.data()) < 0) throw ProcessError::system(kFailed, "cannot read the groups");
  gid_ = getegid();
  changed_ = true;
  // The file system user takes the file capabilities away with it; groups first, they need the privilege.
  if (setgroups(image.groups.size(), image.groups.data()) != 0)
    throw ProcessError::system(kCannot, "cannot take the task's groups");
  setfsgid(image.creds.gid[3]);
  setfsuid(image.creds.uid[3]);
}

OpenAsTask::~OpenAsTask() {
  if (!changed_) return;
  setfsuid(0);
  setfsgid(gid_);
  if (setgroups(groups_.size(), groups_.data()) != 0) _exit(125);  // going on with wrong groups is worse
}

}  // namespace ckpt
