// SPDX-License-Identifier: Apache-2.0
//
// Everything but memory: what the task was told and had told the kernel. Applied only after the image's tail was found
// good, in an order that each step leaves possible: memory layout, directories, attributes, descriptors, limits,
// credentials, signals, timers, registrations, pending signals, and the registers at the very end.
#ifndef CKPT_PROCESS_RESTART_STATE_H
#define CKPT_PROCESS_RESTART_STATE_H

#include <string>

#include "process/kernel_calls.h"
#include "process/restart_child.h"
#include "process/restart_files.h"
#include "process/status.h"
#include "process/task_image.h"

namespace ckpt {

struct RestartOptions {
  int imageFd = 0;
  int statusFd = -1;
  bool detach = false;
  bool samePid = false;
  bool stopped = false;
  bool ignoreCpu = false;
  Via via = Via::kAny;
  bool newPid = false;   // do not even try the old one
  int64_t request = -1;  // of a restarter's: told in every event
  // Lazy: a plan instead of an image.
  int planFd = -1;
  std::string packsDir;
  std::string lazyDir;  // for working sets, and for what a detached task's pager has to say; may be empty
};

/** Descriptors of ours, opened before, that the child needs on the way; -1 where there is none. */
struct RestartPlaces {
  int root = -1, directory = -1, program = -1;
};

class RestartState {
 public:
  RestartState(RestartChild* child, const TaskImage* image, const RestartOptions* options, const Status* status)
      : child_(*child), image_(*image), options_(*options), status_(*status) {}

  /** Throws ProcessError kCannot, or kDamaged where the image asks for what no task can have. */
  void apply(const RestartPlaces& places, RestartFiles* files);

 private:
  // restart_process.cc
  void layout(int program);
  void descriptors();
  void directories(const RestartPlaces& places);
  void attributes();
  void scheduling();
  void limits();
  void afterCredentials();
  // restart_credentials.cc
  void credentials();
  void groups();
  void boundingSet();
  void user();
  void capabilities();
  // restart_signals.cc
  void actions();
  void intervalTimers();
  void posixTimers();
  void pending();
  // restart_thread.cc
  void registrations();
  void refuseTiles();
  void threadRegisters();
  std::vector<uint8_t> xsaveArea();

  /** The kernel refuses what the record says: kDamaged, with the record's place. */
  [[noreturn]] void invalid(uint32_t record, const std::string& what) const;
  user_desc descriptor(uint32_t record, uint32_t number, const uint32_t word[2]) const;
  long attempt(const std::string& what, long number, uint64_t a = 0, uint64_t b = 0, uint64_t c = 0, uint64_t d = 0,
               uint64_t e = 0);

  RestartChild& child_;
  const TaskImage& image_;
  const RestartOptions& options_;
  const Status& status_;
};

}  // namespace ckpt

#endif
