// SPDX-License-Identifier: Apache-2.0
//
// RecordWriter: frames the records of an image, either version, into a file descriptor. Bytes are gathered into writes
// of a mebibyte, and each byte is checksummed once, on its way out. Large contents are produced in place: reserve()
// gives room in the buffer, commit() takes it.
#ifndef CKPT_CODEC_RECORD_WRITER_H
#define CKPT_CODEC_RECORD_WRITER_H

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <vector>

namespace ckpt {

/** The image could not be written; `error` is the errno value, EINTR when the stop flag ended it. */
class WriteError : public std::runtime_error {
 public:
  WriteError(int error, uint64_t offset);
  int error() const { return error_; }

 private:
  int error_;
};

class RecordWriter {
 public:
  static constexpr size_t kBufferBytes = 1 << 20;

  /** `version` 1 or 2. `stop`: where not zero, an interrupted write throws instead of going on; may be null. */
  RecordWriter(int fd, int version, const volatile sig_atomic_t* stop = nullptr);

  /** HEAD. `kernel`: three version numbers of the running kernel, masked to 8 bits here. */
  void head(const unsigned (&kernel)[3], uint64_t timeSeconds);
  /** One record: header, payload, and in version 2 the variable tail that counts as payload as well. */
  void record(uint32_t type, uint32_t id, const void* payload, size_t payloadBytes, const void* tail = nullptr,
              size_t tailBytes = 0);
  /** Header and fixed part of a record whose other `restBytes` payload bytes follow through bytes() or commit(). */
  void open(uint32_t type, uint32_t id, const void* payload, size_t payloadBytes, size_t restBytes);
  /** Bytes without a header: the rest of an open record, or the raw bytes of version 1. */
  void bytes(const void* data, size_t count);
  /** Room for up to `want` bytes in the buffer, at least one page; `*got` says how much. */
  uint8_t* reserve(size_t want, size_t* got);
  void commit(size_t count) { used_ += count; }
  /** Counts pages for TAIL2. */
  void countPages(uint64_t count) { pages_ += count; }
  /** TAIL or TAIL2, and the last write. */
  void finish();

  uint64_t bytesWritten() const { return flushed_ + used_; }
  uint64_t pages() const { return pages_; }
  uint64_t records() const { return records_; }

 private:
  void flush();

  int fd_;
  int version_;
  const volatile sig_atomic_t* stop_;
  std::vector<uint8_t> buffer_;
  size_t used_ = 0;
  uint64_t flushed_ = 0;
  uint32_t crc_ = 0;
  uint64_t pages_ = 0;
  uint64_t records_ = 0;
};

}  // namespace ckpt

#endif
