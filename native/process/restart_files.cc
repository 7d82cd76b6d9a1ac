// SPDX-License-Identifier: Apache-2.0
#include "process/restart_files.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>

#include "process/open_as_task.h"
#include "process/open_checked.h"

namespace ckpt {
namespace {

constexpr int kLowestBase = 64;

/** Flags of open(2) that belong to the description; those that act only once are left out. */
int openFlags(uint32_t recorded) {
  constexpr int kTmpFileOnly = O_TMPFILE & ~O_DIRECTORY;
  // O_NOFOLLOW would refuse the link through which a checked file is opened.
  return static_cast<int>(recorded) & ~(O_CREAT | O_EXCL | O_TRUNC | O_NOFOLLOW | kTmpFileOnly);
}

}  // namespace

RestartFiles::RestartFiles(const TaskImage& image, const StandardStreams& streams, const Status& status)
    : streams_(streams), status_(status) {
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  ownLimit_ = limit;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);

  const int highest = image.files.empty() ? 2 : std::max(2, image.files.back().fixed.fd);
  base_ = std::max(kLowestBase, highest + 1);
  if (static_cast<uint64_t>(highest) + image.files.size() + kLowestBase >= limit.rlim_max)
    throw ProcessError(kCannot, "the task has descriptor " + std::to_string(highest) + ", above this process's limit",
                       "raise the hard limit of open files (ulimit -Hn)");

  std::vector<ImageFile> files = image.files;
  if (image.version == 1) {  // says nothing about files: the standard streams are ours
    for (int fd = 0; fd < 3; fd++) {
      ImageFile file;
      file.fixed = {};
      file.fixed.fd = fd;
      file.fixed.kind = CKPT_FILE_STDIO;
      file.fixed.flags = fd == 0 ? O_RDONLY : O_WRONLY;
      file.fixed.same_as = -1;
      files.push_back(file);
    }
  }
  const OpenAsTask as(image);
  for (const ImageFile& file : files) {
    const bool standard = file.fixed.kind == CKPT_FILE_STDIO && file.fixed.fd <= 2;
    // Standard streams are ours each for itself, also where they were one before.
    if (file.fixed.same_as >= 0 && !standard)
      entries_[file.fixed.fd] = {entries_.at(file.fixed.same_as).source, file.fixed.fd_flags};
    else entries_[file.fixed.fd] = {keep(standard ? openStandard(file) : openFile(file)), file.fixed.fd_flags};
  }
}

int RestartFiles::keep(Fd fd) {
  Fd high(fcntl(fd.get(), F_DUPFD_CLOEXEC, base_));
  if (!high) throw ProcessError::system(kCannot, "too many open files", "raise the limit of open files (ulimit -n)");
  kept_.push_back(std::move(high));
  return kept_.back().get();
}

Fd RestartFiles::openStandard(const ImageFile& file) {
  const int fd = file.fixed.fd;
  const bool ours = !streams_.detach && fd != streams_.imageFd && fcntl(fd, F_GETFD) >= 0;
  Fd opened(ours ? fcntl(fd, F_DUPFD_CLOEXEC, base_) : open("/dev/null", (fd == 0 ? O_RDONLY : O_WRONLY) | O_CLOEXEC));
  if (!opened) throw ProcessError::system(kFailed, "cannot pass descriptor " + std::to_string(fd) + " on");
  return opened;
}

Fd RestartFiles::openFile(const ImageFile& file) {
  const cr2_file& f = file.fixed;
  struct stat now;
  Fd fd;
  try {
    fd = openChecked(file.path, openFlags(f.flags), f.mode, &now);
  } catch (const ProcessError& error) {
    throw ProcessError(error.exit(), "descriptor " + std::to_string(f.fd) + ": " + error.what(), error.hint());
  }
  if (f.kind == CKPT_FILE_DEVICE && now.st_rdev != f.rdev)
    throw ProcessError(kCannot, file.path + " is another device than it was (descriptor " + std::to_string(f.fd) + ")",
                       "put the device back");
  if (f.kind == CKPT_FILE_REGULAR) {
    const std::string change = changeOf(now, f.size, f.mtime_sec, f.mtime_nsec);
    if (!change.empty()) status_.warning("descriptor " + std::to_string(f.fd) + ", " + file.path + ": " + change);
  }
  if ((f.flags & O_PATH) == 0 && f.kind != CKPT_FILE_DEVICE &&
      lseek(fd.get(), static_cast<off_t>(f.offset), SEEK_SET) < 0)
    status_.warning("descriptor " + std::to_string(f.fd) + ", " + file.path + ": cannot go back to its position " +
                    std::to_string(f.offset));
  return fd;
}

int RestartFiles::directory(const TaskImage& image, uint32_t kind) {
  const ImagePath* path = image.path(kind);
  if (path == nullptr) return -1;
  const OpenAsTask as(image);
  Fd fd(open(path->path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd)
    throw ProcessError::system(kCannot, "cannot enter the task's directory " + path->path, "make the directory again");
  return keep(std::move(fd));
}

int RestartFiles::program(const std::string& path) {
  Fd fd(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  return fd ? keep(std::move(fd)) : -1;
}

void RestartFiles::install(RestartChild* child) {
  child->must("make a table of descriptors", SYS_unshare, CLONE_FILES);
  int from = 0;
  for (const auto& [fd, entry] : entries_) {
    if (fd > from)
      child->must("close descriptors", SYS_close_range, static_cast<uint64_t>(from), static_cast<uint64_t>(fd - 1), 0);
    const uint64_t flags = entry.fdFlags & FD_CLOEXEC ? O_CLOEXEC : 0;
    child->must("put descriptor " + std::to_string(fd) + " in its place", SYS_dup3, static_cast<uint64_t>(entry.source),
                static_cast<uint64_t>(fd), flags);
    from = fd + 1;
  }
  child->must("close descriptors", SYS_close_range, static_cast<uint64_t>(from), ~0u, 0);
  // Our own limit again, for images that do not say theirs.
  prlimit(child->pid(), RLIMIT_NOFILE, &ownLimit_, nullptr);
}

}  // namespace ckpt
