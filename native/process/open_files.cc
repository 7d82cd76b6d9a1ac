// SPDX-License-Identifier: Apache-2.0
#include "process/open_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "process/process_error.h"
#include "process/procfs.h"

namespace ckpt {
namespace {

constexpr long kMqueueMagic = 0x19800202, kProcMagic = 0x9fa0;

/** What a descriptor is, for people, when it is nothing that can be saved; "" when it can. */
std::string unsupported(const std::string& link, const struct stat& file, long fileSystem) {
  auto starts = [&link](const char* prefix) { return link.compare(0, strlen(prefix), prefix) == 0; };
  if (starts("anon_inode:")) {
    std::string name = link.substr(11);
    if (name.size() > 2 && name[0] == '[') name = name.substr(1, name.size() - 2);
    if (name == "io_uring") return "an io_uring";
    if (name == "eventpoll") name = "epoll";
    return (strchr("aeiou", name[0]) && name[0] != 'u' ? "an " : "a ") + name + " descriptor";
  }
  if (starts("/memfd:")) return "a memfd";
  if (starts("pidfd:")) return "a pidfd";
  if (fileSystem == kMqueueMagic) return "a POSIX message queue";
  if (S_ISSOCK(file.st_mode)) return "a socket";
  if (S_ISFIFO(file.st_mode)) return starts("pipe:") ? "a pipe" : "a named pipe";
  if (S_ISBLK(file.st_mode)) return "a block device";
  if (S_ISLNK(file.st_mode)) return "a symbolic link";
  if (S_ISCHR(file.st_mode)) {
    unsigned minor = minor(file.st_rdev);
    bool stateless = major(file.st_rdev) == 1 && (minor == 3 || minor == 5 || minor == 7 || minor == 8 || minor == 9);
    unsigned major = major(file.st_rdev);
    if (!stateless && (major == 4 || major == 5 || (major >= 136 && major <= 143))) return "a terminal";
    if (!stateless) return "a device";
  } else if (!S_ISREG(file.st_mode) && !S_ISDIR(file.st_mode)) {
    return "an object of the kernel";
  }
  if (file.st_nlink == 0) return "a deleted file";
  if (fileSystem == kProcMagic && starts("/proc/") && isdigit(static_cast<unsigned char>(link[6])))
    return "a file of a process under /proc";
  struct stat named;
  if (stat(link.c_str(), &named) != 0 || named.st_dev != file.st_dev || named.st_ino != file.st_ino)
    return "a file that is no longer found by its path";
  return "";
}

__u32 kindOf(mode_t mode) {
  return S_ISREG(mode) ? CKPT_FILE_REGULAR : S_ISDIR(mode) ? CKPT_FILE_DIRECTORY : CKPT_FILE_DEVICE;
}

/** pos, flags and locks of fdinfo. */
void readFdinfo(pid_t pid, int fd, OpenFile* file, std::string* lock) {
  std::istringstream in(readProc(pid, "fdinfo/" + std::to_string(fd)));
  for (std::string line; std::getline(in, line);) {
    if (line.compare(0, 4, "pos:") == 0) file->record.offset = strtoull(line.c_str() + 4, nullptr, 10);
    if (line.compare(0, 6, "flags:") == 0)
      file->record.flags = static_cast<__u32>(strtoul(line.c_str() + 6, nullptr, 8));
    if (line.compare(0, 5, "lock:") == 0) *lock = line.substr(5);
  }
  // The kernel shows close-on-exec among the flags of the description; it belongs to the descriptor.
  file->record.fd_flags = file->record.flags & O_CLOEXEC ? FD_CLOEXEC : 0;
  file->record.flags &= ~static_cast<__u32>(O_CLOEXEC);
}

OpenFile readOpenFile(pid_t pid, int fd, const Status& status) {
  OpenFile file;
  std::string name = "fd/" + std::to_string(fd), lock;
  std::string link = readProcLink(pid, name);
  struct stat info;
  struct statfs fs = {};
  if (stat(procPath(pid, name).c_str(), &info) != 0)
    throw ProcessError::system(kFailed, "cannot look at " + procPath(pid, name));
  // Asked by path, statfs of a socket or pipe says its pseudo file system; nothing is opened.
  statfs(procPath(pid, name).c_str(), &fs);
  readFdinfo(pid, fd, &file, &lock);
  file.record.fd = fd;
  file.record.same_as = -1;
  file.record.mode = info.st_mode;
  file.record.dev = info.st_dev;
  file.record.ino = info.st_ino;
  file.record.rdev = info.st_rdev;
  file.record.size = static_cast<__u64>(info.st_size);
  file.record.mtime_sec = info.st_mtim.tv_sec;
  file.record.mtime_nsec = static_cast<__u32>(info.st_mtim.tv_nsec);

  std::string who = "process " + std::to_string(pid) + " has ";
  std::string what = unsupported(link, info, fs.f_type);
  if (!lock.empty())
    throw ProcessError(kCannot, who + "a file lock or lease on descriptor " + std::to_string(fd) + " (" + link + ")",
                       "it would not be held after a restart");
  if (what.empty()) {
    file.record.kind = kindOf(info.st_mode);
  } else if (fd <= 2) {
    file.record.kind = CKPT_FILE_STDIO;
    // What a pipe or a terminal was is nothing that a copy misses; a file had contents.
    if (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode))
      status.warning("descriptor " + std::to_string(fd) + " is " + what + " (" + link +
                     "); its copy will have its restarter's");
  } else {
    throw ProcessError(kCannot, who + what + " open (descriptor " + std::to_string(fd) + ", " + link + ")",
                       "beyond the standard streams only regular files, directories and null devices are supported");
  }
  if (file.record.flags & O_ASYNC)
    status.warning("descriptor " + std::to_string(fd) + " sends signals (O_ASYNC); its copy will not");
  file.path = link;
  file.record.path_bytes = static_cast<__u32>(link.size() + 1);
  if (file.record.path_bytes > CKPT_STR_BYTES_MAX)
    throw ProcessError(kCannot,
                       who + "a file with a path above 4,095 bytes open (descriptor " + std::to_string(fd) + ")");
  return file;
}

bool sameDescription(pid_t pid, const OpenFile& a, const OpenFile& b) {
  return a.record.dev == b.record.dev && a.record.ino == b.record.ino &&
         syscall(SYS_kcmp, pid, pid, KCMP_FILE, a.record.fd, b.record.fd) == 0;
}

}  // namespace

std::vector<OpenFile> readOpenFiles(pid_t pid, const Status& status) {
  std::vector<int> descriptors;
  DIR* dir = opendir(procPath(pid, "fd").c_str());
  if (!dir)
    throw ProcessError::system(kCannot, "cannot list " + procPath(pid, "fd"),
                               "run as the owner of the process, or as root");
  while (dirent* entry = readdir(dir))
    if (entry->d_name[0] != '.') descriptors.push_back(atoi(entry->d_name));
  closedir(dir);
  std::sort(descriptors.begin(), descriptors.end());

  std::vector<OpenFile> files;
  for (int fd : descriptors) {
    OpenFile file = readOpenFile(pid, fd, status);
    for (const OpenFile& earlier : files)
      if (sameDescription(pid, earlier, file)) {
        file.record.same_as = earlier.record.fd;
        break;
      }
    files.push_back(file);
  }
  return files;
}

}  // namespace ckpt
