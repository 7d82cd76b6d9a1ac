// SPDX-License-Identifier: Apache-2.0
#include "codec/record_writer.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "ckpt_image.h"
#include "codec/crc32c.h"

namespace ckpt {

WriteError::WriteError(int error, uint64_t offset)
    : std::runtime_error("writing the image at byte " + std::to_string(offset) + ": " + strerror(error)),
      error_(error) {}

RecordWriter::RecordWriter(int fd, int version, const volatile sig_atomic_t* stop)
    : fd_(fd), version_(version), stop_(stop), buffer_(kBufferBytes) {}

void RecordWriter::flush() {
  if (version_ == 2) crc_ = crc32c(crc_, buffer_.data(), used_);
  for (size_t done = 0; done < used_;) {
    if (stop_ && *stop_) throw WriteError(EINTR, flushed_ + done);
    ssize_t n = write(fd_, buffer_.data() + done, used_ - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) throw WriteError(n < 0 ? errno : EIO, flushed_ + done);
    done += static_cast<size_t>(n);
  }
  flushed_ += used_;
  used_ = 0;
}

void RecordWriter::bytes(const void* data, size_t count) {
  const uint8_t* from = static_cast<const uint8_t*>(data);
  while (count > 0) {
    if (used_ == buffer_.size()) flush();
    size_t n = std::min(count, buffer_.size() - used_);
    memcpy(buffer_.data() + used_, from, n);
    used_ += n;
    from += n;
    count -= n;
  }
}

uint8_t* RecordWriter::reserve(size_t want, size_t* got) {
  if (buffer_.size() - used_ < std::min<size_t>(want, CKPT_PAGE_BYTES)) flush();
  *got = std::min(want, buffer_.size() - used_);
  return buffer_.data() + used_;
}

void RecordWriter::open(uint32_t type, uint32_t id, const void* payload, size_t payloadBytes, size_t restBytes) {
  if (version_ == 1 || type == CKPT_REC_HEAD) {
    cr_hdr header = {static_cast<__s16>(type), static_cast<__s16>(payloadBytes + restBytes), id};
    bytes(&header, sizeof header);
  } else {
    cr2_hdr header = {type, 0, static_cast<__u32>(payloadBytes + restBytes), id};
    bytes(&header, sizeof header);
  }
  bytes(payload, payloadBytes);
  records_++;
}

void RecordWriter::record(uint32_t type, uint32_t id, const void* payload, size_t payloadBytes, const void* tail,
                          size_t tailBytes) {
  open(type, id, payload, payloadBytes, tailBytes);
  bytes(tail, tailBytes);
}

void RecordWriter::head(const unsigned (&kernel)[3], uint64_t timeSeconds) {
  cr_head head = {};
  head.magic = CKPT_HEAD_MAGIC;
  head.major = kernel[0] & 0xff;
  head.minor = kernel[1] & 0xff;
  head.patch = kernel[2] & 0xff;
  head.version = static_cast<__u16>(version_);
  head.flags = CKPT_CTX_CKPT;
  head.time = timeSeconds;
  record(CKPT_REC_HEAD, 0, &head, sizeof head);
}

void RecordWriter::finish() {
  if (version_ == 1) {
    cr_tail tail = {CKPT_TAIL_MAGIC, {1, 1}};
    record(CKPT_REC_TAIL, 0, &tail, sizeof tail);
    flush();
    return;
  }
  // The checksum covers what is before the header of TAIL2: what is still in the buffer included.
  cr2_tail tail = {};
  tail.magic = CKPT_TAIL2_MAGIC;
  tail.crc32c = crc32c(crc_, buffer_.data(), used_);
  tail.bytes = bytesWritten();
  tail.pages = pages_;
  tail.records = records_;
  record(CKPT_REC_TAIL2, 0, &tail, sizeof tail);
  flush();
}

}  // namespace ckpt
