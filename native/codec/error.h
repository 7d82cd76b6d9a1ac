// SPDX-License-Identifier: Apache-2.0
//
// The one error type of the codec. Each carries what went wrong, where, and why, once; the addon turns it into an
// Error with the same fields (src/codec/native.ts, CodecError).
#ifndef CKPT_CODEC_ERROR_H
#define CKPT_CODEC_ERROR_H

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <utility>

namespace ckpt {

enum class ErrorKind {
  kImage,      // invalid or truncated input
  kPack,       // damaged or missing pack
  kEvent,      // malformed event
  kIo,         // a system call failed
  kCancelled,  // closed by its owner
};

class CodecError : public std::exception {
 public:
  CodecError(ErrorKind kind, std::string message) : kind(kind), message(std::move(message)) {}
  const char* what() const noexcept override { return message.c_str(); }

  ErrorKind kind;
  std::string message;
  std::optional<uint64_t> offset;  // image: byte offset of the record at fault
  std::string record;              // image: its name and number, like "VMA (202)"
  std::string pack;                // pack: its id, hex
  std::string errnoName;           // io: like "EIO"
};

/** An error of kind image at a record. */
CodecError imageError(uint64_t offset, const std::string& record, const std::string& what);
/** An error of kind pack; the id may be empty where it is not known. */
CodecError packError(const std::string& id, const std::string& what);
/** An error of kind io, from errno. `operation` is like "read from descriptor 5". */
CodecError ioError(const std::string& operation, int errorNumber);
CodecError eventError(const std::string& what);
CodecError cancelledError();

}  // namespace ckpt

#endif  // CKPT_CODEC_ERROR_H
