// SPDX-License-Identifier: Apache-2.0
#include "process/restart_child.h"

#include <linux/sched.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>

#include "process/image_reader.h"
#include "process/wanted_pid.h"

namespace ckpt {
namespace {

constexpr uint64_t kLowest = 0x10000;  // at least mmap_min_addr on every distribution

/** A child in pause(2), all signals blocked. Returns its pid or -errno. */
pid_t spawn(pid_t wanted) {
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  const pid_t parent = getpid();
  // What we do not ignore has its default action then.
  const pid_t pid = cloneWithPid(wanted, CLONE_FILES | CLONE_CLEAR_SIGHAND);
  if (pid == 0) {
    // Only raw system calls from here: this is a copy of us whose memory is about to go.
    syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (syscall(SYS_getppid) != parent) syscall(SYS_exit_group, 127);
    for (;;) syscall(SYS_pause);
  }
  sigprocmask(SIG_SETMASK, &before, nullptr);
  return pid;
}

}  // namespace

RestartChild::RestartChild(pid_t wanted, bool insist, const Status& status)
    : tracee_(spawnWanted(wanted, insist, status, spawn)) {
  tracee_.waitAsleep();
  try {
    tracee_.seize(10000, PTRACE_O_EXITKILL);
  } catch (...) {
    tracee_.kill();
    throw;
  }
}

RestartChild::~RestartChild() {
  if (!released_) tracee_.kill();
}

long RestartChild::must(const std::string& what, long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
                        uint64_t e, uint64_t f) {
  const long result = tracee_.call(number, a, b, c, d, e, f);
  if (result < 0 && result > -4096)
    throw ProcessError::system(kCannot, "cannot " + what, "", static_cast<int>(-result));
  return result;
}

uint64_t RestartChild::put(const void* data, size_t bytes, size_t offset) {
  if (offset > kScratchBytes || bytes > kScratchBytes - offset)
    throw ProcessError(kFailed, "arguments larger than the scratch pages");
  tracee_.writeMemory(scratch_.start + offset, data, bytes);
  return scratch_.start + offset;
}

void RestartChild::strip() {
  kernel_ = KernelMappings::of(pid());
  if (kernel_.vdso.bytes == 0)
    throw ProcessError(kCannot, "this kernel gives processes no vdso", "start the kernel with vdso=1");
  syscallOffset_ = syscallOffset(ownVdso());
  Tracee::CallOptions options;
  options.syscallAddress = kernel_.vdso.start + syscallOffset_;
  options.wantScratch = false;
  tracee_.beginCalls(options);

  RseqConfiguration rseq;
  if (tracee_.rseq(&rseq) && rseq.address != 0) {
    constexpr uint64_t kUnregister = 1;
    must("unregister rseq", SYS_rseq, rseq.address, rseq.bytes, kUnregister, rseq.signature);
  }
  must("reset the robust list", SYS_set_robust_list, 0, 24);
  must("reset clear_child_tid", SYS_set_tid_address, 0);

  uint64_t from = 0;
  std::array<AddressRange, 3> keep = kernel_.all();
  std::sort(keep.begin(), keep.end(), [](const AddressRange& a, const AddressRange& b) { return a.start < b.start; });
  for (const AddressRange& range : keep) {
    if (range.bytes == 0) continue;
    if (range.start > from) must("unmap memory", SYS_munmap, from, range.start - from);
    from = range.end();
  }
  must("unmap memory", SYS_munmap, from, kTaskSizeMax - from);

  scratch_ = {gap(kScratchBytes, {}), kScratchBytes};
  must("map scratch pages", SYS_mmap, scratch_.start, scratch_.bytes, PROT_READ | PROT_WRITE,
       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, static_cast<uint64_t>(-1), 0);
}

bool RestartChild::occupied(const AddressRange& range) const {
  return std::any_of(occupied_.begin(), occupied_.end(), [&](const AddressRange& o) { return o.overlaps(range); });
}

/** The lowest place where nothing is, nor will be as far as is known. */
uint64_t RestartChild::gap(uint64_t bytes, const AddressRange& avoid) const {
  std::vector<AddressRange> taken = occupied_;
  taken.push_back(kernel_.span());
  taken.push_back(scratch_);
  taken.push_back(avoid);
  std::sort(taken.begin(), taken.end(), [](const AddressRange& a, const AddressRange& b) { return a.start < b.start; });
  uint64_t from = kLowest;
  for (const AddressRange& range : taken) {
    if (range.bytes == 0 || range.end() <= from) continue;
    if (range.start >= from && range.start - from >= bytes) break;
    from = range.end();
  }
  if (from + bytes > kTaskSizeMax)
    throw ProcessError(kCannot, "the image leaves no room in the address space to work in");
  return from;
}

void RestartChild::moveKernel(uint64_t vdsoStart) {
  const KernelMappings to = kernel_.at(vdsoStart);
  if (to.vdso.start == kernel_.vdso.start) return;
  const auto sources = kernel_.all(), targets = to.all();
  for (size_t i = 0; i < sources.size(); i++) {
    if (sources[i].bytes == 0) continue;
    must("move the vdso (sealed system mappings cannot be moved)", SYS_mremap, sources[i].start, sources[i].bytes,
         sources[i].bytes, MREMAP_MAYMOVE | MREMAP_FIXED, targets[i].start);
    // The vdso is the first of them: the calls that follow already run at its new place.
    if (i == 0) tracee_.setSyscallAddress(to.vdso.start + syscallOffset_);
  }
  kernel_ = to;
}

void RestartChild::placeKernel(uint64_t vdsoStart) {
  const KernelMappings to = kernel_.at(vdsoStart);
  const AddressRange target = to.span();
  if (target.start < kLowest || target.end() > kTaskSizeMax)
    throw ProcessError(kDamaged, "the vdso's place is outside user space");
  if (scratch_.overlaps(target)) {
    const uint64_t place = gap(scratch_.bytes, target);
    must("move scratch pages", SYS_mremap, scratch_.start, scratch_.bytes, scratch_.bytes,
         MREMAP_MAYMOVE | MREMAP_FIXED, place);
    scratch_.start = place;
  }
  for (const AddressRange& range : to.all())
    if (occupied(range))
      throw ProcessError(kCannot, "a mapping of the task lies where this kernel's vdso or vvar has to be");
  // Old and new place may overlap: over a third one.
  if (target.overlaps(kernel_.span()) && vdsoStart != kernel_.vdso.start) {
    const AddressRange span = kernel_.span();
    moveKernel(gap(span.bytes, target) + (kernel_.vdso.start - span.start));
  }
  moveKernel(vdsoStart);
  kernelPlaced_ = true;
  for (const AddressRange& range : kernel_.all())
    if (range.bytes != 0) occupied_.push_back(range);
  std::sort(occupied_.begin(), occupied_.end(),
            [](const AddressRange& a, const AddressRange& b) { return a.start < b.start; });
}

void RestartChild::occupy(uint64_t start, uint64_t end) {
  const AddressRange range = {start, end - start};
  if (scratch_.overlaps(range)) {
    const uint64_t place = gap(scratch_.bytes, range);
    must("move scratch pages", SYS_mremap, scratch_.start, scratch_.bytes, scratch_.bytes,
         MREMAP_MAYMOVE | MREMAP_FIXED, place);
    scratch_.start = place;
  }
  const AddressRange span = kernel_.span();
  if (!kernelPlaced_ && span.overlaps(range)) moveKernel(gap(span.bytes, range) + (kernel_.vdso.start - span.start));
  const auto after = std::upper_bound(occupied_.begin(), occupied_.end(), range,
                                      [](const AddressRange& a, const AddressRange& b) { return a.start < b.start; });
  if ((after != occupied_.end() && after->overlaps(range)) ||
      (after != occupied_.begin() && (after - 1)->overlaps(range)))
    throw ProcessError(kDamaged, "a mapping lies over the vdso");
  // Neighbours become one range: the list stays short for a heap in many pieces.
  if (after != occupied_.begin() && (after - 1)->end() == start) (after - 1)->bytes += range.bytes;
  else occupied_.insert(after, range);
}

void RestartChild::removeScratch() {
  must("unmap scratch pages", SYS_munmap, scratch_.start, scratch_.bytes);
  scratch_ = {};
  if (kernelPlaced_) return;
  for (const AddressRange& range : {kernel_.vvar, kernel_.vvarVclock, kernel_.vdso})
    if (range.bytes != 0) must("unmap the vdso", SYS_munmap, range.start, range.bytes);
}

void RestartChild::stopForJob() {
  // Now, with everything else blocked: a SIGSTOP sent at the end could come behind another pending signal, whose handler
  // would already be set up in the stopped task.
  const auto resume = [&](long signal) {
    if (ptrace(PTRACE_CONT, pid(), nullptr, reinterpret_cast<void*>(signal)) != 0)
      throw ProcessError::system(kFailed, "cannot stop the task");
    int how = 0;
    if (waitpid(pid(), &how, __WALL) != pid() || !WIFSTOPPED(how) || WSTOPSIG(how) != SIGSTOP)
      throw ProcessError(kFailed, "the task does not stop");
  };
  ::kill(pid(), SIGSTOP);
  resume(0);        // to the delivery of the signal
  resume(SIGSTOP);  // to the stop itself
}

}  // namespace ckpt
