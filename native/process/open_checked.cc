// SPDX-License-Identifier: Apache-2.0
#include "process/open_checked.h"

#include <fcntl.h>

#include "process/process_error.h"

namespace ckpt {

Fd openChecked(const std::string& path, int flags, uint32_t mode, struct stat* now) {
  // First only a handle: opening a FIFO or a tape that stands there now would block or rewind.
  const Fd handle(open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!handle) throw ProcessError::system(kCannot, "cannot open " + path, "put the file back where it was");
  if (fstat(handle.get(), now) != 0) throw ProcessError::system(kFailed, "cannot look at " + path);
  const mode_t type = now->st_mode & S_IFMT;
  const bool harmless = type == S_IFREG || type == S_IFDIR || type == S_IFCHR;
  if (mode != 0 ? type != (mode & S_IFMT) : !harmless)
    throw ProcessError(kCannot, path + " is another type of file than it was", "put the file back where it was");
  Fd fd(open(("/proc/self/fd/" + std::to_string(handle.get())).c_str(), flags | O_CLOEXEC | O_NOCTTY));
  if (!fd) throw ProcessError::system(kCannot, "cannot open " + path, "give the permissions back that it had");
  return fd;
}

std::string changeOf(const struct stat& now, uint64_t size, int64_t mtimeSec, uint32_t mtimeNsec) {
  if (static_cast<uint64_t>(now.st_size) != size)
    return "its size changed from " + std::to_string(size) + " to " + std::to_string(now.st_size) + " bytes";
  if (now.st_mtim.tv_sec != mtimeSec || static_cast<uint64_t>(now.st_mtim.tv_nsec) != mtimeNsec)
    return "its modification time changed";
  return "";
}

}  // namespace ckpt
