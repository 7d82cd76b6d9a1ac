// SPDX-License-Identifier: Apache-2.0
//
// The packs of a plan as a source of frames. Every page is checked against its hash before it is given out.
#ifndef CKPT_PAGER_PAGE_SOURCE_H
#define CKPT_PAGER_PAGE_SOURCE_H

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "codec/frame_codec.h"
#include "codec/pack_file.h"
#include "codec/restart_plan.h"
#include "pager/pack_bringer.h"

namespace ckpt {

/** One thread's means to read frames, and the frame read last. */
struct FrameReader {
  explicit FrameReader(const PageIdentity& identity)
      : codec(1), hasher(identity), raw(new uint8_t[kFrameRawBytesMax]) {}
  FrameCodec codec;
  PageHasher hasher;
  Bytes stored;
  std::unique_ptr<uint8_t[]> raw;
  uint32_t pages = 0;
};

/** Thread-safe. */
class PageSource {
 public:
  /** `plan` is borrowed. */
  PageSource(const RestartPlan* plan, std::string packsDir);

  uint32_t packs() const { return plan_.packs(); }

  /** From now on packs are brought, where somebody brings them, as long as this lives. */
  void attach();

  /**
   * Opens the plan's packs, so that nobody who deletes them takes them away from this task; those that cannot be had now
   * are looked for again when they are needed.
   */
  void pin();

  /**
   * Reads and checks a frame of the plan's pack. Throws CodecError: pack (missing or damaged, with what and where) or io. The
   * next call tries anew.
   */
  void read(uint32_t pack, uint32_t frame, FrameReader* to);

 private:
  std::shared_ptr<const PackFile> open(uint32_t pack);
  void bringMissing(uint32_t pack);
  void forget(uint32_t pack);

  const RestartPlan& plan_;
  const std::string packsDir_;
  PackBringer bringer_;
  std::mutex mutex_;
  std::vector<UniqueFd> pins_;
  // Directories in memory, those used last first: a pack's takes 64 KiB.
  std::list<std::pair<uint32_t, std::shared_ptr<const PackFile>>> open_;
};

}  // namespace ckpt

#endif  // CKPT_PAGER_PAGE_SOURCE_H
