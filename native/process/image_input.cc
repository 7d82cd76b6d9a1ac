// SPDX-License-Identifier: Apache-2.0

#include "process/image_input.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "ckpt_image.h"
#include "codec/crc32c.h"

namespace ckpt {

std::string recordName(uint32_t type) {
  static const struct {
    uint32_t type;
    const char* name;
  } kNames[] = {
      {CKPT_REC_HEAD, "HEAD"},
      {CKPT_REC_STR, "STR"},
      {CKPT_REC_TASK, "TASK"},
      {CKPT_REC_THREAD, "THREAD"},
      {CKPT_REC_CPU, "CPU"},
      {CKPT_REC_MM, "MM"},
      {CKPT_REC_VMA, "VMA"},
      {CKPT_REC_MM_CONTEXT, "MM_CONTEXT"},
      {CKPT_REC_TAIL, "TAIL"},
      {CKPT_REC_MACHINE, "MACHINE"},
      {CKPT_REC_TASK2, "TASK2"},
      {CKPT_REC_CREDS, "CREDS"},
      {CKPT_REC_RLIMITS, "RLIMITS"},
      {CKPT_REC_PATH, "PATH"},
      {CKPT_REC_SIGACTIONS, "SIGACTIONS"},
      {CKPT_REC_SIGPENDING, "SIGPENDING"},
      {CKPT_REC_ITIMERS, "ITIMERS"},
      {CKPT_REC_POSIX_TIMER, "POSIX_TIMER"},
      {CKPT_REC_FILE, "FILE"},
      {CKPT_REC_MM2, "MM2"},
      {CKPT_REC_VDSO, "VDSO"},
      {CKPT_REC_VMA2, "VMA2"},
      {CKPT_REC_PAGES, "PAGES"},
      {CKPT_REC_LDT, "LDT"},
      {CKPT_REC_THREAD2, "THREAD2"},
      {CKPT_REC_REGS, "REGS"},
      {CKPT_REC_XSTATE, "XSTATE"},
      {CKPT_REC_TLS, "TLS"},
      {CKPT_REC_TAIL2, "TAIL2"},
  };
  for (const auto& entry : kNames) {
    if (entry.type == type) return std::string(entry.name) + " (" + std::to_string(type) + ")";
  }
  return std::to_string(type);
}

ImageInput::ImageInput(const uint8_t* data, size_t bytes) : fd_(-1), buffer_(data), to_(bytes) {}

ImageInput::ImageInput(int fd) : fd_(fd), owned_(new uint8_t[kBufferBytes]), buffer_(owned_.get()) {
  // A pipe's default 64 KiB halves its speed. Not allowed or not a pipe: it works as it is.
  fcntl(fd, F_SETPIPE_SZ, static_cast<int>(kBufferBytes));
}

bool ImageInput::fill(size_t atLeast) {
  if (to_ - from_ >= atLeast) return true;
  if (!owned_) return false;
  if (kBufferBytes - from_ < atLeast || from_ == to_) {
    std::memmove(owned_.get(), owned_.get() + from_, to_ - from_);
    to_ -= from_;
    from_ = 0;
  }
  while (to_ - from_ < atLeast) {
    const ssize_t n = ::read(fd_, owned_.get() + to_, kBufferBytes - to_);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      throw RestartError(kFailed, std::string("cannot read the image: ") + std::strerror(errno), "", place());
    }
    if (n == 0) return false;
    to_ += static_cast<size_t>(n);
  }
  return true;
}

void ImageInput::truncated() const {
  const uint64_t end = offset_ + (to_ - from_);
  std::string text = end == 0 ? "the image is empty" : "the image ends before its tail";
  throw RestartError(kDamaged, text, "it was cut off; nothing was restarted",
                     ImagePlace{end, records_ == 0 ? "" : recordName(current_.type)});
}

void ImageInput::read(void* to, size_t bytes) {
  auto* out = static_cast<uint8_t*>(to);
  while (bytes > 0) {
    const size_t part = std::min(bytes, kBufferBytes / 2);
    const Chunk chunk = peek(part, part);
    std::memcpy(out, chunk.data, part);
    take(part);
    out += part;
    bytes -= part;
  }
}

void ImageInput::skip(uint64_t bytes) {
  while (bytes > 0) {
    const Chunk chunk = peek(1, static_cast<size_t>(std::min<uint64_t>(bytes, kBufferBytes)));
    take(chunk.bytes);
    bytes -= chunk.bytes;
  }
}

ImageInput::Chunk ImageInput::peek(size_t atLeast, size_t atMost) {
  if (!fill(atLeast)) truncated();
  return {buffer_ + from_, std::min(atMost, to_ - from_)};
}

void ImageInput::take(size_t bytes) {
  crc_ = crc32c(crc_, buffer_ + from_, bytes);
  from_ += bytes;
  offset_ += bytes;
}

void ImageInput::begin(const RecordHeader& header) {
  current_ = header;
  payloadLeft_ = header.len;
  ++records_;
}

RecordHeader ImageInput::header1() {
  cr_hdr raw;
  RecordHeader header;
  header.offset = offset_;
  crcBeforeRecord_ = crc_;
  read(&raw, sizeof raw);
  header.type = static_cast<uint16_t>(raw.type);
  header.id = raw.id;
  header.len = raw.len < 0 ? 0 : static_cast<uint32_t>(raw.len);
  begin(header);
  if (raw.len < 0) invalid("negative payload length " + std::to_string(raw.len));
  return header;
}

RecordHeader ImageInput::header2() {
  cr2_hdr raw;
  RecordHeader header;
  header.offset = offset_;
  crcBeforeRecord_ = crc_;
  read(&raw, sizeof raw);
  header.type = raw.type;
  header.flags = raw.flags;
  header.len = raw.len;
  header.id = raw.id;
  begin(header);
  return header;
}

void ImageInput::needPayload(size_t bytes) const {
  if (payloadLeft_ < bytes) {
    invalid("payload of " + std::to_string(current_.len) + " bytes is too short, " +
            std::to_string(current_.len - payloadLeft_ + bytes) + " are needed");
  }
}

std::vector<uint8_t> ImageInput::more(size_t bytes) {
  needPayload(bytes);
  // Grown as the bytes arrive: a promised length alone allocates nothing.
  std::vector<uint8_t> out;
  while (out.size() < bytes) {
    const Chunk chunk = peek(1, std::min(bytes - out.size(), kBufferBytes));
    out.insert(out.end(), chunk.data, chunk.data + chunk.bytes);
    take(chunk.bytes);
  }
  payloadLeft_ -= bytes;
  return out;
}

void ImageInput::endPayload() {
  if (payloadLeft_ != 0) {
    invalid("payload of " + std::to_string(current_.len) + " bytes is too long, " +
            std::to_string(current_.len - payloadLeft_) + " are needed");
  }
}

ImagePlace ImageInput::place() const {
  return {records_ == 0 ? offset_ : current_.offset, records_ == 0 ? "" : recordName(current_.type)};
}

void ImageInput::invalid(const std::string& what) const {
  throw RestartError(kDamaged, what, "the image is damaged or was not written by this format", place());
}

void ImageInput::unsupported(const std::string& what, const std::string& hint) const {
  throw RestartError(kCannot, what, hint, place());
}

}  // namespace ckpt
