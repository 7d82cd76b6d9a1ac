// SPDX-License-Identifier: Apache-2.0
//
// Version 2, second half: mappings with their pages, and the thread.

#include <cstring>

#include "process/image_reader.h"

namespace ckpt {
namespace {

// Bounds of what is kept in memory.
constexpr uint32_t kMappingsMax = 1 << 20;
constexpr uint32_t kAuxvBytesMax = 4096;
constexpr uint32_t kXsaveBytesMax = 1 << 16;
constexpr uint32_t kXsaveBytesMin = 576;

}  // namespace

void ImageReader::readMemory2() {
  const uint32_t pid = image_->task.pid;
  expect2(CKPT_REC_MM2, pid);
  cr2_mm& mm = image_->mm = in_.fixed<cr2_mm>();
  if (mm.auxv_bytes > kAuxvBytesMax || mm.auxv_bytes % 16 != 0)
    in_.invalid("auxiliary vector of " + std::to_string(mm.auxv_bytes) + " bytes");
  image_->auxv = in_.more(mm.auxv_bytes);
  in_.endPayload();
  if (mm.start_code > mm.end_code || mm.start_data > mm.end_data || mm.start_brk > mm.brk ||
      mm.arg_start > mm.arg_end || mm.env_start > mm.env_end) {
    in_.invalid("a section of the program ends before it starts");
  }
  if (mm.map_count > kMappingsMax) in_.invalid("too many mappings");

  expect2(CKPT_REC_VDSO, pid);
  const cr2_vdso& vdso = image_->vdso = in_.fixed<cr2_vdso>();
  in_.endPayload();
  if (vdso.build_id_bytes > sizeof vdso.build_id) in_.invalid("build id of the vdso is too long");
  const uint64_t ranges[3][2] = {{vdso.vdso_start, vdso.vdso_bytes},
                                 {vdso.vvar_start, vdso.vvar_bytes},
                                 {vdso.vvar_vclock_start, vdso.vvar_vclock_bytes}};
  for (const auto& range : ranges) {
    if ((range[0] | range[1]) % CKPT_PAGE_BYTES != 0 || range[0] >= kTaskSizeMax ||
        range[1] > kTaskSizeMax - range[0]) {
      in_.invalid("the vdso is unaligned or outside user space");
    }
  }
  sink_.layout(*image_);
  for (uint32_t i = 0; i < mm.map_count; i++) readMapping2();

  if (next2().type == CKPT_REC_LDT) {
    expect2(CKPT_REC_LDT, pid);
    const auto ldt = in_.fixed<cr2_ldt>();
    image_->places[CKPT_REC_LDT] = in_.place();
    if (ldt.count == 0 || ldt.count > CKPT_LDT_ENTRIES_MAX)
      in_.invalid("LDT of " + std::to_string(ldt.count) + " descriptors");
    image_->ldt = in_.more(ldt.count * 8);
    in_.endPayload();
  }
}

void ImageReader::readMapping2() {
  const uint32_t pid = image_->task.pid;
  expect2(CKPT_REC_VMA2, pid);
  ImageMapping mapping;
  cr2_vma& vma = mapping.fixed = in_.fixed<cr2_vma>();
  checkBounds(mapping);
  if (vma.kind < CKPT_VMA2_ANON || vma.kind > CKPT_VMA2_FILE_SHARED)
    in_.unsupported("unknown kind of mapping " + std::to_string(vma.kind));
  if (vma.prot > 7 || vma.may_prot > 7) in_.invalid("unknown protection bits");
  if (vma.build_id_bytes > sizeof vma.build_id) in_.invalid("build id of a mapped file is too long");
  if (mapping.hasFile() != (vma.path_bytes != 0))
    in_.invalid("an anonymous mapping with a path, or a file without one");
  if (vma.pgoff > (uint64_t{1} << 51) - ((vma.end - vma.start) / CKPT_PAGE_BYTES))
    in_.invalid("mapping beyond the largest file");
  if (vma.kind == CKPT_VMA2_FILE_SHARED && (vma.prot & 2)) in_.unsupported("a shared mapping that can be written");
  if (mapping.hasFile()) mapping.path = readAbsolutePath(vma.path_bytes);
  in_.endPayload();
  sink_.mapping(mapping);
  uint64_t above = vma.start;
  while (next2().type == CKPT_REC_PAGES) {
    expect2(CKPT_REC_PAGES, pid);
    if (vma.kind == CKPT_VMA2_FILE_SHARED) in_.invalid("pages of a shared mapping");
    readPages2(mapping, &above);
  }
  sink_.mappingEnd();
}

void ImageReader::readPages2(const ImageMapping& mapping, uint64_t* above) {
  const auto fixed = in_.fixed<cr2_pages>();
  if (fixed.count == 0 || fixed.count > CKPT_PAGES_PER_RECORD_MAX)
    in_.invalid(std::to_string(fixed.count) + " pages in one record");
  const uint64_t bytes = uint64_t{fixed.count} * (sizeof(uint64_t) + CKPT_PAGE_BYTES);
  if (in_.payloadLeft() != bytes) in_.invalid("length and count of pages disagree");
  if (pagesElsewhere_) {
    in_.passAbsent(bytes);
    pages_ += fixed.count;
  } else {
    readAddresses(mapping, fixed.count, above);
    passPages(fixed.count);
  }
  in_.payloadTaken(bytes);
}

void ImageReader::readThread2() {
  const uint32_t tid = next2().id;
  expect2(CKPT_REC_THREAD2, tid);
  image_->thread = in_.fixed<cr2_thread>();
  in_.endPayload();
  if (image_->thread.tid != tid || tid != image_->task.pid)
    in_.invalid("THREAD2's tid is not its id or not the task's");
  if (next2().type == CKPT_REC_SIGPENDING) {
    expect2(CKPT_REC_SIGPENDING, tid);
    image_->threadSignals = readSignals(1);
  }
  expect2(CKPT_REC_REGS, tid);
  image_->regs = in_.fixed<cr2_regs>();
  image_->places[CKPT_REC_REGS] = in_.place();
  in_.endPayload();

  expect2(CKPT_REC_XSTATE, tid);
  image_->xstate = in_.fixed<cr2_xstate>();
  image_->places[CKPT_REC_XSTATE] = in_.place();
  const uint32_t bytes = image_->xstate.area_bytes;
  if (bytes < kXsaveBytesMin || bytes > kXsaveBytesMax)
    in_.invalid("XSAVE area of " + std::to_string(bytes) + " bytes");
  image_->xsaveArea = in_.more(bytes);
  in_.endPayload();

  if (next2().type == CKPT_REC_TLS) {
    expect2(CKPT_REC_TLS, tid);
    const auto tls = in_.fixed<cr2_tls>();
    image_->places[CKPT_REC_TLS] = in_.place();
    if (tls.count != CKPT_TLS_ENTRIES) in_.invalid("TLS of " + std::to_string(tls.count) + " descriptors");
    const std::vector<uint8_t> raw = in_.more(sizeof image_->tls);
    std::memcpy(image_->tls.data(), raw.data(), raw.size());
    in_.endPayload();
    image_->tlsFirst = tls.first_entry;
    image_->hasTls = true;
  }
}

}  // namespace ckpt
