// SPDX-License-Identifier: Apache-2.0
//
// The error of a restart: what every error of ckpt-process says, and the place in the image it is about.
#ifndef CKPT_PROCESS_RESTART_ERROR_H
#define CKPT_PROCESS_RESTART_ERROR_H

#include <cstdint>
#include <string>
#include <utility>

#include "process/process_error.h"

namespace ckpt {

/** Place in an image: byte offset from its start, and the name of the record that stands there ("" before the first). */
struct ImagePlace {
  uint64_t offset = 0;
  std::string record;
};

class RestartError : public ProcessError {
 public:
  RestartError(ExitCode exit, const std::string& what, const std::string& hint, ImagePlace place)
      : ProcessError(exit, what, hint), place_(std::move(place)) {}
  const ImagePlace& place() const { return place_; }

 private:
  ImagePlace place_;
};

}  // namespace ckpt

#endif
