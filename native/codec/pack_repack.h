// SPDX-License-Identifier: Apache-2.0
//
// Pages out of packs that exist: into new packs (rewriting what is mostly dead, saving what is left of what is damaged), or
// only looked at. Every page is checked against the hash in its pack's directory; one that does not agree is lost, and said.
#ifndef CKPT_CODEC_PACK_REPACK_H
#define CKPT_CODEC_PACK_REPACK_H

#include "codec/pack_builder.h"
#include "codec/page_hasher.h"

namespace ckpt {

/** Pages of one pack file that are wanted. */
struct RepackSource {
  std::string path;
  Hash id;
  Bytes slots;  // bit i of byte i >> 3
};

/** Consecutive slots of a source that went to consecutive slots of a new pack, or are lost. */
struct RepackRun {
  static constexpr uint32_t kLost = ~uint32_t{0};
  uint32_t source;
  uint32_t from;
  uint32_t count;
  uint32_t pack;  // of Repacked::packs; kLost: these pages cannot be read
  uint32_t to;
};

struct Repacked {
  std::vector<Pack> packs;
  std::vector<RepackRun> runs;
};

struct RepackOptions {
  PageIdentity identity;
  PackBuilder::LogId logId = {};
  std::string stream;  // of the new packs
  int level = 1;
};

/** Copies the wanted pages, in order. Memory: the new packs. Throws CodecError of kind io. */
Repacked repackPages(const std::vector<RepackSource>& sources, const RepackOptions& options);

/** The slots of a pack file whose pages are what its directory says, as a bitmap; none when its structure is damaged. */
Bytes soundSlots(const std::string& path, const Hash& id, const PageIdentity& identity);

}  // namespace ckpt

#endif  // CKPT_CODEC_PACK_REPACK_H
