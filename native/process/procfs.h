// SPDX-License-Identifier: Apache-2.0
//
// Reading of /proc/PID: whole files, maps, status and stat.
#ifndef CKPT_PROCESS_PROCFS_H
#define CKPT_PROCESS_PROCFS_H

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace ckpt {

/** A file descriptor that closes itself. */
class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  ~Fd() { reset(); }
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    reset(other.release());
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() {
    int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void reset(int fd = -1);

 private:
  int fd_;
};

/** "/proc/PID/name". */
std::string procPath(pid_t pid, const std::string& name);

/** The whole of a file. Returns false with errno set where it cannot be read. */
bool readWhole(const std::string& path, std::string* contents);

/** As above; throws ProcessError kFailed ("no such process" where the process is gone). */
std::string readProc(pid_t pid, const std::string& name);

/** Target of a symbolic link under /proc/PID; throws ProcessError. */
std::string readProcLink(pid_t pid, const std::string& name);

/** One line of /proc/PID/maps. */
struct MapEntry {
  uint64_t start = 0;
  uint64_t end = 0;
  bool read = false, write = false, exec = false;
  bool shared = false;  // VM_MAYSHARE: the `s` of the fourth column
  uint64_t offset = 0;  // bytes into the file
  uint32_t devMajor = 0, devMinor = 0;
  uint64_t ino = 0;
  std::string path;  // as /proc shows it, newlines decoded; "" for anonymous memory, "[stack]", ...

  uint64_t bytes() const { return end - start; }
  bool special(const char* name) const { return path == name; }
};

/** Parses one line of maps (or the first line of an smaps entry). False where it is not one. */
bool parseMapLine(const std::string& line, MapEntry* entry);

std::vector<MapEntry> readMaps(pid_t pid);

/** /proc/PID/status, key to value without leading blanks. */
std::map<std::string, std::string> readStatus(pid_t pid);

/** Fields of /proc/PID/stat by the number that proc(5) gives them: field(3) is the state. */
class Stat {
 public:
  explicit Stat(pid_t pid);
  const std::string& comm() const { return comm_; }
  char state() const { return fields_.at(0)[0]; }
  uint64_t number(int field) const { return std::stoull(fields_.at(static_cast<size_t>(field - 3))); }
  int64_t signedNumber(int field) const { return std::stoll(fields_.at(static_cast<size_t>(field - 3))); }

 private:
  std::string comm_;
  std::vector<std::string> fields_;
};

}  // namespace ckpt

#endif
