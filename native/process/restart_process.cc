// SPDX-License-Identifier: Apache-2.0
//
// The state of the process: layout, directories, attributes, scheduling, limits.

#include <elf.h>
#include <fcntl.h>
#include <linux/prctl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "process/restart_state.h"

namespace ckpt {
namespace {

constexpr int kIoprioWhoProcess = 1;

/** Version 1 has no auxiliary vector: what a libc asks for after the start. */
std::vector<uint8_t> plainAuxv(const KernelMappings& kernel) {
  const uint64_t pairs[] = {AT_SYSINFO_EHDR, kernel.vdso.start,
                            AT_PAGESZ,       CKPT_PAGE_BYTES,
                            AT_CLKTCK,       static_cast<uint64_t>(sysconf(_SC_CLK_TCK)),
                            AT_NULL,         0};
  const auto* bytes = reinterpret_cast<const uint8_t*>(pairs);
  return {bytes, bytes + sizeof pairs};
}

}  // namespace

/** A step that a task can live without: refused is a warning. Returns the result or -errno. */
long RestartState::attempt(const std::string& what, long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
                           uint64_t e) {
  const long result = child_.tracee().call(number, a, b, c, d, e);
  if (result < 0) status_.warning("cannot " + what + ": " + strerror(static_cast<int>(-result)));
  return result;
}

void RestartState::invalid(uint32_t record, const std::string& what) const {
  const auto place = image_.places.find(record);
  throw RestartError(kDamaged, what, "the image is damaged or was not written by this format",
                     place == image_.places.end() ? ImagePlace{} : place->second);
}

void RestartState::apply(const RestartPlaces& places, RestartFiles* files) {
  refuseTiles();
  layout(places.program);
  descriptors();
  directories(places);
  attributes();
  if (options_.detach) attempt("start a session", SYS_setsid);
  files->install(&child_);
  limits();
  scheduling();
  credentials();
  afterCredentials();
  actions();
  intervalTimers();
  posixTimers();
  registrations();
  pending();
  child_.removeScratch();
  child_.tracee().abandonCalls();
  if (options_.stopped || image_.task.state == CKPT_STATE_STOPPED) child_.stopForJob();
  threadRegisters();
}

void RestartState::layout(int program) {
  const cr2_mm& mm = image_.mm;
  const std::vector<uint8_t> auxv = image_.version == 1 ? plainAuxv(child_.kernel()) : image_.auxv;
  prctl_mm_map map = {};
  map.start_code = mm.start_code;
  map.end_code = mm.end_code;
  map.start_data = mm.start_data;
  map.end_data = mm.end_data;
  map.start_brk = mm.start_brk;
  map.brk = mm.brk;
  map.start_stack = mm.start_stack;
  map.arg_start = mm.arg_start;
  map.arg_end = mm.arg_end;
  map.env_start = mm.env_start;
  map.env_end = mm.env_end;
  map.auxv = reinterpret_cast<__u64*>(auxv.empty() ? 0 : child_.put(auxv.data(), auxv.size(), sizeof map));
  map.auxv_size = static_cast<__u32>(auxv.size());
  map.exe_fd = static_cast<__u32>(program);
  if (program < 0) status_.warning("/proc/PID/exe stays ckpt-process: the program's file cannot be opened");
  const auto set = [&] {
    return child_.tracee().call(SYS_prctl, PR_SET_MM, PR_SET_MM_MAP, child_.put(&map, sizeof map), sizeof map, 0);
  };
  long result = set();
  if (result == -EPERM && program >= 0) {
    status_.warning("/proc/PID/exe stays ckpt-process: changing it needs CAP_CHECKPOINT_RESTORE");
    map.exe_fd = static_cast<__u32>(-1);
    result = set();
  }
  if (result < 0) {
    throw ProcessError::system(kCannot, "cannot set the layout of the program (PR_SET_MM_MAP)",
                               "is RLIMIT_DATA large enough? the kernel needs CONFIG_CHECKPOINT_RESTORE",
                               static_cast<int>(-result));
  }
  if (mm.def_flags & (CKPT_VMA2_F_LOCKED | CKPT_VMA2_F_LOCKONFAULT))
    attempt("lock future mappings", SYS_mlockall,
            MCL_FUTURE | (mm.def_flags & CKPT_VMA2_F_LOCKONFAULT ? MCL_ONFAULT : 0));
}

void RestartState::descriptors() {
  for (size_t i = 0; i < image_.ldt.size() / 8; i++) {
    uint32_t word[2];
    std::memcpy(word, image_.ldt.data() + i * 8, 8);
    if (word[0] == 0 && word[1] == 0) continue;
    const user_desc entry = descriptor(CKPT_REC_LDT, static_cast<uint32_t>(i), word);
    constexpr int kWriteNew = 0x11;
    if (child_.tracee().call(SYS_modify_ldt, kWriteNew, child_.put(&entry, sizeof entry), sizeof entry) != 0)
      invalid(CKPT_REC_LDT, "LDT entry " + std::to_string(i) + " is not one that the kernel allows");
  }
}

void RestartState::directories(const RestartPlaces& places) {
  if (places.root >= 0) {
    child_.must("enter the root directory", SYS_fchdir, static_cast<uint64_t>(places.root));
    child_.must("change the root directory", SYS_chroot, child_.put(".", 2));
  }
  if (places.directory >= 0)
    child_.must("enter the working directory", SYS_fchdir, static_cast<uint64_t>(places.directory));
  if (image_.version != 1) child_.must("set the umask", SYS_umask, image_.task.umask & 0777);
}

void RestartState::attributes() {
  char comm[16];
  std::memcpy(comm, image_.task.comm, sizeof comm);
  comm[15] = 0;
  child_.must("set the name", SYS_prctl, PR_SET_NAME, child_.put(comm, sizeof comm));
  if (image_.version == 1) return;
  const cr2_task& task = image_.task;
  child_.must("set the personality", SYS_personality, task.personality);
  if (task.timerslack_ns != 0) attempt("set the timer slack", SYS_prctl, PR_SET_TIMERSLACK, task.timerslack_ns);
  attempt("set the use of huge pages", SYS_prctl, PR_SET_THP_DISABLE, task.thp_disable ? 1 : 0, 0, 0, 0);
  if (task.child_subreaper) attempt("become a subreaper", SYS_prctl, PR_SET_CHILD_SUBREAPER, 1);
}

void RestartState::scheduling() {
  if (image_.version == 1) return;
  const pid_t pid = child_.pid();
  const cr2_thread& thread = image_.thread;
  const auto refused = [&](const char* what) {
    status_.warning(std::string("cannot set the ") + what + ": " + strerror(errno));
  };
  sched_param param = {};
  param.sched_priority = static_cast<int>(thread.sched_priority);
  if (sched_getscheduler(pid) != static_cast<int>(thread.sched_policy) || thread.sched_priority != 0) {
    if (sched_setscheduler(pid, static_cast<int>(thread.sched_policy), &param) != 0) refused("scheduling policy");
  }
  errno = 0;
  if (getpriority(PRIO_PROCESS, static_cast<id_t>(pid)) != thread.nice &&
      setpriority(PRIO_PROCESS, static_cast<id_t>(pid), thread.nice) != 0)
    refused("nice value");
  if (syscall(SYS_ioprio_get, kIoprioWhoProcess, pid) != static_cast<long>(thread.io_priority) &&
      thread.io_priority != 0 && syscall(SYS_ioprio_set, kIoprioWhoProcess, pid, thread.io_priority) != 0) {
    refused("I/O priority");
  }
  const std::string path = procPath(pid, "oom_score_adj"), wanted = std::to_string(image_.task.oom_score_adj);
  std::string now;
  if (readWhole(path, &now) && now != wanted + "\n") {
    const Fd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd || write(fd.get(), wanted.data(), wanted.size()) < 0) refused("oom_score_adj");
  }
}

void RestartState::limits() {
  if (image_.version == 1) return;
  for (size_t i = 0; i < image_.limits.size() && i < RLIM_NLIMITS; i++) {
    const auto resource = static_cast<__rlimit_resource>(i);
    rlimit limit = {image_.limits[i].soft, image_.limits[i].hard}, ours;
    if (prlimit(child_.pid(), resource, &limit, nullptr) == 0) continue;
    // The plan has said so: without the privilege the hard limit is at most ours.
    if (getrlimit(resource, &ours) == 0) limit.rlim_max = std::min(limit.rlim_max, ours.rlim_max);
    if (prlimit(child_.pid(), resource, &limit, nullptr) != 0)
      status_.warning("cannot set resource limit " + std::to_string(i) + ": " + strerror(errno));
  }
}

void RestartState::afterCredentials() {
  const cr2_task& task = image_.task;
  if (image_.version == 1) {
    child_.must("reset the parent-death signal", SYS_prctl, PR_SET_PDEATHSIG, 0);
    return;
  }
  if (task.no_new_privs) child_.must("set no_new_privs", SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  attempt("set whether it may be dumped", SYS_prctl, PR_SET_DUMPABLE, task.dumpable == 1 ? 1 : 0);
  int deathSignal = task.pdeathsig;
  if (deathSignal != 0 && options_.detach) {
    status_.warning("the signal at its parent's death is not set: a detached task has no such parent");
    deathSignal = 0;
  }
  attempt("set the signal at its parent's death", SYS_prctl, PR_SET_PDEATHSIG, static_cast<uint64_t>(deathSignal));
}

}  // namespace ckpt
