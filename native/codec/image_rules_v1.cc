// SPDX-License-Identifier: Apache-2.0
//
// The rules of version 1: HEAD TASK MM (VMA [STR] [addresses][contents])* MM_CONTEXT [ldt] THREAD [tls] CPU TAIL. Exact
// payload lengths; the checks of sys_restart as the specification lists them. HEAD is the same for version 2.
#include "codec/image_parser.h"

namespace ckpt {

namespace {

size_t payloadBytesOf(uint32_t type) {
  switch (type) {
    case CKPT_REC_HEAD:
      return sizeof(cr_head);
    case CKPT_REC_TASK:
      return sizeof(cr_task);
    case CKPT_REC_MM:
      return sizeof(cr_mm);
    case CKPT_REC_VMA:
      return sizeof(cr_vma);
    case CKPT_REC_MM_CONTEXT:
      return sizeof(cr_mm_context);
    case CKPT_REC_THREAD:
      return sizeof(cr_thread);
    case CKPT_REC_CPU:
      return sizeof(cr_cpu);
    case CKPT_REC_TAIL:
      return sizeof(cr_tail);
    default:
      return 0;
  }
}

}  // namespace

void ImageParser::headerV1() {
  const auto header = load<cr_hdr>(buffer_);
  if (totals_.records == 0) expectedType_ = CKPT_REC_HEAD;
  type_ = static_cast<uint16_t>(header.type);
  if (type_ != expectedType_) {
    fail("record type " + std::to_string(header.type) + " where " + recordLabelOf(expectedType_) + " belongs");
  }
  check(header.len >= 0, "its length is negative");
  payloadBytes_ = static_cast<uint64_t>(header.len);
  remaining_ = 0;
  if (type_ == CKPT_REC_STR) {
    check(payloadBytes_ >= 1 && payloadBytes_ <= CKPT_STR_BYTES_MAX, "a path is 1 to 4096 bytes long");
    check(payloadBytes_ == nameBytes_, "its length is not the VMA's namelen");
  } else if (payloadBytes_ != payloadBytesOf(type_)) {
    fail("payload of " + std::to_string(payloadBytes_) + " bytes, " + std::to_string(payloadBytesOf(type_)) +
         " expected");
  }
  fixedBytes_ = static_cast<size_t>(payloadBytes_);
}

void ImageParser::headPayload() {
  const auto head = load<cr_head>(buffer_ + headerBytes_);
  check(head.magic == CKPT_HEAD_MAGIC, "wrong magic: this is not a checkpoint image");
  if (head.version != 1 && head.version != 2) fail("unknown image version " + std::to_string(head.version));
  check((head.flags & ~static_cast<uint32_t>(CKPT_CTX_CKPT)) == 0, "unknown flags");
  totals_.formatVersion = head.version;
  expectedType_ = CKPT_REC_TASK;
  lastKnown_ = CKPT_REC_HEAD;
  emitRecord();
}

void ImageParser::payloadV1() {
  const uint8_t* const payload = buffer_ + headerBytes_;
  switch (type_) {
    case CKPT_REC_TASK: {
      const auto task = load<cr_task>(payload);
      check(task.task_comm_len >= 0 && task.task_comm_len <= 16, "task_comm_len is outside 0..16");
      expectedType_ = CKPT_REC_MM;
      break;
    }
    case CKPT_REC_MM: {
      const auto mm = load<cr_mm>(payload);
      check(mm.start_code <= mm.end_code, "start_code is above end_code");
      check(mm.start_data <= mm.end_data, "start_data is above end_data");
      check(mm.map_count >= 0, "map_count is negative");
      mapsLeft_ = static_cast<uint32_t>(mm.map_count);
      expectedType_ = mapsLeft_ ? CKPT_REC_VMA : CKPT_REC_MM_CONTEXT;
      break;
    }
    case CKPT_REC_VMA: {
      const auto vma = load<cr_vma>(payload);
      check(vma.vm_start % kPageBytes == 0 && vma.vm_end % kPageBytes == 0, "its bounds are not page-aligned");
      check(vma.vm_end >= vma.vm_start, "vm_end is below vm_start");
      check(vma.npages >= 0, "npages is negative");
      check(vma.namelen >= 0, "namelen is negative");
      check(vma.namelen <= CKPT_STR_BYTES_MAX, "namelen is above 4096");
      check(vma.how == CKPT_VMA_ANON || vma.how == CKPT_VMA_FILE, "`how` is neither ANON nor FILE");
      check(vma.how != CKPT_VMA_ANON || vma.namelen == 0, "an anonymous mapping has a name");
      check(vma.how != CKPT_VMA_FILE || vma.namelen > 0, "a file mapping has no name");
      check(static_cast<uint64_t>(vma.npages) <= (vma.vm_end - vma.vm_start) / kPageBytes,
            "npages is more than the mapping holds");
      mapsLeft_--;
      vmaAt_ = recordAt_;
      vmaStart_ = addressMin_ = vma.vm_start;
      vmaEnd_ = vma.vm_end;
      addressesDone_ = false;
      vmaPages_ = static_cast<uint32_t>(vma.npages);
      nameBytes_ = static_cast<uint32_t>(vma.namelen);
      break;
    }
    case CKPT_REC_STR:
      check(payload[fixedBytes_ - 1] == 0, "the path does not end in NUL");
      break;
    case CKPT_REC_MM_CONTEXT: {
      const auto context = load<cr_mm_context>(payload);
      check(context.nldt >= 0 && context.nldt <= CKPT_LDT_ENTRIES_MAX, "nldt is outside 0..8192");
      check(context.ldt_entry_size == 8, "ldt_entry_size is not 8");
      remaining_ = static_cast<uint64_t>(context.nldt) * 8;
      expectedType_ = CKPT_REC_THREAD;
      break;
    }
    case CKPT_REC_THREAD: {
      const auto thread = load<cr_thread>(payload);
      check(thread.gdt_entry_tls_entries == CKPT_TLS_ENTRIES, "gdt_entry_tls_entries is not 3");
      check(thread.sizeof_tls_array == CKPT_TLS_ENTRIES * 8, "sizeof_tls_array is not 24");
      check(thread.ntls >= 0 && thread.ntls <= CKPT_TLS_ENTRIES, "ntls is outside 0..3");
      remaining_ = CKPT_TLS_ENTRIES * 8;
      expectedType_ = CKPT_REC_CPU;
      break;
    }
    case CKPT_REC_CPU:
      expectedType_ = CKPT_REC_TAIL;
      break;
    case CKPT_REC_TAIL: {
      const auto tail = load<cr_tail>(payload);
      check(tail.magic == CKPT_TAIL_MAGIC, "wrong magic");
      check(tail.cksum[0] == 1 && tail.cksum[1] == 1, "the checksum words are not 1");
      break;
    }
  }
  emitRecord();
}

// After a VMA come its STR, then its pages, then the next VMA; the pages may be none.
void ImageParser::recordEndedV1() {
  if (type_ == CKPT_REC_VMA && nameBytes_) {
    expectedType_ = CKPT_REC_STR;
    wantHeader();
    return;
  }
  const bool mapping = type_ == CKPT_REC_VMA || type_ == CKPT_REC_STR;
  if (mapping) expectedType_ = mapsLeft_ ? CKPT_REC_VMA : CKPT_REC_MM_CONTEXT;
  if (mapping && vmaPages_) {
    // A bad address is the VMA's fault, not its STR's.
    type_ = CKPT_REC_VMA;
    recordAt_ = vmaAt_;
    beginAddresses(vmaPages_);
  } else {
    wantHeader();
  }
}

}  // namespace ckpt
