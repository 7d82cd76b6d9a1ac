// SPDX-License-Identifier: Apache-2.0
//
// Whoever brings packs that are not there: a process that listens on the socket `supply` beside them (src/remote/pack-bringer.ts). A connection
// carries one question: 32 bytes of pack id there; `ok` back once the file has its name, or in one line why it cannot be had.
#ifndef CKPT_PAGER_PACK_BRINGER_H
#define CKPT_PAGER_PACK_BRINGER_H

#include <string>

#include "codec/page_hasher.h"
#include "codec/unique_fd.h"

namespace ckpt {

/** Thread-safe. */
class PackBringer {
 public:
  explicit PackBringer(std::string packsDir);

  /** Somebody listened there to begin with: packs that are missing may come yet. */
  bool expected() const { return expected_; }

  /** Stays connected, which keeps the bringer from going home. Without one, or when it is gone, this does nothing. */
  void attach();

  /** Returns when the pack is there. Throws CodecError of kind io with why it is not. */
  void bring(const Hash& id) const;

 private:
  UniqueFd connect() const;

  const std::string packsDir_;
  const bool expected_;
  UniqueFd attached_;
};

}  // namespace ckpt

#endif  // CKPT_PAGER_PACK_BRINGER_H
