// SPDX-License-Identifier: Apache-2.0
//
// Version 1, as the founding patch writes it. Its CPU record is the i386 one, so it carries few tasks of today.
#include <cpuid.h>

#include <algorithm>
#include <cstring>

#include "process/image_writer.h"
#include "process/protection_keys.h"

namespace ckpt {
namespace {

/** vm_page_prot of a private mapping on x86-64: accessed, user, present, no-execute. */
__u64 pageProtection(uint64_t vmFlags) {
  if (!(vmFlags & (kVmRead | kVmWrite | kVmExec))) return 0x120;
  return vmFlags & kVmExec ? 0x25 : 0x8000000000000025ull;
}

struct Piece {
  const Mapping* mapping;
  uint64_t start, end;
  std::vector<uint64_t> pages;
};

void privatePages(const Pagemap& pagemap, const Mapping& mapping, std::vector<uint64_t>* pages) {
  if (mapping.vdso())
    for (uint64_t page = mapping.map.start; page < mapping.map.end; page += kPageBytes) pages->push_back(page);
  else if (mapping.hasPages()) pagemap.privatePages(mapping.map.start, mapping.map.end, pages);
}

/** A mapping with more pages than an s16 counts becomes several neighbours; the kernel merges them again. */
std::vector<Piece> split(const Pagemap& pagemap, const std::vector<Mapping>& mappings) {
  std::vector<Piece> pieces;
  for (const Mapping& mapping : mappings) {
    if (mapping.ofKernel() && !mapping.vdso()) continue;
    std::vector<uint64_t> pages;
    privatePages(pagemap, mapping, &pages);
    uint64_t start = mapping.map.start;
    for (size_t first = 0;; first += CKPT_PAGES_PER_RECORD_MAX) {
      size_t count = std::min<size_t>(CKPT_PAGES_PER_RECORD_MAX, pages.size() - first);
      bool last = first + count == pages.size();
      uint64_t end = last ? mapping.map.end : pages[first + count];
      auto from = pages.begin() + static_cast<std::ptrdiff_t>(first);
      pieces.push_back({&mapping, start, end, std::vector<uint64_t>(from, from + static_cast<std::ptrdiff_t>(count))});
      start = end;
      if (last) break;
    }
  }
  return pieces;
}

void writePiece(const Tracee& tracee, const Capture& capture, const Piece& piece, __u32 id, RecordWriter* writer) {
  const Mapping& mapping = *piece.mapping;
  cr_vma vma = {};
  vma.how = mapping.ofFile() ? CKPT_VMA_FILE : CKPT_VMA_ANON;
  vma.vm_start = piece.start;
  vma.vm_end = piece.end;
  vma.vm_page_prot = pageProtection(mapping.vmFlags);
  vma.vm_flags = mapping.vmFlags;
  // Anonymous memory has the address as its offset in the kernel; the format wants what a mapping is made with.
  vma.vm_pgoff = mapping.ofFile() ? (mapping.map.offset + piece.start - mapping.map.start) / kPageBytes : 0;
  vma.npages = static_cast<__s16>(piece.pages.size());
  vma.namelen = mapping.ofFile() ? static_cast<__s16>(mapping.path.size() + 1) : static_cast<__s16>(0);
  writer->record(CKPT_REC_VMA, id, &vma, sizeof vma);
  if (mapping.ofFile()) writer->record(CKPT_REC_STR, 0, mapping.path.c_str(), mapping.path.size() + 1);
  writer->bytes(piece.pages.data(), piece.pages.size() * 8);
  if (mapping.vdso())  // not read from the task: that would make pages of it resident
    writer->bytes(capture.vdsoImage.data(), capture.vdsoImage.size());
  else writePageContents(tracee, piece.pages, 0, piece.pages.size(), mapping.vmFlags & kVmRead, writer);
  writer->countPages(piece.pages.size());
}

void writeTask(const Capture& capture, __u32 id, RecordWriter* writer) {
  const cr2_task& from = capture.task;
  uint64_t nsPerTick = 1000000000ull / from.clock_ticks_per_sec;
  cr_task task = {};
  task.state = from.state == CKPT_STATE_STOPPED ? 4 : 0;  // TASK_STOPPED, TASK_RUNNING
  task.exit_signal = from.exit_signal;
  task.pid = static_cast<__u16>(from.pid);
  task.tgid = static_cast<__u16>(from.pid);
  task.utime = task.utimescaled = task.prev_utime = from.utime_ticks * nsPerTick;
  task.stime = task.stimescaled = task.prev_stime = from.stime_ticks * nsPerTick;
  task.start_time_sec = task.real_start_time_sec = from.start_ticks / from.clock_ticks_per_sec;
  task.start_time_nsec = task.real_start_time_nsec = from.start_ticks % from.clock_ticks_per_sec * nsPerTick;
  task.min_flt = capture.minorFaults;
  task.maj_flt = capture.majorFaults;
  task.task_comm_len = sizeof task.comm;
  memcpy(task.comm, from.comm, sizeof task.comm);
  writer->record(CKPT_REC_TASK, id, &task, sizeof task);
}

void writeMm(const Capture& capture, size_t mapCount, __u32 id, RecordWriter* writer) {
  const cr2_mm& from = capture.mm;
  cr_mm mm = {};
  mm.tag = 1;
  mm.start_code = from.start_code;
  mm.end_code = from.end_code;
  mm.start_data = from.start_data;
  mm.end_data = from.end_data;
  mm.start_brk = from.start_brk;
  mm.brk = from.brk;
  mm.start_stack = from.start_stack;
  mm.arg_start = from.arg_start;
  mm.arg_end = from.arg_end;
  mm.env_start = from.env_start;
  mm.env_end = from.env_end;
  mm.map_count = static_cast<__s16>(mapCount);
  writer->record(CKPT_REC_MM, id, &mm, sizeof mm);
}

void writeCpu(const Capture& capture, __u32 id, RecordWriter* writer) {
  const cr2_regs& from = capture.regs;
  cr_cpu cpu = {};
  cpu.bx = from.bx;
  cpu.cx = from.cx;
  cpu.dx = from.dx;
  cpu.si = from.si;
  cpu.di = from.di;
  cpu.bp = from.bp;
  cpu.ax = from.ax;
  cpu.ds = from.ds;
  cpu.es = from.es;
  cpu.orig_ax = from.orig_ax;
  cpu.ip = from.ip;
  cpu.cs = from.cs;
  cpu.flags = from.flags;
  cpu.sp = from.sp;
  cpu.ss = from.ss;
  cpu.fs = from.fs;
  cpu.gs = from.gs;
  cpu.debugreg0 = from.debugreg0;
  cpu.debugreg1 = from.debugreg1;
  cpu.debugreg2 = from.debugreg2;
  cpu.debugreg3 = from.debugreg3;
  cpu.debugreg6 = from.debugreg6;
  cpu.debugreg7 = from.debugreg7;
  cpu.uses_debug = static_cast<__u8>(from.uses_debug);
  cpu.used_math = 1;
  cpu.has_fxsr = 1;
  // The last 48 bytes are the software's: ptrace puts the feature mask there, the kernel's own area has none.
  memcpy(cpu.fxsave, capture.xstate.data(), std::min<size_t>(464, capture.xstate.size()));
  writer->record(CKPT_REC_CPU, id, &cpu, sizeof cpu);
}

/**
 * Whether a component beyond x87, SSE and protection keys holds something. A processor may say that one is in use that is as it was at
 * the start, all zeros; an emulated one always says so.
 */
bool extendedState(const std::vector<uint8_t>& area, uint64_t used) {
  for (unsigned component = 2; component < 63; component++) {
    unsigned bytes = 0, offset = 0, c = 0, d = 0;
    if (!(used >> component & 1) || kXfeaturePkru == uint64_t{1} << component) continue;
    if (!__get_cpuid_count(0xd, component, &bytes, &offset, &c, &d) || offset > area.size()) continue;
    const auto from = area.begin() + offset;
    const auto end = from + static_cast<ptrdiff_t>(std::min<size_t>(bytes, area.size() - offset));
    if (std::any_of(from, end, [](uint8_t byte) { return byte != 0; })) return true;
  }
  return false;
}

}  // namespace

void refuseVersion1(const Capture& capture, const Status& status) {
  std::string lost;
  auto lose = [&lost](bool live, const char* what) {
    if (live) lost += (lost.empty() ? "" : ", ") + std::string(what);
  };
  const cr2_regs& r = capture.regs;
  uint64_t used = 0;
  if (capture.xstate.size() >= 520) memcpy(&used, capture.xstate.data() + 512, 8);
  const uint64_t r11 = capture.inSystemCall ? 0 : r.r11;
  lose(r.r8 | r.r9 | r.r10 | r11 | r.r12 | r.r13 | r.r14 | r.r15, "registers r8 to r15");
  lose(r.fs_base != 0, "the base of fs (thread-local storage)");
  lose(r.gs_base != 0, "the base of gs");
  lose(extendedState(capture.xstate, used), "AVX or other extended registers");
  lose(protectionKeyRights(capture.xstate) != kPkruDefault, "rights of protection keys");
  if (!lost.empty())
    throw ProcessError(kCannot,
                       "an image of version 1 would lose " + lost + " of process " + std::to_string(capture.task.pid),
                       "use --format 2");
  auto warn = [&status](bool live, const char* what) {
    if (live) status.warning(std::string("version 1 does not carry ") + what);
  };
  bool handlers = false, otherFiles = false;
  for (const SignalAction& action : capture.actions) handlers |= action.handler != 0 || action.flags != 0;
  for (const OpenFile& file : capture.files) otherFiles |= file.record.fd > 2;
  const auto armed = [](const __u64* timer) { return timer[2] != 0 || timer[3] != 0; };
  warn(handlers, "signal handlers and ignored signals");
  warn(capture.thread.sigmask != 0, "the mask of blocked signals");
  warn(!capture.sharedPending.empty() || !capture.threadPending.empty(), "pending signals");
  warn(!(capture.thread.altstack_flags & 2), "the alternate signal stack");
  warn(armed(capture.itimers.real) || armed(capture.itimers.virtual_) || armed(capture.itimers.prof),
       "interval timers");
  warn(!capture.timers.empty(), "POSIX timers");
  warn(capture.thread.rseq_addr != 0, "the rseq registration");
  warn(capture.thread.robust_list_addr != 0, "the robust futex list");
  warn(otherFiles, "open files beyond descriptors 0 to 2");
}

void writeImage1(const Tracee& tracee, const Pagemap& pagemap, const Capture& capture, RecordWriter* writer) {
  __u32 id = capture.task.pid;
  std::vector<Piece> pieces = split(pagemap, capture.mappings);
  if (pieces.size() > CKPT_V1_VMAS_MAX)
    throw ProcessError(kCannot, "process " + std::to_string(id) + " has more mappings than version 1 can count",
                       "use --format 2");
  writeHead(capture.machine, writer);
  writeTask(capture, id, writer);
  writeMm(capture, pieces.size(), id, writer);
  for (const Piece& piece : pieces) writePiece(tracee, capture, piece, id, writer);
  cr_mm_context context = {8, static_cast<__s16>(capture.ldt.size())};
  writer->record(CKPT_REC_MM_CONTEXT, id, &context, sizeof context);
  writer->bytes(capture.ldt.data(), capture.ldt.size() * 8);
  cr_thread thread = {CKPT_TLS_ENTRIES, CKPT_TLS_ENTRIES * 8, 0};
  for (__u64 entry : capture.tls) thread.ntls = static_cast<__s16>(thread.ntls + (entry != 0));
  writer->record(CKPT_REC_THREAD, id, &thread, sizeof thread);
  writer->bytes(capture.tls.data(), sizeof capture.tls);
  writeCpu(capture, id, writer);
  writer->finish();
}

}  // namespace ckpt
