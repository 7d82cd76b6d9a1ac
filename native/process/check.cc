// SPDX-License-Identifier: Apache-2.0
//
// ckpt-process check: what works on this machine, tried out on a child of our own, as one JSON object on standard
// output: {"name": {"ok": bool, "detail": text, "hint": text}, ...}. `ckpt doctor` shows it to people.
#include <fcntl.h>
#include <linux/sched.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <functional>

#include "process/capture.h"
#include "process/commands.h"
#include "process/elf_file.h"
#include "process/kernel_calls.h"
#include "process/pagemap.h"
#include "process/remote.h"

namespace ckpt {
namespace {

class Findings {
 public:
  void add(const char* name, bool ok, const std::string& detail, const std::string& hint = "") {
    all_.raw(name, JsonObject().boolean("ok", ok).text("detail", detail).text("hint", ok ? "" : hint).str());
  }
  void attempt(const char* name, const std::string& hint, const std::function<std::string()>& work) {
    try {
      add(name, true, work());
    } catch (const std::exception& error) {
      add(name, false, error.what(), hint);
    }
  }
  std::string str() const { return all_.str(); }

 private:
  JsonObject all_;
};

/** A child that waits to be looked at, and ends with us. */
class Specimen {
 public:
  Specimen() {
    pid_ = fork();
    if (pid_ == 0)
      for (;;) pause();
  }
  ~Specimen() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

volatile uint64_t probe = 0x636b7074;

std::string hex(uint64_t value) {
  char text[24];
  snprintf(text, sizeof text, "0x%lx", static_cast<unsigned long>(value));
  return text;
}

std::string tryPtrace(Tracee* tracee) {
  tracee->seize();
  tracee->beginCalls();
  long pid = tracee->call(SYS_getpid);
  tracee->endCalls();
  if (pid != tracee->pid()) throw ProcessError(kCannot, "a system call in another process gave " + std::to_string(pid));
  return "seized a child and ran getpid in it";
}

std::string tryMemory(const Tracee& tracee) {
  uint64_t value = 0;
  tracee.readMemory(reinterpret_cast<uint64_t>(&probe), &value, sizeof value);
  if (value != probe) throw ProcessError(kCannot, "read something else than what is there");
  return "read through /proc/PID/mem";
}

std::string tryVmRead(pid_t pid) {
  uint64_t value = 0;
  iovec local = {&value, sizeof value}, remote = {const_cast<uint64_t*>(&probe), sizeof probe};
  if (process_vm_readv(pid, &local, 1, &remote, 1, 0) != sizeof value || value != probe)
    throw ProcessError::system(kCannot, "process_vm_readv");
  return "read 8 bytes of a child";
}

std::string tryPagemap(pid_t pid) {
  Pagemap pagemap(pid);
  std::vector<uint64_t> pages;
  uint64_t page = reinterpret_cast<uint64_t>(&probe) & ~(kPageBytes - 1);
  pagemap.privatePages(page, page + kPageBytes, &pages);
  if (pages.size() != 1) throw ProcessError(kCannot, "a written page is not shown as private");
  return pagemap.hasScan() ? "with PAGEMAP_SCAN"
                           : "without PAGEMAP_SCAN (Linux 6.7): slower, and zero pages are written out";
}

std::string tryUserfaultfd() {
  Fd fd(static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK)));
  std::string how = "with kernel faults";
  if (!fd) {
    fd = Fd(static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | 1 /* UFFD_USER_MODE_ONLY */)));
    how = "user-mode faults only";
  }
  if (!fd) throw ProcessError::system(kCannot, "userfaultfd");
  uffdio_api api = {};
  api.api = UFFD_API;
  if (ioctl(fd.get(), UFFDIO_API, &api) != 0) throw ProcessError::system(kCannot, "UFFDIO_API");
  return how + ", features " + hex(api.features);
}

/** Asks for the pid of a child that has just ended: free, unless somebody took it at this moment. */
std::string trySetTid() {
  pid_t wanted = fork();
  if (wanted == 0) _exit(0);
  waitpid(wanted, nullptr, 0);
  clone_args args = {};
  args.exit_signal = SIGCHLD;
  args.set_tid = reinterpret_cast<__u64>(&wanted);
  args.set_tid_size = 1;
  long pid = syscall(SYS_clone3, &args, sizeof args);
  if (pid == 0) _exit(0);
  if (pid < 0) throw ProcessError::system(kCannot, "clone3 with set_tid");
  waitpid(static_cast<pid_t>(pid), nullptr, 0);
  if (pid != wanted) throw ProcessError(kCannot, "clone3 with set_tid gave another pid");
  return "a chosen pid can be taken";
}

std::string tryVdso() {
  std::string where;
  for (const MapEntry& map : readMaps(getpid()))
    if (map.special("[vdso]") || map.path.compare(0, 5, "[vvar") == 0)
      where += (where.empty() ? "" : ", ") + map.path + " " + std::to_string(map.bytes()) + " bytes";
  if (!getauxval(AT_SYSINFO_EHDR)) throw ProcessError(kCannot, "this kernel gives no vdso");
  return where;
}

}  // namespace

int runCheck(int argc, char** argv) {
  if (argc != 1) {
    fprintf(stderr, "ckpt-process: check takes no arguments: %s\n", argv[1]);
    return kUsage;
  }
  const std::string asRoot = "run as root, or give CAP_SYS_PTRACE and CAP_CHECKPOINT_RESTORE";
  Findings findings;
  Specimen specimen;
  {
    Tracee tracee(specimen.pid());
    findings.attempt("ptrace", "see kernel.yama.ptrace_scope and the container's seccomp profile; " + asRoot,
                     [&] { return tryPtrace(&tracee); });
    findings.attempt("procMem", asRoot, [&] { return tryMemory(tracee); });
    findings.attempt("processVmReadv", asRoot, [&] { return tryVmRead(specimen.pid()); });
    findings.attempt("pagemap", asRoot, [&] { return tryPagemap(specimen.pid()); });
    findings.attempt("rseqConfiguration", "needs Linux 5.13 with CONFIG_RSEQ and CONFIG_CHECKPOINT_RESTORE", [&] {
      RseqConfiguration rseq;
      if (!tracee.rseq(&rseq)) throw ProcessError::system(kCannot, "PTRACE_GET_RSEQ_CONFIGURATION");
      return "rseq area of " + std::to_string(rseq.bytes) + " bytes";
    });
    findings.attempt("xstate", "needs a processor with XSAVE", [&] {
      size_t bytes = tracee.xstate().size();
      return std::to_string(bytes) + " bytes, XCR0 " + hex(describeMachine().xfeatures);
    });
  }
  findings.attempt("userfaultfd", "set vm.unprivileged_userfaultfd=1, or run as root: restart --lazy needs it",
                   tryUserfaultfd);
  findings.attempt("setTid", "restart takes a new pid; " + asRoot, trySetTid);
  findings.attempt("vdso", "the kernel was started with vdso=0", tryVdso);
  findings.add("kcmp", syscall(SYS_kcmp, getpid(), getpid(), 0, 0, 0) == 0, "shared open files are told apart",
               "needs CONFIG_KCMP: shared file offsets are not recognised");
  const KernelCalls calls = probeKernelCalls();
  findings.add("via", true,
               calls.present && calls.allowed ? "kernel: save and restart go through sys_checkpoint and sys_restart"
               : calls.present ? "user: sys_checkpoint and sys_restart are there, but need CAP_SYS_ADMIN (run as root)"
                               : "user: this kernel has no sys_checkpoint and sys_restart; their twins do the work");
  std::string scope;
  if (!readWhole("/proc/sys/kernel/yama/ptrace_scope", &scope)) scope = "absent\n";
  scope = scope.substr(0, scope.find('\n'));
  findings.add("yamaPtraceScope", scope == "absent" || scope == "0" || (scope != "3" && geteuid() == 0), scope,
               "sysctl kernel.yama.ptrace_scope=0, or run as root");
  utsname name;
  uname(&name);
  findings.add("kernel", true, std::string(name.release) + " " + name.machine);
  printf("%s\n", findings.str().c_str());
  return kDone;
}

}  // namespace ckpt
