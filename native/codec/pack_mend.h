// SPDX-License-Identifier: Apache-2.0
//
// Puts right what of a damaged pack file can be known otherwise: its header and its length (the log lists them), one entry of its frame
// table (the frames fill the file), its page directory (the pages say what stood there), its trailing digest (it is the name). Whether
// that was all is proved by the pack's id.
#ifndef CKPT_CODEC_PACK_MEND_H
#define CKPT_CODEC_PACK_MEND_H

#include <optional>

#include "codec/pack_builder.h"
#include "codec/page_hasher.h"

namespace ckpt {

/** What the log knows of a pack. */
struct PackFacts {
  uint32_t pages = 0;
  uint64_t storedBytes = 0;  // of the whole file
  std::string stream;
  PackBuilder::LogId logId = {};
};

struct MendedPack {
  Bytes bytes;
  /** The bytes are the pack's own; else only its header and its length have been put right. */
  bool whole = false;
};

/** Nothing when there is no file, or when the facts are of no pack. Throws CodecError of kind io. */
std::optional<MendedPack> mendPack(const std::string& path, const Hash& id, const PageIdentity& identity,
                                   const PackFacts& facts);

}  // namespace ckpt

#endif  // CKPT_CODEC_PACK_MEND_H
