// SPDX-License-Identifier: Apache-2.0
//
// The one error of ckpt-process: an exit code, what went wrong (with place and cause), and what to do about it.
#ifndef CKPT_PROCESS_PROCESS_ERROR_H
#define CKPT_PROCESS_PROCESS_ERROR_H

#include <cerrno>
#include <cstring>
#include <exception>
#include <string>
#include <utility>

namespace ckpt {

/** Exit codes, the same as those of the `ckpt` command. */
enum ExitCode { kDone = 0, kFailed = 1, kUsage = 2, kNoSuch = 3, kDamaged = 4, kCannot = 5, kInterrupted = 130 };

class ProcessError : public std::exception {
 public:
  ProcessError(ExitCode exit, std::string what, std::string hint = "")
      : exit_(exit), what_(std::move(what)), hint_(std::move(hint)) {}

  /** With the text of errno (or of `error`) behind `what`. */
  static ProcessError system(ExitCode exit, const std::string& what, const std::string& hint = "", int error = errno) {
    return ProcessError(exit, what + ": " + strerror(error), hint);
  }

  /** A signal asked the program to stop while a task was checkpointed. */
  static ProcessError interrupted() {
    return ProcessError(kInterrupted, "interrupted", "the process runs on as before");
  }

  ExitCode exit() const { return exit_; }
  const char* what() const noexcept override { return what_.c_str(); }
  const std::string& hint() const { return hint_; }
  /** One line for people: what, then the hint in brackets. */
  std::string line() const { return hint_.empty() ? what_ : what_ + " (" + hint_ + ")"; }

 private:
  ExitCode exit_;
  std::string what_;
  std::string hint_;
};

}  // namespace ckpt

#endif
