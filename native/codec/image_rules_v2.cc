// SPDX-License-Identifier: Apache-2.0
//
// The rules of version 2: the order of format/image.mjs (`order`), struct and tail sizes that agree with `len`, enums in their
// range, the promised counts, and the tail's checksum. Unknown records pass through anywhere behind MACHINE.
#include "codec/image_parser.h"

namespace ckpt {

namespace {

/** Bytes of the struct a record starts with; nothing for a record that version 2 does not know. */
std::optional<size_t> structBytesOf(uint32_t type) {
  switch (type) {
    case CKPT_REC_MACHINE:
      return sizeof(cr2_machine);
    case CKPT_REC_TASK2:
      return sizeof(cr2_task);
    case CKPT_REC_CREDS:
      return sizeof(cr2_creds);
    case CKPT_REC_RLIMITS:
      return sizeof(cr2_rlimits);
    case CKPT_REC_PATH:
      return sizeof(cr2_path);
    case CKPT_REC_SIGACTIONS:
      return sizeof(cr2_sigactions);
    case CKPT_REC_SIGPENDING:
      return sizeof(cr2_sigpending);
    case CKPT_REC_ITIMERS:
      return sizeof(cr2_itimers);
    case CKPT_REC_POSIX_TIMER:
      return sizeof(cr2_posix_timer);
    case CKPT_REC_FILE:
      return sizeof(cr2_file);
    case CKPT_REC_MM2:
      return sizeof(cr2_mm);
    case CKPT_REC_VDSO:
      return sizeof(cr2_vdso);
    case CKPT_REC_VMA2:
      return sizeof(cr2_vma);
    case CKPT_REC_PAGES:
      return sizeof(cr2_pages);
    case CKPT_REC_LDT:
      return sizeof(cr2_ldt);
    case CKPT_REC_THREAD2:
      return sizeof(cr2_thread);
    case CKPT_REC_REGS:
      return sizeof(cr2_regs);
    case CKPT_REC_XSTATE:
      return sizeof(cr2_xstate);
    case CKPT_REC_TLS:
      return sizeof(cr2_tls);
    case CKPT_REC_TAIL2:
      return sizeof(cr2_tail);
    default:
      return std::nullopt;
  }
}

bool ofVersion1(uint32_t type) {
  switch (type) {
    case CKPT_REC_HEAD:
    case CKPT_REC_STR:
    case CKPT_REC_TASK:
    case CKPT_REC_THREAD:
    case CKPT_REC_CPU:
    case CKPT_REC_MM:
    case CKPT_REC_VMA:
    case CKPT_REC_MM_CONTEXT:
    case CKPT_REC_TAIL:
      return true;
    default:
      return false;
  }
}

}  // namespace

void ImageParser::headerV2() {
  const auto header = load<cr2_hdr>(buffer_);
  type_ = header.type;
  payloadBytes_ = header.len;
  const auto known = structBytesOf(type_);
  if (ofVersion1(type_)) fail("a record of version 1 inside an image of version 2");
  if (!known) {
    check(lastKnown_ != CKPT_REC_HEAD, "MACHINE (301) belongs here");
    fixedBytes_ = 0;
    return;
  }
  allowV2();
  if (payloadBytes_ < *known) {
    fail("payload of " + std::to_string(payloadBytes_) + " bytes, at least " + std::to_string(*known) + " expected");
  }
  fixedBytes_ = *known;
}

void ImageParser::allowV2() const {
  if (!followsV2(type_)) fail("it cannot stand after " + recordLabelOf(lastKnown_) + " here");
}

bool ImageParser::startsAfterThreadsV2(uint32_t type) const {
  if (threadsLeft_) return type == CKPT_REC_THREAD2;
  return type == (tasksLeft_ ? CKPT_REC_TASK2 : CKPT_REC_TAIL2);
}

bool ImageParser::startsAfterMapsV2(uint32_t type) const {
  if (mapsLeft_) return type == CKPT_REC_VMA2;
  return type == CKPT_REC_LDT || startsAfterThreadsV2(type);
}

// Whether a known record may follow the last known one, counts considered.
bool ImageParser::followsV2(uint32_t type) const {
  switch (lastKnown_) {
    case CKPT_REC_HEAD:
      return type == CKPT_REC_MACHINE;
    case CKPT_REC_MACHINE:
      return type == CKPT_REC_TASK2;
    case CKPT_REC_TASK2:
      return type == CKPT_REC_CREDS;
    case CKPT_REC_CREDS:
      return type == CKPT_REC_RLIMITS;
    case CKPT_REC_RLIMITS:
      return type == CKPT_REC_PATH;
    case CKPT_REC_PATH:
      if (pathKind_ == CKPT_PATH_EXE) return type == CKPT_REC_PATH;
      return type == CKPT_REC_SIGACTIONS || (pathKind_ == CKPT_PATH_CWD && type == CKPT_REC_PATH);
    case CKPT_REC_SIGACTIONS:
      return type == CKPT_REC_SIGPENDING;
    case CKPT_REC_SIGPENDING:
      return type == (inThread_ ? CKPT_REC_REGS : CKPT_REC_ITIMERS);
    case CKPT_REC_ITIMERS:
    case CKPT_REC_POSIX_TIMER:
      if (type == CKPT_REC_POSIX_TIMER) return true;
      return type == (filesLeft_ ? CKPT_REC_FILE : CKPT_REC_MM2);
    case CKPT_REC_FILE:
      return type == (filesLeft_ ? CKPT_REC_FILE : CKPT_REC_MM2);
    case CKPT_REC_MM2:
      return type == CKPT_REC_VDSO;
    case CKPT_REC_VDSO:
      return startsAfterMapsV2(type);
    case CKPT_REC_VMA2:
    case CKPT_REC_PAGES:
      return type == CKPT_REC_PAGES || startsAfterMapsV2(type);
    case CKPT_REC_LDT:
      return startsAfterThreadsV2(type);
    case CKPT_REC_THREAD2:
      return type == CKPT_REC_SIGPENDING || type == CKPT_REC_REGS;
    case CKPT_REC_REGS:
      return type == CKPT_REC_XSTATE;
    case CKPT_REC_XSTATE:
      return type == CKPT_REC_TLS || startsAfterThreadsV2(type);
    case CKPT_REC_TLS:
      return startsAfterThreadsV2(type);
    default:
      return false;
  }
}

// What follows the struct inside the payload has exactly the length that the struct says.
void ImageParser::tailLength(uint64_t expected) const {
  if (payloadBytes_ != fixedBytes_ + expected) {
    fail("payload of " + std::to_string(payloadBytes_) + " bytes, its fields say " +
         std::to_string(fixedBytes_ + expected));
  }
}

void ImageParser::payloadV2() {
  const uint8_t* const payload = buffer_ + headerBytes_;
  remaining_ = payloadBytes_ - fixedBytes_;
  if (!structBytesOf(type_)) {
    emitRecord();
    return;
  }
  switch (type_) {
    case CKPT_REC_MACHINE: {
      const auto machine = load<cr2_machine>(payload);
      tailLength(0);
      check(machine.page_bytes == kPageBytes, "page_bytes is not 4096");
      check(machine.task_count >= 1, "task_count is 0");
      tasksLeft_ = machine.task_count;
      break;
    }
    case CKPT_REC_TASK2:
      taskPayloadV2();
      break;
    case CKPT_REC_CREDS:
      tailLength(static_cast<uint64_t>(load<cr2_creds>(payload).group_count) * 4);
      break;
    case CKPT_REC_RLIMITS:
      tailLength(static_cast<uint64_t>(load<cr2_rlimits>(payload).count) * 16);
      break;
    case CKPT_REC_PATH: {
      const auto path = load<cr2_path>(payload);
      tailLength(path.path_bytes);
      check(path.path_bytes >= 1 && path.path_bytes <= CKPT_STR_BYTES_MAX, "a path is 1 to 4096 bytes long");
      check(path.kind >= CKPT_PATH_EXE && path.kind <= CKPT_PATH_ROOT, "unknown kind of path");
      const uint32_t expected = lastKnown_ == CKPT_REC_RLIMITS ? CKPT_PATH_EXE : pathKind_ + 1;
      check(path.kind == expected, "the paths are not in the order exe, cwd, root");
      pathKind_ = path.kind;
      endsInNul_ = true;
      break;
    }
    case CKPT_REC_SIGACTIONS: {
      const auto actions = load<cr2_sigactions>(payload);
      check(actions.count == 64, "count is not 64");
      tailLength(static_cast<uint64_t>(actions.count) * 32);
      break;
    }
    case CKPT_REC_SIGPENDING: {
      const auto pending = load<cr2_sigpending>(payload);
      check(pending.siginfo_bytes == 128, "siginfo_bytes is not 128");
      check(pending.of_thread == (inThread_ ? 1u : 0u), "of_thread does not agree with its place");
      tailLength(static_cast<uint64_t>(pending.count) * 128);
      break;
    }
    case CKPT_REC_FILE:
      filePayloadV2();
      break;
    case CKPT_REC_MM2: {
      const auto mm = load<cr2_mm>(payload);
      tailLength(mm.auxv_bytes);
      check(mm.start_code <= mm.end_code, "start_code is above end_code");
      check(mm.start_data <= mm.end_data, "start_data is above end_data");
      mapsLeft_ = mm.map_count;
      break;
    }
    case CKPT_REC_VDSO:
      tailLength(0);
      check(load<cr2_vdso>(payload).build_id_bytes <= 32, "build_id_bytes is above 32");
      break;
    case CKPT_REC_VMA2:
      vmaPayloadV2();
      break;
    case CKPT_REC_PAGES: {
      const auto pages = load<cr2_pages>(payload);
      check(vmaKind_ != CKPT_VMA2_FILE_SHARED, "a shared mapping of a file has pages");
      check(pages.count >= 1 && pages.count <= CKPT_PAGES_PER_RECORD_MAX, "count is outside 1..32767");
      tailLength(static_cast<uint64_t>(pages.count) * (8 + kPageBytes));
      remaining_ = 0;
      break;
    }
    case CKPT_REC_LDT: {
      const auto ldt = load<cr2_ldt>(payload);
      check(ldt.count >= 1 && ldt.count <= CKPT_LDT_ENTRIES_MAX, "count is outside 1..8192");
      tailLength(static_cast<uint64_t>(ldt.count) * 8);
      break;
    }
    case CKPT_REC_THREAD2:
      tailLength(0);
      threadsLeft_--;
      inThread_ = true;
      break;
    case CKPT_REC_XSTATE:
      tailLength(load<cr2_xstate>(payload).area_bytes);
      break;
    case CKPT_REC_TLS: {
      const auto tls = load<cr2_tls>(payload);
      check(tls.count == CKPT_TLS_ENTRIES, "count is not 3");
      tailLength(static_cast<uint64_t>(tls.count) * 8);
      break;
    }
    case CKPT_REC_TAIL2:
      tailPayloadV2();
      break;
    default:
      tailLength(0);
      break;
  }
  lastKnown_ = type_;
  emitRecord();
}

void ImageParser::taskPayloadV2() {
  const auto task = load<cr2_task>(buffer_ + headerBytes_);
  tailLength(0);
  check(task.thread_count >= 1, "thread_count is 0");
  check(task.state == CKPT_STATE_RUNNING || task.state == CKPT_STATE_STOPPED, "unknown state");
  tasksLeft_--;
  threadsLeft_ = task.thread_count;
  filesLeft_ = task.file_count;
  inThread_ = false;
}

void ImageParser::filePayloadV2() {
  const auto file = load<cr2_file>(buffer_ + headerBytes_);
  tailLength(file.path_bytes);
  check(file.kind >= CKPT_FILE_REGULAR && file.kind <= CKPT_FILE_STDIO, "unknown kind of file");
  check(file.fd >= 0, "fd is negative");
  check(file.same_as >= -1 && file.same_as < file.fd, "same_as is not a lower descriptor");
  check(file.path_bytes <= CKPT_STR_BYTES_MAX, "a path is at most 4096 bytes long");
  check(file.path_bytes >= 1 || file.kind == CKPT_FILE_STDIO, "a file to be opened by path has none");
  filesLeft_--;
  endsInNul_ = file.path_bytes > 0;
}

void ImageParser::vmaPayloadV2() {
  const auto vma = load<cr2_vma>(buffer_ + headerBytes_);
  tailLength(vma.path_bytes);
  check(vma.start % kPageBytes == 0 && vma.end % kPageBytes == 0, "its bounds are not page-aligned");
  check(vma.end >= vma.start, "its end is below its start");
  check(vma.kind >= CKPT_VMA2_ANON && vma.kind <= CKPT_VMA2_FILE_SHARED, "unknown kind of mapping");
  check(vma.kind != CKPT_VMA2_ANON || vma.path_bytes == 0, "an anonymous mapping has a path");
  check(vma.kind == CKPT_VMA2_ANON || vma.path_bytes >= 1, "a file mapping has no path");
  check(vma.path_bytes <= CKPT_STR_BYTES_MAX, "a path is at most 4096 bytes long");
  check(vma.build_id_bytes <= 32, "build_id_bytes is above 32");
  mapsLeft_--;
  vmaKind_ = vma.kind;
  vmaStart_ = addressMin_ = vma.start;
  vmaEnd_ = vma.end;
  addressesDone_ = false;
  endsInNul_ = vma.path_bytes > 0;
}

void ImageParser::tailPayloadV2() {
  const auto tail = load<cr2_tail>(buffer_ + headerBytes_);
  tailLength(0);
  check(tail.magic == CKPT_TAIL2_MAGIC, "wrong magic");
  check(tail.bytes == recordAt_, "its byte count is not the stream's");
  check(tail.pages == totals_.pages, "its page count is not the stream's");
  check(tail.records == totals_.records, "its record count is not the stream's");
  check(tail.crc32c == crcBefore_, "the checksum of the stream is wrong: bytes of the image were changed");
}

}  // namespace ckpt
