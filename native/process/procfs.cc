// SPDX-License-Identifier: Apache-2.0
#include "process/procfs.h"

#include <fcntl.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "process/process_error.h"

namespace ckpt {

void Fd::reset(int fd) {
  if (fd_ >= 0) close(fd_);
  fd_ = fd;
}

std::string procPath(pid_t pid, const std::string& name) { return "/proc/" + std::to_string(pid) + "/" + name; }

bool readWhole(const std::string& path, std::string* contents) {
  Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return false;
  contents->clear();
  std::vector<char> buffer(1 << 16);
  for (;;) {
    ssize_t n = read(fd.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    if (n == 0) return true;
    contents->append(buffer.data(), static_cast<size_t>(n));
  }
}

static ProcessError procError(pid_t pid, const std::string& name) {
  int error = errno;
  if (access(procPath(pid, "").c_str(), F_OK) != 0 || error == ESRCH)
    return ProcessError(kFailed, "no such process: " + std::to_string(pid));
  return ProcessError::system(
      error == EACCES || error == EPERM ? kCannot : kFailed, "cannot read " + procPath(pid, name),
      error == EACCES || error == EPERM ? "run as the owner of the process, or as root" : "", error);
}

std::string readProc(pid_t pid, const std::string& name) {
  std::string contents;
  if (!readWhole(procPath(pid, name), &contents)) throw procError(pid, name);
  return contents;
}

std::string readProcLink(pid_t pid, const std::string& name) {
  std::vector<char> buffer(PATH_MAX * 2);
  ssize_t n = readlink(procPath(pid, name).c_str(), buffer.data(), buffer.size());
  if (n < 0) throw procError(pid, name);
  return std::string(buffer.data(), static_cast<size_t>(n));
}

bool parseMapLine(const std::string& line, MapEntry* entry) {
  // A task may have tens of thousands of mappings and stands still meanwhile: sscanf would be five times slower.
  const char* at = line.c_str();
  bool good = true;
  auto number = [&at, &good](int base, char after) {
    char* end;
    uint64_t value = strtoull(at, &end, base);
    good = good && end != at && *end == after;
    at = *end ? end + 1 : end;
    return value;
  };
  entry->start = number(16, '-');
  entry->end = number(16, ' ');
  if (!good || strlen(at) < 5) return false;
  entry->read = at[0] == 'r';
  entry->write = at[1] == 'w';
  entry->exec = at[2] == 'x';
  entry->shared = at[3] == 's';
  at += 5;
  entry->offset = number(16, ' ');
  entry->devMajor = static_cast<uint32_t>(number(16, ':'));
  entry->devMinor = static_cast<uint32_t>(number(16, ' '));
  if (!good) return false;
  char* end;
  entry->ino = strtoull(at, &end, 10);
  if (end == at) return false;
  size_t path = static_cast<size_t>(end - line.c_str());
  while (path < line.size() && line[path] == ' ') path++;
  entry->path.clear();
  // The kernel writes a newline in a path as \012 and leaves every other byte as it is.
  for (size_t i = path; i < line.size(); i++) {
    if (line.compare(i, 4, "\\012") == 0) {
      entry->path += '\n';
      i += 3;
    } else {
      entry->path += line[i];
    }
  }
  return true;
}

std::vector<MapEntry> readMaps(pid_t pid) {
  std::vector<MapEntry> maps;
  std::istringstream in(readProc(pid, "maps"));
  for (std::string line; std::getline(in, line);) {
    MapEntry entry;
    if (parseMapLine(line, &entry)) maps.push_back(entry);
  }
  return maps;
}

std::map<std::string, std::string> readStatus(pid_t pid) {
  std::map<std::string, std::string> status;
  std::istringstream in(readProc(pid, "status"));
  for (std::string line; std::getline(in, line);) {
    size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    size_t value = line.find_first_not_of(" \t", colon + 1);
    status[line.substr(0, colon)] = value == std::string::npos ? "" : line.substr(value);
  }
  return status;
}

Stat::Stat(pid_t pid) {
  std::string text = readProc(pid, "stat");
  size_t open = text.find('('), close = text.rfind(')');
  if (open == std::string::npos || close == std::string::npos)
    throw ProcessError(kFailed, "cannot parse " + procPath(pid, "stat"));
  comm_ = text.substr(open + 1, close - open - 1);
  std::istringstream in(text.substr(close + 1));
  for (std::string field; in >> field;) fields_.push_back(field);
  if (fields_.size() < 50) throw ProcessError(kFailed, "too few fields in " + procPath(pid, "stat"));
}

}  // namespace ckpt
