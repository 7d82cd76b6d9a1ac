// SPDX-License-Identifier: Apache-2.0
//
// An image as it comes out of a descriptor: bytes, their offset, their CRC32C, and the frame of records.
// Memory is one buffer, whatever the image promises; a record's payload is only kept where its length is small.

#ifndef CKPT_PROCESS_IMAGE_INPUT_H
#define CKPT_PROCESS_IMAGE_INPUT_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "process/restart_error.h"

namespace ckpt {

/// Header of a record of either version, and where it stands.
struct RecordHeader {
  uint32_t type = 0;
  uint32_t flags = 0;  ///< REC_ bits; 0 in version 1
  uint32_t len = 0;    ///< payload bytes
  uint32_t id = 0;
  uint64_t offset = 0;  ///< of the header's first byte
};

class ImageInput {
 public:
  /// `fd` is borrowed: a pipe (made as large as allowed), a socket or a file.
  explicit ImageInput(int fd);
  /// `bytes` bytes in memory, borrowed.
  ImageInput(const uint8_t* data, size_t bytes);

  /// Next header in the framing of version 1 (and of HEAD), or of version 2. The end of the stream is an error.
  RecordHeader header1();
  RecordHeader header2();

  /// Exactly `bytes` bytes. The end of the stream before them is an error that names the record begun last.
  void read(void* to, size_t bytes);
  void skip(uint64_t bytes);
  /// Bytes of the image that are not in this input: only counted.
  void passAbsent(uint64_t bytes) { offset_ += bytes; }

  /// A look at the next bytes without taking them: at least `atLeast` (no more than kBufferBytes), at most `atMost`.
  struct Chunk {
    const uint8_t* data;
    size_t bytes;
  };
  Chunk peek(size_t atLeast, size_t atMost);
  /// Takes bytes that a peek has shown; returns after they are in the checksum.
  void take(size_t bytes);

  /// Payload of the record begun last as a structure and the bytes behind it; a shorter payload is an error.
  template <typename T>
  T fixed() {
    T value;
    needPayload(sizeof(T));
    read(&value, sizeof value);
    payloadLeft_ -= sizeof value;
    return value;
  }
  /// `bytes` more of the payload; the caller bounds them.
  std::vector<uint8_t> more(size_t bytes);
  /// Moves the payload's count past bytes that were peeked and taken.
  void payloadTaken(uint64_t bytes) { payloadLeft_ -= bytes; }
  uint64_t payloadLeft() const { return payloadLeft_; }
  /// The payload has to be used up: lengths are exact.
  void endPayload();

  uint64_t offset() const { return offset_; }
  uint64_t records() const { return records_; }
  /// CRC32C of all bytes before the header of the record begun last.
  uint32_t crcBeforeRecord() const { return crcBeforeRecord_; }
  const RecordHeader& current() const { return current_; }

  /// The image is wrong (exit 4), or right but not for this machine (exit 5); both name the record begun last.
  [[noreturn]] void invalid(const std::string& what) const;
  [[noreturn]] void unsupported(const std::string& what, const std::string& hint = "") const;
  ImagePlace place() const;

  static constexpr size_t kBufferBytes = size_t{1} << 20;

 private:
  void needPayload(size_t bytes) const;
  [[noreturn]] void truncated() const;
  bool fill(size_t atLeast);
  void begin(const RecordHeader& header);

  int fd_;
  std::unique_ptr<uint8_t[]> owned_;
  const uint8_t* buffer_;  // owned_, or the memory that was given
  size_t from_ = 0;
  size_t to_ = 0;
  uint64_t offset_ = 0;
  uint64_t payloadLeft_ = 0;
  uint64_t records_ = 0;
  uint32_t crc_ = 0;
  uint32_t crcBeforeRecord_ = 0;
  RecordHeader current_;
};

/// "VMA2 (322)", or the bare number where it has no name.
std::string recordName(uint32_t type);

}  // namespace ckpt

#endif
