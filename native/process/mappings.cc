// SPDX-License-Identifier: Apache-2.0
#include "process/mappings.h"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <sstream>

#include "process/elf_file.h"
#include "process/pagemap.h"
#include "process/process_error.h"

namespace ckpt {
namespace {

struct FlagName {
  char name[3];
  uint64_t bit;
};
constexpr FlagName kFlagNames[] = {
    {"rd", kVmRead},       {"wr", kVmWrite},       {"ex", kVmExec},      {"sh", kVmShared},    {"mr", kVmMayRead},
    {"mw", kVmMayWrite},   {"me", kVmMayExec},     {"ms", kVmMayShare},  {"gd", kVmGrowsDown}, {"pf", kVmPfnMap},
    {"lo", kVmLocked},     {"io", kVmIo},          {"sr", kVmSeqRead},   {"rr", kVmRandRead},  {"dc", kVmDontCopy},
    {"de", kVmDontExpand}, {"lf", kVmLockOnFault}, {"ac", kVmAccount},   {"nr", kVmNoReserve}, {"ht", kVmHugetlb},
    {"sf", kVmSync},       {"wf", kVmWipeOnFork},  {"dd", kVmDontDump},  {"sd", kVmSoftDirty}, {"mm", kVmMixedMap},
    {"hg", kVmHugepage},   {"nh", kVmNoHugepage},  {"mg", kVmMergeable},
};

void parseVmFlags(const std::string& line, Mapping* mapping) {
  std::istringstream in(line);
  std::string flag;
  in >> flag;
  while (in >> flag) {
    if (flag == "um" || flag == "uw" || flag == "ui") mapping->uffd = true;
    if (flag == "sl") mapping->sealed = true;
    if (flag == "dp") mapping->droppable = true;
    if (flag == "ss") mapping->shadowStack = true;
    for (const FlagName& known : kFlagNames)
      if (flag == known.name) mapping->vmFlags |= known.bit;
  }
}

/** A private mapping of /dev/zero is anonymous memory by another name. */
bool isPrivateZero(const MapEntry& map) {
  struct stat device;
  return !map.shared && map.path == "/dev/zero" && stat("/dev/zero", &device) == 0 && S_ISCHR(device.st_mode) &&
         device.st_rdev == makedev(1, 5);
}

bool sameFile(const struct stat& a, const struct stat& b) { return a.st_dev == b.st_dev && a.st_ino == b.st_ino; }

}  // namespace

std::string hexRange(uint64_t start, uint64_t end) {
  char text[48];
  snprintf(text, sizeof text, "%lx-%lx", static_cast<unsigned long>(start), static_cast<unsigned long>(end));
  return text;
}

bool Mapping::ofKernel() const {
  return map.path == "[vdso]" || map.path == "[vsyscall]" || map.path.compare(0, 5, "[vvar") == 0;
}

const FileIdentities::Identity& FileIdentities::of(pid_t pid, const MapEntry& map) {
  auto found = known_.find(map.path);
  // Same path but another file: the mappings are of an old and a new version.
  if (found != known_.end() && found->second.file.st_ino == map.ino) return found->second;

  Identity identity;
  struct stat mapped;
  std::string name = "the mapping " + hexRange(map.start, map.end) + " of " + map.path;
  std::string link = procPath(pid, "map_files/" + hexRange(map.start, map.end));
  bool haveMapped = stat(link.c_str(), &mapped) == 0;
  if (haveMapped && mapped.st_nlink == 0)
    throw ProcessError(kCannot, name + " is of a deleted file", "restart the program so that it maps files that exist");
  if (stat(map.path.c_str(), &identity.file) != 0)
    throw ProcessError::system(kCannot, name + " cannot be found by its path",
                               "a deleted or renamed file cannot be mapped again");
  if (!S_ISREG(identity.file.st_mode))
    throw ProcessError(kCannot, name + " is not of a regular file", "device mappings are not supported");
  if (haveMapped ? !sameFile(mapped, identity.file) : identity.file.st_ino != map.ino)
    throw ProcessError(kCannot, name + ": the file was replaced since it was mapped",
                       "restart the program so that it maps the new file");
  Fd fd(open(map.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOATIME));
  if (!fd) fd = Fd(open(map.path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd) identity.buildId = buildIdOfFile(fd.get());
  return known_[map.path] = identity;
}

std::vector<Mapping> readMappings(pid_t pid, FileIdentities* files) {
  std::vector<Mapping> mappings;
  std::istringstream in(readProc(pid, "smaps"));
  for (std::string line; std::getline(in, line);) {
    Mapping next;
    bool attribute = line.size() > 1 && line[0] >= 'A' && line[0] <= 'Z';
    if (!attribute && parseMapLine(line, &next.map)) {
      mappings.push_back(next);
    } else if (!mappings.empty() && line.compare(0, 8, "VmFlags:") == 0) {
      parseVmFlags(line, &mappings.back());
    } else if (!mappings.empty() && line.compare(0, 14, "ProtectionKey:") == 0) {
      mappings.back().protectionKey = atoi(line.c_str() + 14);
    }
  }
  for (Mapping& mapping : mappings) {
    // Anonymous memory shows inode 0. So do the kernel's own mappings, whose names stand in brackets.
    if (mapping.map.ino == 0 || mapping.map.path.empty() || mapping.map.path[0] != '/') continue;
    if (isPrivateZero(mapping.map)) {
      mapping.map.ino = 0;
      continue;
    }
    if (mapping.vmFlags & (kVmShared | kVmHugetlb)) continue;  // will be refused, by a better name than "deleted"
    const FileIdentities::Identity& identity = files->of(pid, mapping.map);
    mapping.file = identity.file;
    mapping.buildId = identity.buildId;
    mapping.path = mapping.map.path;
  }
  return mappings;
}

static std::string sharedName(const MapEntry& map) {
  auto starts = [&map](const char* prefix) { return map.path.compare(0, strlen(prefix), prefix) == 0; };
  if (starts("/SYSV")) return "System V shared memory";
  if (starts("/memfd:")) return "a shared memfd mapping (" + map.path + ")";
  if (starts("/dev/zero") || starts("[anon_shmem")) return "shared anonymous memory";
  if (starts("/[aio]")) return "an asynchronous I/O context (io_setup)";
  if (starts("anon_inode:[io_uring]")) return "an io_uring";
  if (starts("anon_inode:")) return "a mapping of " + map.path.substr(11);
  return "a writable shared mapping of " + map.path;
}

void refuseMappings(pid_t pid, const std::vector<Mapping>& mappings, const Status& status) {
  std::string who = "process " + std::to_string(pid) + " has ";
  Pagemap pagemap(pid);
  for (const Mapping& mapping : mappings) {
    if (mapping.ofKernel()) continue;
    std::string where = " at " + hexRange(mapping.map.start, mapping.map.end);
    auto refuse = [&](const std::string& what) {
      throw ProcessError(kCannot, who + what + where, "this kind of memory is not supported");
    };
    if (mapping.map.special("[uprobes]")) refuse("uprobes set in it");
    if (mapping.vmFlags & kVmHugetlb) refuse("memory of huge pages (hugetlb)");
    if (mapping.shadowStack) refuse("a shadow stack (CET)");
    if (mapping.uffd) refuse("memory registered with a userfaultfd");
    if (mapping.vmFlags & (kVmIo | kVmPfnMap | kVmMixedMap)) refuse("a device mapping (" + mapping.map.path + ")");
    if (mapping.vmFlags & kVmShared) refuse(sharedName(mapping.map));
    if (mapping.map.shared && !mapping.ofFile()) refuse(sharedName(mapping.map));
    if (mapping.protectionKey) refuse("memory with a protection key");
    if (!mapping.ofFile() && mapping.map.ino != 0) refuse("a mapping of " + mapping.map.path);
    if (pagemap.firstGuard(mapping.map.start, mapping.map.end)) refuse("guard regions (MADV_GUARD_INSTALL)");
    if (mapping.sealed) status.warning("the memory" + where + " is sealed (mseal); its copy will not be");
  }
}

}  // namespace ckpt
