// SPDX-License-Identifier: Apache-2.0
//
// Memory of a lazily restarted task: mappings are laid and watched, their pages come later, through a pager
// (native/pager). At once come only the pages of mappings that userfaultfd cannot watch or that must not miss any: private
// ones of files, locked ones, and those that a child of the task gets empty (MADV_WIPEONFORK).
#ifndef CKPT_PROCESS_RESTART_LAZY_H
#define CKPT_PROCESS_RESTART_LAZY_H

#include <memory>
#include <string>

#include "pager/pager.h"
#include "process/restart_memory.h"
#include "process/restart_state.h"

namespace ckpt {

class RestartLazy {
 public:
  /** All are borrowed and outlive this object. */
  RestartLazy(RestartChild* child, RestartMemory* memory, const RestartPlan* plan, const RestartOptions* options,
              const Status* status);
  ~RestartLazy();

  /** After RestartMemory has made it, and before its end. */
  void mapping(const ImageMapping& mapping);
  /** All mappings are made: from now on somebody answers for their pages. */
  void start();
  /** Before the task is let go: returns when pager and guard are at work. Throws kFailed where they are not. */
  void ready();
  /**
   * The task runs: returns when nobody can take packs away from it any more. The pager's pid, 0 where nothing is missing and there is none.
   * The caller reaps it.
   */
  pid_t release();

 private:
  void makeDescriptor();
  void fill(const ImageMapping& mapping);

  RestartChild& child_;
  RestartMemory& memory_;
  const RestartPlan& plan_;
  const RestartOptions& options_;
  const Status& status_;
  PageSource source_;
  FrameReader reader_;
  PagerOptions pager_;
  UniqueFd uffd_;
  UniqueFd readyFd_;
  pid_t pid_ = 0;
};

}  // namespace ckpt

#endif
