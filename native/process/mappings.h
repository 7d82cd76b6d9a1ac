// SPDX-License-Identifier: Apache-2.0
//
// The mappings of a task as a checkpoint sees them: what smaps says of each, and the identity of the file behind it.
#ifndef CKPT_PROCESS_MAPPINGS_H
#define CKPT_PROCESS_MAPPINGS_H

#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "process/procfs.h"
#include "process/status.h"

namespace ckpt {

struct Mapping {
  MapEntry map;
  uint64_t vmFlags = 0;  // VM_ bits of the kernel, from VmFlags
  bool uffd = false;     // registered with a userfaultfd
  bool sealed = false;   // mseal
  bool shadowStack = false;
  bool droppable = false;  // MAP_DROPPABLE
  int protectionKey = 0;
  struct stat file = {};  // of the mapped file, zero for anonymous memory
  std::vector<uint8_t> buildId;
  std::string path;  // of the file, "" for anonymous memory

  bool ofFile() const { return !path.empty(); }
  /**
   * Pages of its own that a checkpoint saves. Those of MAP_DROPPABLE memory may be zero at any time, and hold what must not exist twice:
   * the state of vgetrandom's generators, which two copies would go on with alike.
   */
  bool hasPages() const { return !map.shared && !droppable; }
  bool vdso() const { return map.special("[vdso]"); }
  /** Mappings that the kernel makes and a restart gets from its own kernel: vdso, vvar, vvar_vclock, vsyscall. */
  bool ofKernel() const;
};

/** VM_ bits, all that VmFlags can show and that have a fixed number. */
enum VmFlag : uint64_t {
  kVmRead = 0x1,
  kVmWrite = 0x2,
  kVmExec = 0x4,
  kVmShared = 0x8,
  kVmMayRead = 0x10,
  kVmMayWrite = 0x20,
  kVmMayExec = 0x40,
  kVmMayShare = 0x80,
  kVmGrowsDown = 0x100,
  kVmPfnMap = 0x400,
  kVmLocked = 0x2000,
  kVmIo = 0x4000,
  kVmSeqRead = 0x8000,
  kVmRandRead = 0x10000,
  kVmDontCopy = 0x20000,
  kVmDontExpand = 0x40000,
  kVmLockOnFault = 0x80000,
  kVmAccount = 0x100000,
  kVmNoReserve = 0x200000,
  kVmHugetlb = 0x400000,
  kVmSync = 0x800000,
  kVmWipeOnFork = 0x2000000,
  kVmDontDump = 0x4000000,
  kVmSoftDirty = 0x8000000,
  kVmMixedMap = 0x10000000,
  kVmHugepage = 0x20000000,
  kVmNoHugepage = 0x40000000,
  kVmMergeable = 0x80000000,
};

/** Finds out once what a file is; a mapping of the same file asks again for nothing. */
class FileIdentities {
 public:
  struct Identity {
    struct stat file = {};
    std::vector<uint8_t> buildId;
  };
  /**
   * The file of a mapping, by its path; checked to be the one that is mapped. Throws ProcessError kCannot for a file
   * that was deleted or replaced, or that cannot be looked at.
   */
  const Identity& of(pid_t pid, const MapEntry& map);

 private:
  std::map<std::string, Identity> known_;
};

/** All mappings, smaps read. Changes nothing. */
std::vector<Mapping> readMappings(pid_t pid, FileIdentities* files);

/** Throws ProcessError kCannot, naming the first mapping that a checkpoint cannot carry. */
void refuseMappings(pid_t pid, const std::vector<Mapping>& mappings, const Status& status);

std::string hexRange(uint64_t start, uint64_t end);

}  // namespace ckpt

#endif
