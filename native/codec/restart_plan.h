// SPDX-License-Identifier: Apache-2.0
//
// A plan of a lazy restart, mapped from its descriptor: shared by all who restart the checkpoint, and never copied.
#ifndef CKPT_CODEC_RESTART_PLAN_H
#define CKPT_CODEC_RESTART_PLAN_H

#include <string>

#include "codec/page_hasher.h"

namespace ckpt {

/** Where the contents of a page are. */
struct PlanPlace {
  const plan_run* run = nullptr;
  uint32_t offset = 0;  // of the page within the run
  explicit operator bool() const { return run != nullptr; }
  bool zero() const { return run->pack == CKPT_PLAN_ZERO; }
  uint32_t slot() const { return run->slot + offset; }
  uint32_t ordinal() const { return run->ordinal + offset; }
};

class RestartPlan {
 public:
  /** Maps and checks it; `fd` may be closed afterwards. Throws CodecError of kind event (it is not a plan) or io. */
  explicit RestartPlan(int fd);
  ~RestartPlan();
  RestartPlan(const RestartPlan&) = delete;
  RestartPlan& operator=(const RestartPlan&) = delete;

  const restart_plan& header() const { return *reinterpret_cast<const restart_plan*>(base_); }
  const uint8_t* records() const { return base_ + sizeof(restart_plan); }
  size_t recordsBytes() const { return header().records_bytes; }
  std::string checkpoint() const;
  PageIdentity identity() const;
  uint32_t packs() const { return header().packs; }
  Hash packId(uint32_t pack) const;
  uint64_t pages() const { return header().pages; }

  const plan_run* begin() const { return runs_; }
  const plan_run* end() const { return runs_ + header().runs; }
  /** The first run that ends behind this page. */
  const plan_run* from(uint64_t page) const;
  PlanPlace find(uint64_t page) const;

 private:
  const uint8_t* base_ = nullptr;
  size_t bytes_ = 0;
  const uint8_t* ids_ = nullptr;
  const plan_run* runs_ = nullptr;
};

}  // namespace ckpt

#endif  // CKPT_CODEC_RESTART_PLAN_H
