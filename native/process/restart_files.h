// SPDX-License-Identifier: Apache-2.0
//
// The open files of the restored task. They are opened here, before anything else happens, and put on their numbers in
// the child at the end, when it has a table of its own.
#ifndef CKPT_PROCESS_RESTART_FILES_H
#define CKPT_PROCESS_RESTART_FILES_H

#include <sys/resource.h>

#include <map>
#include <vector>

#include "process/procfs.h"
#include "process/restart_child.h"
#include "process/status.h"
#include "process/task_image.h"

namespace ckpt {

struct StandardStreams {
  bool detach = false;  // nobody will be there: /dev/null instead of our own
  int imageFd = -1;     // the image's descriptor is not the task's standard input
};

class RestartFiles {
 public:
  /** Opens all that the image names. Throws ProcessError kCannot where one is gone or is something else now. */
  RestartFiles(const TaskImage& image, const StandardStreams& streams, const Status& status);

  /** In the child: a table of its own with exactly the recorded descriptors. */
  void install(RestartChild* child);

  /** Opens the directory (O_PATH) that the image's PATH of this kind names, away from the task's numbers. */
  int directory(const TaskImage& image, uint32_t kind);
  int program(const std::string& path);

 private:
  int keep(Fd fd);
  Fd openFile(const ImageFile& file);
  Fd openStandard(const ImageFile& file);

  struct Entry {
    int source;  // descriptor of ours
    uint32_t fdFlags;
  };
  StandardStreams streams_;
  const Status& status_;
  rlimit ownLimit_{};
  int base_ = 0;  // all our sources are at or above it, all targets below
  std::vector<Fd> kept_;
  std::map<int, Entry> entries_;  // by the task's number
};

}  // namespace ckpt

#endif
