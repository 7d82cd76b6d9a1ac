// SPDX-License-Identifier: Apache-2.0
//
// Where the pages of an image are now. A page has its home, the address that it has in the image, and moves with mremap; it
// is gone when the task unmapped it or gave its contents up (MADV_DONTNEED). All numbers are addresses / PAGE_BYTES.
#ifndef CKPT_PAGER_ADDRESS_MAP_H
#define CKPT_PAGER_ADDRESS_MAP_H

#include <cstdint>
#include <map>
#include <optional>

namespace ckpt {

class AddressMap {
 public:
  /** Pages that are at home. */
  void add(uint64_t first, uint64_t count) { insert({first, first, count}); }
  /** Whatever is now at [first, first + count) has no home any more: it reads as zero. */
  void cut(uint64_t first, uint64_t count);
  /** mremap: what is at `from` goes to `to`, where whatever was is gone. */
  void move(uint64_t from, uint64_t to, uint64_t count);

  std::optional<uint64_t> homeOf(uint64_t now) const;
  std::optional<uint64_t> nowOf(uint64_t home) const;

 private:
  struct Piece {
    uint64_t now, home, count;
  };
  void insert(const Piece& piece);

  std::map<uint64_t, Piece> byNow_;
  std::map<uint64_t, Piece> byHome_;
};

}  // namespace ckpt

#endif  // CKPT_PAGER_ADDRESS_MAP_H
