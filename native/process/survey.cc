// SPDX-License-Identifier: Apache-2.0
#include "process/survey.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cctype>
#include <cstdlib>
#include <functional>
#include <map>
#include <sstream>
#include <string>

#include "process/elf_file.h"
#include "process/process_error.h"
#include "process/procfs.h"

namespace ckpt {
namespace {

using Refuse = std::function<void(const std::string& what, const std::string& hint)>;

void eachProcess(const std::function<void(pid_t)>& visit) {
  DIR* proc = opendir("/proc");
  if (!proc) return;
  while (dirent* entry = readdir(proc))
    if (isdigit(static_cast<unsigned char>(entry->d_name[0]))) visit(atoi(entry->d_name));
  closedir(proc);
}

/** Children, dead ones that were not waited for included. */
std::string childrenOf(pid_t pid) {
  std::string children, all;
  if (readWhole(procPath(pid, "task/" + std::to_string(pid) + "/children"), &children)) return children;
  eachProcess([&](pid_t other) {
    try {
      if (Stat(other).number(4) == static_cast<uint64_t>(pid)) all += std::to_string(other) + " ";
    } catch (const std::exception&) {
      // ended meanwhile
    }
  });
  return all;
}

void surveyNamespaces(pid_t pid, const Refuse& refuse, const Status& status) {
  for (const char* name : {"pid", "mnt", "user", "ipc", "time", "net", "uts", "cgroup"}) {
    char theirs[64] = {}, ours[64] = {};
    std::string file = std::string("ns/") + name;
    if (readlink(procPath(pid, file).c_str(), theirs, sizeof theirs - 1) <= 0) continue;
    if (readlink(("/proc/self/" + file).c_str(), ours, sizeof ours - 1) <= 0 || std::string(theirs) == ours) continue;
    if (std::string(name) == "net" || std::string(name) == "uts" || std::string(name) == "cgroup")
      status.warning(std::string("the process is in another ") + name + " namespace; its copy will be in ours");
    else
      refuse(std::string("is in another ") + name + " namespace",
             "run ckpt inside that namespace, for instance with nsenter");
  }
}

void surveySharing(pid_t pid, const Refuse& refuse) {
  eachProcess([&](pid_t other) {
    if (other == pid || other == getpid()) return;
    std::string name = "process " + std::to_string(other);
    if (syscall(SYS_kcmp, pid, other, KCMP_VM, 0, 0) == 0)
      refuse("shares its memory with " + name + " (vfork or CLONE_VM)", "wait until they have parted");
    if (syscall(SYS_kcmp, pid, other, KCMP_FILES, 0, 0) == 0)
      refuse("shares its file descriptors with " + name + " (CLONE_FILES)", "");
    if (syscall(SYS_kcmp, pid, other, KCMP_FS, 0, 0) == 0)
      refuse("shares its working directory and umask with " + name + " (CLONE_FS)", "");
  });
}

}  // namespace

void surveyTask(pid_t pid, bool tracedByUs, const Status& status) {
  Refuse refuse = [pid](const std::string& what, const std::string& hint) {
    throw ProcessError(kCannot, "process " + std::to_string(pid) + " " + what, hint);
  };
  std::map<std::string, std::string> fields = readStatus(pid);
  auto field = [&fields](const char* name) { return fields.count(name) ? fields[name] : std::string(); };

  char state = field("State").empty() ? '?' : field("State")[0];
  if (state == 'Z' || state == 'X') refuse("has ended (a zombie)", "nothing is left to save");
  if (field("Kthread") == "1" || !fields.count("VmSize")) refuse("is a kernel thread", "");
  if (field("Tgid") != std::to_string(pid)) refuse("is a thread of process " + field("Tgid"), "");
  if (!tracedByUs && field("TracerPid") != "0")
    refuse("is traced by process " + field("TracerPid"), "end the debugger or tracer first");
  if (field("Threads") != "1")
    refuse("has " + field("Threads") + " threads", "only single-threaded processes are supported");
  std::istringstream children(childrenOf(pid));
  if (std::string child; children >> child)
    refuse("has a child (process " + child + ")", "only processes without children are supported");
  if (!field("Seccomp").empty() && field("Seccomp") != "0") refuse("is under seccomp", "its filters cannot be saved");
  if (field("x86_Thread_features").find("shstk") != std::string::npos) refuse("has a shadow stack (CET)", "");

  if (std::string mask = field("untag_mask"); !mask.empty() && strtoull(mask.c_str(), nullptr, 16) != ~uint64_t{0})
    refuse("uses tagged addresses (LAM)", "its copy could not");

  Fd exe(open(procPath(pid, "exe").c_str(), O_RDONLY | O_CLOEXEC));
  struct stat file;
  if (!exe)
    throw ProcessError::system(kCannot, "cannot open " + procPath(pid, "exe"),
                               "run as the owner of the process, or as root");
  if (elfClass(exe.get()) == 1) refuse("is a 32-bit program", "only 64-bit programs are supported");
  if (fstat(exe.get(), &file) == 0 && file.st_nlink == 0) refuse("runs a program file that was deleted", "");

  surveyNamespaces(pid, refuse, status);
  surveySharing(pid, refuse);
}

}  // namespace ckpt
