// SPDX-License-Identifier: Apache-2.0
#include "pager/task_memory.h"

namespace ckpt {

TaskMemory::TaskMemory(UniqueFd uffd, const RestartPlan* plan)
    : faults_(std::move(uffd)), plan_(*plan), filled_(plan->pages()) {}

void TaskMemory::takeMessages(std::vector<std::unique_ptr<TaskMemory>>* forked) {
  std::vector<uffd_msg> messages;
  while (faults_.read(&messages)) {
    for (const uffd_msg& message : messages) {
      const auto& arg = message.arg;
      switch (message.event) {
        case UFFD_EVENT_PAGEFAULT:
          waiting_.push_back(arg.pagefault.address / kPageBytes);
          break;
        case UFFD_EVENT_FORK: {
          auto child = std::make_unique<TaskMemory>(UniqueFd(static_cast<int>(arg.fork.ufd)), &plan_);
          child->map_ = map_;
          child->filled_ = filled_;
          forked->push_back(std::move(child));
          break;
        }
        case UFFD_EVENT_REMAP:
          map_.move(arg.remap.from / kPageBytes, arg.remap.to / kPageBytes, arg.remap.len / kPageBytes);
          break;
        case UFFD_EVENT_REMOVE:
        case UFFD_EVENT_UNMAP:
          map_.cut(arg.remove.start / kPageBytes, (arg.remove.end - arg.remove.start) / kPageBytes);
          break;
        default:
          break;
      }
    }
    messages.clear();
  }
}

int TaskMemory::put(uint64_t home, int before, int after, uint32_t pack, uint32_t frame, const uint8_t* raw) {
  int done = 0;
  const uint64_t first = home > static_cast<uint64_t>(before) ? home - static_cast<uint64_t>(before) : 0;
  const uint64_t end = home + static_cast<uint64_t>(after);
  for (uint64_t page = first; page < end;) {
    const PlanPlace place = plan_.find(page);
    const bool here = place && place.run->pack == pack && place.slot() / CKPT_FRAME_PAGES == frame;
    const auto now = here ? map_.nowOf(page) : std::nullopt;
    if (!now || filled_[place.ordinal()]) {
      page++;
      continue;
    }
    // As many as stand together in the image, in the frame and in memory: one call.
    uint64_t count = 1;
    while (page + count < end && place.offset + count < place.run->count &&
           (place.slot() + count) / CKPT_FRAME_PAGES == frame && map_.nowOf(page + count) == *now + count &&
           !filled_[place.ordinal() + count])
      count++;
    const uint8_t* from = raw + size_t{place.slot() % CKPT_FRAME_PAGES} * kPageBytes;
    uint64_t there = 0;
    const UserFaults::Result result = faults_.copy(*now * kPageBytes, from, count, &there);
    for (uint64_t i = 0; i < there; i++) filled_[place.ordinal() + i] = true;
    if (there > 0) lastPut_ = page + there - 1;
    done += static_cast<int>(there);
    page += there;
    switch (result) {
      case UserFaults::Result::kDone:
        break;
      case UserFaults::Result::kAbsent:
        if (!settled()) return -1;
        map_.cut(*now + there, 1);
        break;
      case UserFaults::Result::kRetry:
        return -1;
      case UserFaults::Result::kGone:
        gone_ = true;
        return done;
    }
  }
  return done;
}

/**
 * Whether the map shows the memory as it was when a place was found absent just now: then the task never had it (a child
 * does not get what was marked MADV_DONTFORK). Otherwise a change is on its way, an mremap most likely, whose message is still to
 * come. The kernel refuses us while that is so, also where a page is already.
 */
bool TaskMemory::settled() {
  if (!lastPut_) return false;
  const auto now = map_.nowOf(*lastPut_);
  return now && faults_.zero(*now * kPageBytes) == UserFaults::Result::kDone;
}

bool TaskMemory::zero(uint64_t now) {
  const UserFaults::Result result = faults_.zero(now * kPageBytes);
  if (result == UserFaults::Result::kGone) gone_ = true;
  return result != UserFaults::Result::kRetry;
}

void TaskMemory::probe() {
  if (!map_.homeOf(UserFaults::kProbe / kPageBytes) && !faults_.alive()) gone_ = true;
}

}  // namespace ckpt
