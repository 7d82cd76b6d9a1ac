// SPDX-License-Identifier: Apache-2.0
//
// The pages that a task asked for first after a restart, in order: recorded by the first lazy restart of a checkpoint,
// fetched ahead of all others by the next. A cache: a file that is missing, torn or of another image is no file.
//
//   file = "ckptwset" crc32c:u32 count:u32 count x page:u64      crc32c of the pages; page = address / PAGE_BYTES
#ifndef CKPT_PAGER_WORKING_SET_H
#define CKPT_PAGER_WORKING_SET_H

#include <cstdint>
#include <string>
#include <vector>

namespace ckpt {

class WorkingSet {
 public:
  static constexpr size_t kPagesMax = 1 << 16;

  /** `path` empty: nothing is read nor kept. */
  explicit WorkingSet(std::string path);

  /** What an earlier run recorded; empty where none did. */
  const std::vector<uint64_t>& recorded() const { return recorded_; }
  /** Notes a fault of this run. */
  void note(uint64_t page);
  /** Writes what was noted, unless an earlier run has. Whole or not at all; errors are passed over. */
  void keep() const;

 private:
  const std::string path_;
  std::vector<uint64_t> recorded_;
  std::vector<uint64_t> noted_;
};

}  // namespace ckpt

#endif  // CKPT_PAGER_WORKING_SET_H
