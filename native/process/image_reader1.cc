// SPDX-License-Identifier: Apache-2.0
//
// Version 1: the founding patch's image. Raw runs of bytes (pages, LDT, TLS) follow the record that counts them.

#include <algorithm>
#include <cstring>

#include "process/image_reader.h"

namespace ckpt {
namespace {

constexpr uint32_t kFirstTlsEntry = 12;      // GDT_ENTRY_TLS_MIN of x86-64
constexpr uint64_t kVdsoBytesMax = 1 << 16;  // no kernel's vdso is larger
constexpr uint64_t kFxsaveBytes = 512;
constexpr uint64_t kXsaveHeaderBytes = 64;
constexpr uint64_t kX87AndSse = 3;  // bits of the XSAVE header

}  // namespace

RecordHeader ImageReader::expect1(uint32_t type) {
  const RecordHeader header = in_.header1();
  if (header.type != type) in_.invalid("this record is out of order, " + recordName(type) + " was expected");
  const bool global = type == CKPT_REC_STR || type == CKPT_REC_TAIL;
  if (type != CKPT_REC_TASK && header.id != (global ? 0 : image_->task.pid))
    in_.invalid("the record's id is " + std::to_string(header.id));
  return header;
}

void ImageReader::read1() {
  const RecordHeader header = expect1(CKPT_REC_TASK);
  const auto task = in_.fixed<cr_task>();
  in_.endPayload();
  if (task.task_comm_len < 0 || task.task_comm_len > 16)
    in_.invalid("task_comm_len is " + std::to_string(task.task_comm_len));
  // The record has only the low 16 bits of the pid; the id of the records has all of them.
  image_->task.pid = header.id;
  image_->task.state = CKPT_STATE_RUNNING;
  std::memcpy(image_->task.comm, task.comm, sizeof image_->task.comm);
  std::memset(image_->task.comm + std::min<int>(task.task_comm_len, 15), 0, 16 - std::min<int>(task.task_comm_len, 15));

  expect1(CKPT_REC_MM);
  const auto mm = in_.fixed<cr_mm>();
  in_.endPayload();
  if (mm.start_code > mm.end_code || mm.start_data > mm.end_data || mm.map_count < 0) {
    in_.invalid("a section of the program ends before it starts, or a negative map_count");
  }
  cr2_mm& to = image_->mm;
  to.start_code = mm.start_code;
  to.end_code = mm.end_code;
  to.start_data = mm.start_data;
  to.end_data = mm.end_data;
  to.start_brk = mm.start_brk;
  to.brk = mm.brk;
  to.start_stack = mm.start_stack;
  to.arg_start = mm.arg_start;
  to.arg_end = mm.arg_end;
  to.env_start = mm.env_start;
  to.env_end = mm.env_end;
  to.map_count = static_cast<uint32_t>(mm.map_count);
  sink_.layout(*image_);
  for (int i = 0; i < mm.map_count; i++) readMapping1();

  expect1(CKPT_REC_MM_CONTEXT);
  const auto context = in_.fixed<cr_mm_context>();
  image_->places[CKPT_REC_LDT] = in_.place();
  in_.endPayload();
  if (context.ldt_entry_size != 8 || context.nldt < 0 || context.nldt > CKPT_LDT_ENTRIES_MAX)
    in_.invalid("wrong count or size of LDT descriptors");
  image_->ldt.resize(static_cast<size_t>(context.nldt) * 8);
  in_.read(image_->ldt.data(), image_->ldt.size());

  readThread1();
  readCpu1();
  expect1(CKPT_REC_TAIL);
  const auto tail = in_.fixed<cr_tail>();
  in_.endPayload();
  if (tail.magic != CKPT_TAIL_MAGIC) in_.invalid("wrong magic number of the tail");
  if (tail.cksum[0] != 1 || tail.cksum[1] != 1) in_.invalid("wrong checksum words in the tail");
}

std::string ImageReader::readString1(int bytes) {
  const RecordHeader header = expect1(CKPT_REC_STR);
  if (bytes > CKPT_STR_BYTES_MAX || header.len != static_cast<uint32_t>(bytes)) {
    in_.invalid("a pathname of " + std::to_string(header.len) + " bytes where " + std::to_string(bytes) +
                " were announced");
  }
  const std::string path = readAbsolutePath(header.len);
  in_.endPayload();
  return path;
}

void ImageReader::readMapping1() {
  expect1(CKPT_REC_VMA);
  const auto vma = in_.fixed<cr_vma>();
  in_.endPayload();
  ImageMapping mapping;
  mapping.checked = false;
  cr2_vma& to = mapping.fixed;
  to.start = vma.vm_start;
  to.end = vma.vm_end;
  checkBounds(mapping);
  if (vma.how != CKPT_VMA_ANON && vma.how != CKPT_VMA_FILE)
    in_.invalid("unknown kind of mapping " + std::to_string(vma.how));
  if (vma.npages < 0 || vma.namelen < 0) in_.invalid("a negative count of pages or of a name's bytes");
  if ((vma.how == CKPT_VMA_FILE) != (vma.namelen != 0))
    in_.invalid("an anonymous mapping with a path, or a file without one");
  if (vma.vm_flags & (CKPT_VM_SHARED | CKPT_VM_IO | CKPT_VM_HUGETLB)) {
    in_.unsupported("a shared writable, device or huge-page mapping", "version 1 does not carry such mappings");
  }
  const bool share = vma.vm_flags & CKPT_VM_MAYSHARE;
  const bool file = vma.how == CKPT_VMA_FILE;
  if (share && !file) in_.unsupported("shared anonymous memory", "version 1 does not carry such mappings");
  to.kind = !file ? CKPT_VMA2_ANON : share ? CKPT_VMA2_FILE_SHARED : CKPT_VMA2_FILE_PRIVATE;
  to.prot = static_cast<uint32_t>(vma.vm_flags & 7);  // VM_READ, WRITE and EXEC are the PROT_ bits
  if (share && (to.prot & 2)) in_.unsupported("a shared mapping that can be written");
  to.may_prot = static_cast<uint32_t>((vma.vm_flags >> 4) & 7);
  to.flags = (vma.vm_flags & CKPT_VM_GROWSDOWN ? CKPT_VMA2_F_GROWSDOWN : 0) |
             (vma.vm_flags & CKPT_VM_LOCKED ? CKPT_VMA2_F_LOCKED : 0);
  to.pgoff = file ? vma.vm_pgoff : 0;
  if (to.pgoff > (uint64_t{1} << 51) - (to.end - to.start) / CKPT_PAGE_BYTES)
    in_.invalid("mapping beyond the largest file");
  if (file) mapping.path = readString1(vma.namelen);

  const auto count = static_cast<uint32_t>(vma.npages);
  uint64_t above = to.start;
  readAddresses(mapping, count, &above);
  if (share && count > 0) in_.invalid("pages of a shared mapping");

  // The writer's vdso comes as an executable anonymous mapping that holds an ELF file.
  const uint64_t bytes = to.end - to.start;
  if (!file && (to.prot & 4) && !(to.prot & 2) && bytes <= kVdsoBytesMax &&
      count * uint64_t{CKPT_PAGE_BYTES} == bytes &&
      std::memcmp(in_.peek(CKPT_PAGE_BYTES, CKPT_PAGE_BYTES).data, "\177ELF", 4) == 0) {
    std::vector<uint8_t> contents(bytes);
    in_.read(contents.data(), bytes);
    sink_.vdso(to.start, contents);
    return;
  }
  sink_.mapping(mapping);
  passPages(count);
  sink_.mappingEnd();
}

void ImageReader::readThread1() {
  expect1(CKPT_REC_THREAD);
  const auto thread = in_.fixed<cr_thread>();
  image_->places[CKPT_REC_TLS] = in_.place();
  in_.endPayload();
  if (thread.gdt_entry_tls_entries != CKPT_TLS_ENTRIES || thread.sizeof_tls_array != sizeof image_->tls ||
      thread.ntls < 0 || thread.ntls > CKPT_TLS_ENTRIES) {
    in_.invalid("wrong counts of the TLS array");
  }
  in_.read(image_->tls.data(), sizeof image_->tls);
  image_->tlsFirst = kFirstTlsEntry;
  image_->hasTls = thread.ntls > 0;
}

void ImageReader::readCpu1() {
  expect1(CKPT_REC_CPU);
  const auto cpu = in_.fixed<cr_cpu>();
  image_->places[CKPT_REC_REGS] = image_->places[CKPT_REC_XSTATE] = in_.place();
  in_.endPayload();
  cr2_regs& regs = image_->regs;  // r8 to r15 and the bases of fs and gs stay zero
  regs.bx = cpu.bx;
  regs.cx = cpu.cx;
  regs.dx = cpu.dx;
  regs.si = cpu.si;
  regs.di = cpu.di;
  regs.bp = cpu.bp;
  regs.ax = cpu.ax;
  regs.ds = cpu.ds;
  regs.es = cpu.es;
  regs.orig_ax = cpu.orig_ax;
  regs.ip = cpu.ip;
  regs.cs = cpu.cs;
  regs.flags = cpu.flags;
  regs.sp = cpu.sp;
  regs.ss = cpu.ss;
  regs.fs = cpu.fs;
  regs.gs = cpu.gs;
  regs.debugreg0 = cpu.debugreg0;
  regs.debugreg1 = cpu.debugreg1;
  regs.debugreg2 = cpu.debugreg2;
  regs.debugreg3 = cpu.debugreg3;
  regs.debugreg6 = cpu.debugreg6;
  regs.debugreg7 = cpu.debugreg7;
  regs.uses_debug = cpu.uses_debug ? 1 : 0;
  image_->xsaveArea.assign(kFxsaveBytes + kXsaveHeaderBytes, 0);
  if (!cpu.used_math) return;  // all components in their initial state
  if (!cpu.has_fxsr) in_.unsupported("the floating-point state is not in FXSAVE format");
  std::memcpy(image_->xsaveArea.data(), cpu.fxsave, kFxsaveBytes);
  image_->xstate.xstate_bv = kX87AndSse;
  std::memcpy(image_->xsaveArea.data() + kFxsaveBytes, &kX87AndSse, sizeof kX87AndSse);
}

}  // namespace ckpt
