// SPDX-License-Identifier: Apache-2.0
//
// One address space that misses pages: the task's, and after a fork its child's too.
#ifndef CKPT_PAGER_TASK_MEMORY_H
#define CKPT_PAGER_TASK_MEMORY_H

#include <deque>
#include <memory>
#include <vector>

#include "codec/restart_plan.h"
#include "pager/address_map.h"
#include "pager/user_faults.h"

namespace ckpt {

class TaskMemory {
 public:
  TaskMemory(UniqueFd uffd, const RestartPlan* plan);

  int fd() const { return faults_.fd(); }
  AddressMap& map() { return map_; }
  bool gone() const { return gone_; }

  /** Takes the kernel's messages: faults are queued, changes are followed. Children of forks are added to `forked`. */
  void takeMessages(std::vector<std::unique_ptr<TaskMemory>>* forked);
  /** Addresses that somebody waits for. */
  std::deque<uint64_t>& waiting() { return waiting_; }

  /** Whether a page of the plan, by its address in the image, has still to come. */
  bool misses(uint64_t home, uint32_t ordinal) const { return !filled_[ordinal] && map_.nowOf(home); }
  /**
   * Puts the pages of the plan in [home - before, home + after) that are in this frame to where they are now. Returns how many
   * were put, or -1 where the messages have to be read first, and then the same has to be asked again.
   */
  int put(uint64_t home, int before, int after, uint32_t pack, uint32_t frame, const uint8_t* raw);
  /** False: messages first. */
  bool zero(uint64_t now);
  /** Notices the end of the memory. */
  void probe();

 private:
  bool settled();

  UserFaults faults_;
  const RestartPlan& plan_;
  AddressMap map_;
  std::vector<bool> filled_;
  std::deque<uint64_t> waiting_;
  std::optional<uint64_t> lastPut_;  // home of a page that is there
  bool gone_ = false;
};

}  // namespace ckpt

#endif  // CKPT_PAGER_TASK_MEMORY_H
