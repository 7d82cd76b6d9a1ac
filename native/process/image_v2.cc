// SPDX-License-Identifier: Apache-2.0
//
// The order is that of docs/format.md. Layout comes first, so that a reader knows early what is coming.
#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "process/image_writer.h"

namespace ckpt {
namespace {

/** Pages of one PAGES record: 16 MiB, well below what the format allows, so that readers see progress. */
constexpr size_t kPagesPerRecord = 4096;

__u32 protection(uint64_t read, uint64_t write, uint64_t exec) {
  return (read ? PROT_READ : 0) | (write ? PROT_WRITE : 0) | (exec ? PROT_EXEC : 0);
}

__u32 vmaFlags(const Mapping& mapping) {
  static const struct {
    uint64_t vm;
    __u32 flag;
  } kFlags[] = {
      {kVmGrowsDown, CKPT_VMA2_F_GROWSDOWN},     {kVmLocked, CKPT_VMA2_F_LOCKED},
      {kVmLockOnFault, CKPT_VMA2_F_LOCKONFAULT}, {kVmNoReserve, CKPT_VMA2_F_NORESERVE},
      {kVmDontCopy, CKPT_VMA2_F_DONTFORK},       {kVmDontDump, CKPT_VMA2_F_DONTDUMP},
      {kVmWipeOnFork, CKPT_VMA2_F_WIPEONFORK},   {kVmHugepage, CKPT_VMA2_F_HUGEPAGE},
      {kVmNoHugepage, CKPT_VMA2_F_NOHUGEPAGE},   {kVmMergeable, CKPT_VMA2_F_MERGEABLE},
      {kVmSeqRead, CKPT_VMA2_F_SEQUENTIAL},      {kVmRandRead, CKPT_VMA2_F_RANDOM},
      {kVmMayShare, CKPT_VMA2_F_MAYSHARE},
  };
  __u32 flags = 0;
  for (const auto& known : kFlags)
    if (mapping.vmFlags & known.vm) flags |= known.flag;
  if (mapping.droppable) flags |= CKPT_VMA2_F_DROPPABLE;
  if (mapping.map.special("[heap]")) flags |= CKPT_VMA2_F_HEAP;
  if (mapping.map.special("[stack]")) flags |= CKPT_VMA2_F_STACK;
  return flags;
}

void writeVma(const Mapping& mapping, __u32 id, RecordWriter* writer) {
  cr2_vma vma = {};
  vma.start = mapping.map.start;
  vma.end = mapping.map.end;
  vma.prot = protection(mapping.vmFlags & kVmRead, mapping.vmFlags & kVmWrite, mapping.vmFlags & kVmExec);
  vma.may_prot = protection(mapping.vmFlags & kVmMayRead, mapping.vmFlags & kVmMayWrite, mapping.vmFlags & kVmMayExec);
  vma.flags = vmaFlags(mapping);
  vma.kind = CKPT_VMA2_ANON;
  if (mapping.ofFile()) {
    vma.kind = mapping.map.shared ? CKPT_VMA2_FILE_SHARED : CKPT_VMA2_FILE_PRIVATE;
    vma.pgoff = mapping.map.offset / kPageBytes;
    vma.dev = mapping.file.st_dev;
    vma.ino = mapping.file.st_ino;
    vma.file_bytes = static_cast<__u64>(mapping.file.st_size);
    vma.mtime_sec = mapping.file.st_mtim.tv_sec;
    vma.mtime_nsec = static_cast<__u32>(mapping.file.st_mtim.tv_nsec);
    vma.file_mode = mapping.file.st_mode;
    vma.build_id_bytes = static_cast<__u32>(mapping.buildId.size());
    memcpy(vma.build_id, mapping.buildId.data(), mapping.buildId.size());
    vma.path_bytes = static_cast<__u32>(mapping.path.size() + 1);
  }
  writer->record(CKPT_REC_VMA2, id, &vma, sizeof vma, mapping.path.c_str(), vma.path_bytes);
}

void writeMemory(const Tracee& tracee, const Pagemap& pagemap, const Capture& capture, __u32 id, RecordWriter* writer) {
  std::vector<uint64_t> addresses;
  for (const Mapping& mapping : capture.mappings) {
    if (mapping.ofKernel()) continue;
    writeVma(mapping, id, writer);
    if (!mapping.hasPages()) continue;
    addresses.clear();
    pagemap.privatePages(mapping.map.start, mapping.map.end, &addresses);
    for (size_t first = 0; first < addresses.size(); first += kPagesPerRecord) {
      size_t count = std::min(kPagesPerRecord, addresses.size() - first);
      cr2_pages pages = {};
      pages.count = static_cast<__u32>(count);
      writer->open(CKPT_REC_PAGES, id, &pages, sizeof pages, count * (8 + kPageBytes));
      writer->bytes(addresses.data() + first, count * 8);
      writePageContents(tracee, addresses, first, count, mapping.vmFlags & kVmRead, writer);
      writer->countPages(count);
    }
  }
}

void writePending(const std::vector<siginfo_t>& signals, __u32 ofThread, __u32 id, RecordWriter* writer) {
  cr2_sigpending pending = {};
  pending.count = static_cast<__u32>(signals.size());
  pending.siginfo_bytes = sizeof(siginfo_t);
  pending.of_thread = ofThread;
  writer->record(CKPT_REC_SIGPENDING, id, &pending, sizeof pending, signals.data(), signals.size() * sizeof(siginfo_t));
}

void writeThread(const Capture& capture, RecordWriter* writer) {
  __u32 tid = capture.thread.tid;
  writer->record(CKPT_REC_THREAD2, tid, &capture.thread, sizeof capture.thread);
  if (!capture.threadPending.empty()) writePending(capture.threadPending, 1, tid, writer);
  writer->record(CKPT_REC_REGS, tid, &capture.regs, sizeof capture.regs);
  cr2_xstate xstate = {};
  xstate.xfeatures = capture.machine.xfeatures;
  if (capture.xstate.size() >= 520) memcpy(&xstate.xstate_bv, capture.xstate.data() + 512, 8);
  xstate.area_bytes = static_cast<__u32>(capture.xstate.size());
  writer->record(CKPT_REC_XSTATE, tid, &xstate, sizeof xstate, capture.xstate.data(), capture.xstate.size());
  if (capture.hasTls) {
    cr2_tls tls = {CKPT_TLS_ENTRIES, 12};
    writer->record(CKPT_REC_TLS, tid, &tls, sizeof tls, capture.tls.data(), sizeof capture.tls);
  }
}

}  // namespace

void writeHead(const cr2_machine& machine, RecordWriter* writer) {
  unsigned kernel[3] = {};
  sscanf(machine.kernel_release, "%u.%u.%u", &kernel[0], &kernel[1], &kernel[2]);
  writer->head(kernel, static_cast<uint64_t>(machine.realtime_ns / 1000000000));
}

void writeImage2(const Tracee& tracee, const Pagemap& pagemap, const Capture& capture, RecordWriter* writer) {
  writeHead(capture.machine, writer);
  writer->record(CKPT_REC_MACHINE, 0, &capture.machine, sizeof capture.machine);

  __u32 pid = capture.task.pid;
  cr2_task task = capture.task;
  task.file_count = static_cast<__u32>(capture.files.size());
  writer->record(CKPT_REC_TASK2, pid, &task, sizeof task);
  writer->record(CKPT_REC_CREDS, pid, &capture.creds, sizeof capture.creds, capture.groups.data(),
                 capture.groups.size() * 4);
  cr2_rlimits rlimits = {static_cast<__u32>(capture.rlimits.size()), 0};
  writer->record(CKPT_REC_RLIMITS, pid, &rlimits, sizeof rlimits, capture.rlimits.data(), capture.rlimits.size() * 16);
  for (const PathRecord& path : capture.paths)
    writer->record(CKPT_REC_PATH, pid, &path.record, sizeof path.record, path.path.c_str(), path.record.path_bytes);
  cr2_sigactions actions = {static_cast<__u32>(capture.actions.size()), 0};
  writer->record(CKPT_REC_SIGACTIONS, pid, &actions, sizeof actions, capture.actions.data(),
                 capture.actions.size() * sizeof(SignalAction));
  writePending(capture.sharedPending, 0, pid, writer);
  writer->record(CKPT_REC_ITIMERS, pid, &capture.itimers, sizeof capture.itimers);
  for (const cr2_posix_timer& timer : capture.timers) writer->record(CKPT_REC_POSIX_TIMER, pid, &timer, sizeof timer);
  for (const OpenFile& file : capture.files)
    writer->record(CKPT_REC_FILE, pid, &file.record, sizeof file.record, file.path.c_str(), file.record.path_bytes);

  cr2_mm mm = capture.mm;
  mm.map_count = static_cast<__u32>(std::count_if(capture.mappings.begin(), capture.mappings.end(),
                                                  [](const Mapping& mapping) { return !mapping.ofKernel(); }));
  writer->record(CKPT_REC_MM2, pid, &mm, sizeof mm, capture.auxv.data(), capture.auxv.size());
  writer->record(CKPT_REC_VDSO, pid, &capture.vdso, sizeof capture.vdso);
  writeMemory(tracee, pagemap, capture, pid, writer);
  if (!capture.ldt.empty()) {
    cr2_ldt ldt = {static_cast<__u32>(capture.ldt.size()), 0};
    writer->record(CKPT_REC_LDT, pid, &ldt, sizeof ldt, capture.ldt.data(), capture.ldt.size() * 8);
  }
  writeThread(capture, writer);
  writer->finish();
}

}  // namespace ckpt
