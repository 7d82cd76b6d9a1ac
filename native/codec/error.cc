// SPDX-License-Identifier: Apache-2.0
#include "codec/error.h"

#include <cstring>

namespace ckpt {

CodecError imageError(uint64_t offset, const std::string& record, const std::string& what) {
  CodecError error(ErrorKind::kImage,
                   "invalid image at byte " + std::to_string(offset) + ", record " + record + ": " + what);
  error.offset = offset;
  error.record = record;
  return error;
}

CodecError packError(const std::string& id, const std::string& what) {
  CodecError error(ErrorKind::kPack, "damaged pack " + (id.empty() ? std::string("(unnamed)") : id) + ": " + what);
  error.pack = id;
  return error;
}

CodecError ioError(const std::string& operation, int errorNumber) {
  const char* name = strerrorname_np(errorNumber);
  CodecError error(ErrorKind::kIo, operation + ": " + strerror(errorNumber));
  error.errnoName = name ? name : "E" + std::to_string(errorNumber);
  return error;
}

CodecError eventError(const std::string& what) { return CodecError(ErrorKind::kEvent, "malformed event: " + what); }

CodecError cancelledError() { return CodecError(ErrorKind::kCancelled, "closed before the end"); }

}  // namespace ckpt
