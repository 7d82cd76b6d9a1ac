// SPDX-License-Identifier: Apache-2.0
//
// What /proc and calls from outside tell of a stopped task.
#include <cpuid.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <cctype>
#include <cstring>
#include <sstream>

#include "codec/crc32c.h"
#include "process/capture.h"
#include "process/elf_file.h"
#include "process/pagemap.h"

namespace ckpt {
namespace {

__s64 clockNs(clockid_t clock) {
  timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

template <size_t N>
void copyText(char (&to)[N], const std::string& from) {
  memset(to, 0, N);
  memcpy(to, from.data(), std::min(from.size(), N - 1));
}

uint64_t readXcr0() {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return static_cast<uint64_t>(high) << 32 | low;
}

std::string firstLine(std::string text) { return text.substr(0, text.find('\n')); }

/** Numbers of one line of /proc/PID/status; base 8, 10 or 16. */
std::vector<uint64_t> numbers(const std::string& text, int base) {
  std::vector<uint64_t> all;
  std::istringstream in(text);
  for (std::string word; in >> word;) all.push_back(strtoull(word.c_str(), nullptr, base));
  return all;
}

PathRecord readPath(pid_t pid, const char* name, __u32 kind) {
  PathRecord path;
  path.path = readProcLink(pid, name);
  struct stat info;
  if (stat(procPath(pid, name).c_str(), &info) != 0)
    throw ProcessError::system(kCannot, "cannot look at " + procPath(pid, name));
  if (info.st_nlink == 0)
    throw ProcessError(kCannot, "process " + std::to_string(pid) + ": its " +
                                    (kind == CKPT_PATH_CWD ? "working directory" : "program") + " was deleted (" +
                                    path.path + ")");
  path.record.kind = kind;
  path.record.mode = info.st_mode;
  path.record.dev = info.st_dev;
  path.record.ino = info.st_ino;
  path.record.size = static_cast<__u64>(info.st_size);
  path.record.mtime_sec = info.st_mtim.tv_sec;
  path.record.mtime_nsec = static_cast<__u32>(info.st_mtim.tv_nsec);
  path.record.path_bytes = static_cast<__u32>(path.path.size() + 1);
  return path;
}

/** From /proc/PID/limits, in the order of the RLIMIT_ numbers: prlimit(2) asks for more privilege than ptrace does. */
void captureLimits(pid_t pid, Capture* capture) {
  constexpr size_t kNameColumns = 26;
  auto value = [](const std::string& word) {
    return word == "unlimited" ? static_cast<__u64>(RLIM_INFINITY) : strtoull(word.c_str(), nullptr, 10);
  };
  std::istringstream in(readProc(pid, "limits"));
  std::string line, soft, hard;
  std::getline(in, line);  // the heading
  while (std::getline(in, line) && line.size() > kNameColumns) {
    std::istringstream words(line.substr(kNameColumns));
    if (words >> soft >> hard) capture->rlimits.push_back({value(soft), value(hard)});
  }
  if (capture->rlimits.size() != RLIM_NLIMITS) throw ProcessError(kFailed, "cannot parse " + procPath(pid, "limits"));
}

void captureCreds(std::map<std::string, std::string>& status, Capture* capture) {
  std::vector<uint64_t> uid = numbers(status["Uid"], 10), gid = numbers(status["Gid"], 10);
  for (size_t i = 0; i < 4 && i < uid.size() && i < gid.size(); i++) {
    capture->creds.uid[i] = static_cast<__u32>(uid[i]);
    capture->creds.gid[i] = static_cast<__u32>(gid[i]);
  }
  auto caps = [&status](const char* name) { return strtoull(status[name].c_str(), nullptr, 16); };
  capture->creds.cap_inheritable = caps("CapInh");
  capture->creds.cap_permitted = caps("CapPrm");
  capture->creds.cap_effective = caps("CapEff");
  capture->creds.cap_bounding = caps("CapBnd");
  capture->creds.cap_ambient = caps("CapAmb");
  for (uint64_t group : numbers(status["Groups"], 10)) capture->groups.push_back(static_cast<__u32>(group));
  capture->creds.group_count = static_cast<__u32>(capture->groups.size());
}

}  // namespace

cr2_machine describeMachine() {
  cr2_machine machine = {};
  machine.page_bytes = CKPT_PAGE_BYTES;
  machine.task_count = 1;
  unsigned a, b, c, d;
  if (__get_cpuid(1, &a, &b, &c, &d)) {
    machine.cpuid[0] = c;
    machine.cpuid[1] = d;
    if (c & bit_OSXSAVE) machine.xfeatures = readXcr0();
  }
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
    machine.cpuid[2] = b;
    machine.cpuid[3] = c;
    machine.cpuid[4] = d;
  }
  if (__get_cpuid(0x80000001, &a, &b, &c, &d)) machine.cpuid[5] = c;
  if (machine.xfeatures && __get_cpuid_count(0xd, 0, &a, &b, &c, &d)) machine.xsave_bytes = b;
  machine.realtime_ns = clockNs(CLOCK_REALTIME);
  machine.monotonic_ns = clockNs(CLOCK_MONOTONIC);
  machine.boottime_ns = clockNs(CLOCK_BOOTTIME);
  std::string id;
  readWhole("/proc/sys/kernel/random/boot_id", &id);
  size_t at = 0;
  for (char digit : id) {
    if (!isxdigit(static_cast<unsigned char>(digit)) || at >= 32) continue;
    int value = isdigit(static_cast<unsigned char>(digit)) ? digit - '0' : (digit | 0x20) - 'a' + 10;
    machine.boot_id[at / 2] = static_cast<__u8>(machine.boot_id[at / 2] << 4 | value);
    at++;
  }
  utsname name;
  uname(&name);
  copyText(machine.kernel_release, name.release);
  copyText(machine.hostname, name.nodename);
  copyText(machine.writer, "ckpt-process 0.1.0");
  return machine;
}

void captureFromProc(pid_t pid, bool groupStopped, Capture* capture) {
  Stat stat(pid);
  std::map<std::string, std::string> status = readStatus(pid);
  std::string comm = firstLine(readProc(pid, "comm"));

  cr2_task& task = capture->task;
  task.pid = static_cast<__u32>(pid);
  task.parent_pid = static_cast<__u32>(stat.number(4));
  task.pgid = static_cast<__u32>(stat.signedNumber(5));
  task.sid = static_cast<__u32>(stat.signedNumber(6));
  task.thread_count = 1;
  task.state = groupStopped ? CKPT_STATE_STOPPED : CKPT_STATE_RUNNING;
  task.exit_signal = static_cast<__u32>(stat.signedNumber(38));
  task.personality = static_cast<__u32>(strtoul(readProc(pid, "personality").c_str(), nullptr, 16));
  task.umask = static_cast<__u32>(strtoul(status["Umask"].c_str(), nullptr, 8));
  task.no_new_privs = status["NoNewPrivs"] == "1";
  task.oom_score_adj = atoi(readProc(pid, "oom_score_adj").c_str());
  task.utime_ticks = stat.number(14);
  task.stime_ticks = stat.number(15);
  task.start_ticks = stat.number(22);
  task.clock_ticks_per_sec = static_cast<__u32>(sysconf(_SC_CLK_TCK));
  std::string slack;
  if (readWhole(procPath(pid, "timerslack_ns"), &slack)) task.timerslack_ns = strtoull(slack.c_str(), nullptr, 10);
  copyText(task.comm, comm);
  capture->minorFaults = stat.number(10);
  capture->majorFaults = stat.number(12);
  captureCreds(status, capture);

  captureLimits(pid, capture);

  capture->paths.push_back(readPath(pid, "exe", CKPT_PATH_EXE));
  capture->paths.push_back(readPath(pid, "cwd", CKPT_PATH_CWD));
  if (readProcLink(pid, "root") != "/") capture->paths.push_back(readPath(pid, "root", CKPT_PATH_ROOT));

  cr2_mm& mm = capture->mm;
  mm.start_code = stat.number(26);
  mm.end_code = stat.number(27);
  mm.start_stack = stat.number(28);
  mm.start_data = stat.number(45);
  mm.end_data = stat.number(46);
  mm.start_brk = stat.number(47);
  mm.arg_start = stat.number(48);
  mm.arg_end = stat.number(49);
  mm.env_start = stat.number(50);
  mm.env_end = stat.number(51);
  capture->auxv = readProc(pid, "auxv");
  mm.auxv_bytes = static_cast<__u32>(capture->auxv.size());

  cr2_thread& thread = capture->thread;
  thread.tid = static_cast<__u32>(pid);
  thread.sched_policy = static_cast<__u32>(stat.number(41));
  const int policy = sched_getscheduler(pid);  // shows what stat does not
  if (policy >= 0) thread.sched_policy |= static_cast<__u32>(policy) & SCHED_RESET_ON_FORK;
  thread.sched_priority = static_cast<__u32>(stat.number(40));
  thread.nice = static_cast<__s32>(stat.signedNumber(19));
  long priority = syscall(SYS_ioprio_get, 1 /* IOPRIO_WHO_PROCESS */, pid);
  thread.io_priority = priority < 0 ? 0 : static_cast<__u32>(priority);
  copyText(thread.comm, comm);
  if ((thread.sched_policy & ~static_cast<__u32>(SCHED_RESET_ON_FORK)) == 6)
    throw ProcessError(kCannot, "process " + std::to_string(pid) + " runs under SCHED_DEADLINE",
                       "change its policy with chrt first");
}

void captureVdso(const Tracee& tracee, const std::vector<Mapping>& mappings, Capture* capture) {
  cr2_vdso& vdso = capture->vdso;
  for (const Mapping& mapping : mappings) {
    const MapEntry& map = mapping.map;
    if (map.special("[vdso]")) {
      vdso.vdso_start = map.start;
      vdso.vdso_bytes = map.bytes();
    } else if (map.special("[vvar]")) {
      vdso.vvar_start = map.start;
      vdso.vvar_bytes = map.bytes();
    } else if (map.special("[vvar_vclock]")) {
      vdso.vvar_vclock_start = map.start;
      vdso.vvar_vclock_bytes = map.bytes();
    }
  }
  if (!vdso.vdso_start) return;

  // Reading a page of the vdso would make it resident, so what is not is taken from our own, if it is the same one.
  std::vector<uint8_t> image(vdso.vdso_bytes), page(kPageBytes);
  const uint8_t* own = reinterpret_cast<const uint8_t*>(getauxval(AT_SYSINFO_EHDR));
  bool same = false;
  for (const MapEntry& map : readMaps(getpid())) same |= map.special("[vdso]") && map.bytes() == vdso.vdso_bytes;
  Pagemap pagemap(tracee.pid());
  for (uint64_t offset = 0; same && offset < vdso.vdso_bytes; offset += kPageBytes)
    if (pagemap.entry(vdso.vdso_start + offset).present)
      same = tracee.tryReadMemory(vdso.vdso_start + offset, page.data(), kPageBytes) == kPageBytes &&
             memcmp(page.data(), own + offset, kPageBytes) == 0;
  if (same) memcpy(image.data(), own, image.size());
  else tracee.readMemory(vdso.vdso_start, image.data(), image.size());
  vdso.vdso_crc32c = crc32c(0, image.data(), image.size());
  std::vector<uint8_t> id = buildIdOfImage(image.data(), image.size());
  vdso.build_id_bytes = static_cast<__u32>(id.size());
  memcpy(vdso.build_id, id.data(), id.size());
  capture->vdsoImage = std::move(image);
}

}  // namespace ckpt
