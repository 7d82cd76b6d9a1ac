// SPDX-License-Identifier: Apache-2.0
#include "process/restart_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <algorithm>
#include <cstring>

#include "process/elf_file.h"
#include "process/open_as_task.h"
#include "process/open_checked.h"

namespace ckpt {
namespace {

constexpr size_t kRunsPerCall = 512;
constexpr uint64_t kMapDroppable = 8;  // MAP_DROPPABLE, instead of MAP_PRIVATE

std::string rangeText(const ImageMapping& mapping) {
  char text[64];
  snprintf(text, sizeof text, "mapping %lx-%lx", static_cast<unsigned long>(mapping.fixed.start),
           static_cast<unsigned long>(mapping.fixed.end));
  return mapping.path.empty() ? text : std::string(text) + " of " + mapping.path;
}

uint64_t minimumAddress() {
  std::string text;
  return readWhole("/proc/sys/vm/mmap_min_addr", &text) ? strtoull(text.c_str(), nullptr, 10) : 65536;
}

}  // namespace

RestartMemory::RestartMemory(RestartChild* child, const TaskImage* image, const Status* status)
    : child_(*child),
      image_(*image),
      status_(*status),
      lowest_(std::max<uint64_t>(minimumAddress(), CKPT_PAGE_BYTES)) {}

int RestartMemory::openMapped(const ImageMapping& mapping) {
  if (lastFile_ && lastPath_ == mapping.path) return lastFile_.get();
  struct stat now;
  {
    const OpenAsTask identity(image_);
    lastFile_ = openChecked(mapping.path, O_RDONLY, mapping.checked ? mapping.fixed.file_mode : 0, &now);
  }
  lastPath_ = mapping.path;
  if (!mapping.checked || !S_ISREG(now.st_mode)) return lastFile_.get();
  const cr2_vma& vma = mapping.fixed;
  const std::string change = changeOf(now, vma.file_bytes, vma.mtime_sec, vma.mtime_nsec);
  if (change.empty()) return lastFile_.get();
  const std::vector<uint8_t> recorded(vma.build_id, vma.build_id + vma.build_id_bytes);
  if (!recorded.empty() && buildIdOfFile(lastFile_.get()) == recorded) return lastFile_.get();
  throw ProcessError(kCannot,
                     "the mapped file " + mapping.path + " is not what it was: " + change +
                         (recorded.empty() ? "" : " and its build id differs"),
                     "put the old file back; its unchanged pages are not in the image");
}

void RestartMemory::mapping(const ImageMapping& mapping) {
  now_ = mapping;
  opened_ = false;
  const cr2_vma& vma = mapping.fixed;
  if (vma.start < lowest_)
    throw ProcessError(kCannot, rangeText(mapping) + " is below vm.mmap_min_addr of this machine",
                       "a restart maps nothing there");
  child_.occupy(vma.start, vma.end);
  uint64_t flags = MAP_FIXED_NOREPLACE | (vma.kind == CKPT_VMA2_FILE_SHARED ? MAP_SHARED : MAP_PRIVATE);
  int fd = -1;
  if (mapping.hasFile()) fd = openMapped(mapping);
  else flags |= MAP_ANONYMOUS;
  if (vma.flags & CKPT_VMA2_F_GROWSDOWN) flags |= MAP_GROWSDOWN;
  if (vma.flags & CKPT_VMA2_F_NORESERVE) flags |= MAP_NORESERVE;
  const uint64_t offset = mapping.hasFile() ? vma.pgoff * CKPT_PAGE_BYTES : 0;
  const auto map = [&](uint64_t how) {
    return child_.tracee().call(SYS_mmap, vma.start, vma.end - vma.start, vma.prot, how,
                                static_cast<uint64_t>(static_cast<int64_t>(fd)), offset);
  };
  long at = vma.flags & CKPT_VMA2_F_DROPPABLE ? map((flags & ~uint64_t{MAP_PRIVATE}) | kMapDroppable) : map(flags);
  // A kernel before 6.11 has no such memory; plain memory serves, only that its pages may be swapped out.
  if (at < 0 && vma.flags & CKPT_VMA2_F_DROPPABLE) at = map(flags);
  if (at < 0) throw ProcessError::system(kCannot, "cannot make the " + rangeText(mapping), "", static_cast<int>(-at));
  if (static_cast<uint64_t>(at) != vma.start)
    throw ProcessError(kCannot, rangeText(mapping) + " does not come to its address");
  if (mapping.hasFile() && codePath_.empty() && image_.mm.start_code >= vma.start && image_.mm.start_code < vma.end)
    codePath_ = mapping.path;
  // Before its pages come, so that they are huge or small as they were told to be.
  if (vma.flags & CKPT_VMA2_F_HUGEPAGE)
    child_.tracee().call(SYS_madvise, vma.start, vma.end - vma.start, MADV_HUGEPAGE);
  if (vma.flags & CKPT_VMA2_F_NOHUGEPAGE)
    child_.tracee().call(SYS_madvise, vma.start, vma.end - vma.start, MADV_NOHUGEPAGE);
}

void RestartMemory::makeWritable() {
  if (opened_ || (now_.fixed.prot & PROT_WRITE)) return;
  child_.must("open the " + rangeText(now_) + " for its pages", SYS_mprotect, now_.fixed.start,
              now_.fixed.end - now_.fixed.start, PROT_READ | PROT_WRITE);
  opened_ = true;
}

void RestartMemory::pages(const uint64_t* addresses, size_t count, const uint8_t* contents) {
  makeWritable();
  iovec runs[kRunsPerCall];
  for (size_t done = 0; done < count;) {
    size_t used = 0, taken = 0;
    while (done + taken < count) {
      const uint64_t address = addresses[done + taken];
      if (used > 0 && reinterpret_cast<uint64_t>(runs[used - 1].iov_base) + runs[used - 1].iov_len == address) {
        runs[used - 1].iov_len += CKPT_PAGE_BYTES;
      } else if (used < kRunsPerCall) {
        runs[used++] = {reinterpret_cast<void*>(address), CKPT_PAGE_BYTES};
      } else {
        break;
      }
      taken++;
    }
    iovec local = {const_cast<uint8_t*>(contents) + done * CKPT_PAGE_BYTES, taken * CKPT_PAGE_BYTES};
    const ssize_t n = process_vm_writev(child_.pid(), &local, 1, runs, used, 0);
    if (n < 0 && errno == EINTR) continue;
    // Cut short (out of memory, a signal): whole pages count, the rest is tried again and then says why.
    if (n < static_cast<ssize_t>(CKPT_PAGE_BYTES))
      throw ProcessError::system(kCannot, "cannot fill the " + rangeText(now_), "is there enough memory?",
                                 n < 0 ? errno : ENOMEM);
    done += static_cast<size_t>(n) / CKPT_PAGE_BYTES;
  }
}

void RestartMemory::mappingEnd() {
  if (opened_)
    child_.must("protect the " + rangeText(now_), SYS_mprotect, now_.fixed.start, now_.fixed.end - now_.fixed.start,
                now_.fixed.prot);
  advise();
  lock();
}

void RestartMemory::advise() {
  static const struct {
    uint32_t flag;
    int advice;
    const char* name;
  } kAdvice[] = {
      {CKPT_VMA2_F_DONTFORK, MADV_DONTFORK, "MADV_DONTFORK"},
      {CKPT_VMA2_F_DONTDUMP, MADV_DONTDUMP, "MADV_DONTDUMP"},
      {CKPT_VMA2_F_WIPEONFORK, MADV_WIPEONFORK, "MADV_WIPEONFORK"},
      {CKPT_VMA2_F_MERGEABLE, MADV_MERGEABLE, "MADV_MERGEABLE"},
      {CKPT_VMA2_F_SEQUENTIAL, MADV_SEQUENTIAL, "MADV_SEQUENTIAL"},
      {CKPT_VMA2_F_RANDOM, MADV_RANDOM, "MADV_RANDOM"},
  };
  for (const auto& entry : kAdvice) {
    if (!(now_.fixed.flags & entry.flag)) continue;
    const long result = child_.tracee().call(SYS_madvise, now_.fixed.start, now_.fixed.end - now_.fixed.start,
                                             static_cast<uint64_t>(entry.advice));
    if (result < 0)
      status_.warning(rangeText(now_) + ": this kernel refuses " + entry.name + ": " +
                      strerror(static_cast<int>(-result)));
  }
}

void RestartMemory::lock() {
  if (!(now_.fixed.flags & (CKPT_VMA2_F_LOCKED | CKPT_VMA2_F_LOCKONFAULT))) return;
  const uint64_t flags = now_.fixed.flags & CKPT_VMA2_F_LOCKONFAULT ? MLOCK_ONFAULT : 0;
  const long result = child_.tracee().call(SYS_mlock2, now_.fixed.start, now_.fixed.end - now_.fixed.start, flags);
  // A mapping without access is marked as locked although its pages cannot be brought in.
  if (result < 0 && !(result == -ENOMEM && now_.fixed.prot == PROT_NONE))
    throw ProcessError::system(kCannot, "cannot lock the " + rangeText(now_) + " into memory", "raise RLIMIT_MEMLOCK",
                               static_cast<int>(-result));
}

}  // namespace ckpt
