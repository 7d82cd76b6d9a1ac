// SPDX-License-Identifier: Apache-2.0
//
// Makes the plan of a lazy restart (format/store.mjs, restart_plan) from a checkpoint's events: its records, and a table
// that says for every page where it is. Page contents are not looked at.
#ifndef CKPT_CODEC_PLAN_BUILDER_H
#define CKPT_CODEC_PLAN_BUILDER_H

#include <string>
#include <unordered_map>

#include "codec/page_hasher.h"
#include "codec/page_index.h"
#include "codec/pages_event.h"
#include "codec/unique_fd.h"

namespace ckpt {

class PlanBuilder {
 public:
  /** `checkpoint` is its id, at most 32 characters. */
  PlanBuilder(std::string checkpoint, const PageIdentity& identity);

  /** The value of the next event in stream order. Throws CodecError of kind event. */
  void record(const uint8_t* value, size_t bytes);
  void pages(const uint8_t* value, size_t bytes);

  /** The plan in a file without a name, at its start, sealed against change. Throws CodecError of kind event or io. */
  UniqueFd finish(uint64_t imageBytes);

 private:
  uint32_t packNumber(const Hash& id);
  void add(const plan_run& run);

  std::string checkpoint_;
  PageIdentity identity_;
  Bytes records_;
  Bytes ids_;
  std::unordered_map<Hash, uint32_t, HashHasher> numbers_;
  std::vector<plan_run> runs_;
  uint64_t pages_ = 0;
};

}  // namespace ckpt

#endif  // CKPT_CODEC_PLAN_BUILDER_H
