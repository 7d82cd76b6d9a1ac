// SPDX-License-Identifier: Apache-2.0
//
// What ckpt-process tells its caller: one JSON object a line on the status descriptor, each with `event`.
// Without such a descriptor, warnings and errors go to standard error as one line each and the rest is not said.
#ifndef CKPT_PROCESS_STATUS_H
#define CKPT_PROCESS_STATUS_H

#include <cstdint>
#include <string>

#include "process/process_error.h"

namespace ckpt {

/** Builds one flat JSON object; strings are escaped, bytes that are not UTF-8 become U+FFFD. */
class JsonObject {
 public:
  JsonObject& text(const char* name, const std::string& value);
  JsonObject& integer(const char* name, int64_t value);
  JsonObject& unsignedInteger(const char* name, uint64_t value);
  JsonObject& number(const char* name, double value);
  JsonObject& boolean(const char* name, bool value);
  JsonObject& raw(const char* name, const std::string& json);
  std::string str() const { return "{" + body_ + "}"; }

 private:
  void name(const char* name);
  std::string body_;
};

std::string jsonString(const std::string& value);

class Status {
 public:
  /** `fd` -1: no status descriptor. A status descriptor that fails is left alone: it never ends the work. */
  explicit Status(int fd = -1) : fd_(fd) {}
  /** Every event says which request it is about; -1: none. */
  Status(int fd, int64_t request) : fd_(fd), request_(request) {}
  /** False where it could not be said. */
  bool event(JsonObject object) const;
  void warning(const std::string& text) const;
  void error(const ProcessError& error) const;

 private:
  int fd_;
  int64_t request_ = -1;
};

}  // namespace ckpt

#endif
