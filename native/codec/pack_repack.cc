// SPDX-License-Identifier: Apache-2.0
#include "codec/pack_repack.h"

#include <memory>

#include "codec/error.h"
#include "codec/pack_file.h"

namespace ckpt {

namespace {

bool wants(const Bytes& slots, uint32_t slot) {
  return slot / 8 < slots.size() && (slots[slot / 8] >> (slot % 8) & 1) != 0;
}

// The pack, or nothing when it is missing or its structure is damaged.
std::unique_ptr<PackFile> openPack(const std::string& path, const Hash& id) {
  try {
    return std::make_unique<PackFile>(path, hexOf(id));
  } catch (const CodecError& error) {
    if (error.kind != ErrorKind::kPack) throw;
    return nullptr;
  }
}

// Hands out the pages of a pack, frame by frame: visit(slot, page or null when it is lost).
template <typename Visit>
void visitPages(const PackFile& pack, const Bytes& slots, const PageIdentity& identity, Visit visit) {
  FrameCodec codec(1);
  PageHasher hasher(identity);
  uint8_t raw[kFrameRawBytesMax];
  Hash hashes[CKPT_FRAME_PAGES];
  Bytes stored;
  for (uint32_t frame = 0; frame < pack.frames(); frame++) {
    const uint32_t first = frame * CKPT_FRAME_PAGES;
    const uint32_t end = std::min(pack.pages(), first + CKPT_FRAME_PAGES);
    bool wanted = false;
    for (uint32_t slot = first; slot < end; slot++) wanted = wanted || wants(slots, slot);
    if (!wanted) continue;
    pack.readFrames(frame, frame + 1, stored);
    const bool readable = codec.decompress(pack.frameEntry(frame), stored.data(), raw, pack.frameRawBytes(frame));
    if (readable) hasher.hashFrame(raw, pack.frameRawBytes(frame), hashes);
    for (uint32_t slot = first; slot < end; slot++) {
      if (!wants(slots, slot)) continue;
      const uint8_t* const page = raw + (slot - first) * kPageBytes;
      const bool sound = readable && memcmp(hashes[slot - first].data(), pack.hashOf(slot), kHashBytes) == 0;
      visit(slot, sound ? page : nullptr);
    }
  }
}

class Repacker {
 public:
  explicit Repacker(const RepackOptions& options) : options_(options), codec_(options.level) {}

  void take(const RepackSource& from, uint32_t source) {
    const auto pack = openPack(from.path, from.id);
    if (!pack) {
      for (uint32_t slot = 0; slot < CKPT_PACK_PAGES_MAX; slot++) {
        if (wants(from.slots, slot)) addRun(source, slot, RepackRun::kLost, 0);
      }
      return;
    }
    uint32_t next = 0;
    visitPages(*pack, from.slots, options_.identity, [&](uint32_t slot, const uint8_t* page) {
      next = slot + 1;
      if (!page) {
        addRun(source, slot, RepackRun::kLost, 0);
        return;
      }
      Hash hash;
      memcpy(hash.data(), pack->hashOf(slot), kHashBytes);
      addPage(source, slot, page, hash);
    });
    // Slots that the pack does not even have.
    for (uint32_t slot = std::max(next, pack->pages()); slot < CKPT_PACK_PAGES_MAX; slot++) {
      if (wants(from.slots, slot)) addRun(source, slot, RepackRun::kLost, 0);
    }
  }

  Repacked finish() {
    closeFrame();
    closePack();
    return std::move(result_);
  }

 private:
  void addPage(uint32_t source, uint32_t slot, const uint8_t* page, const Hash& hash) {
    // A frame that may not fit any more begins the next pack: its pages' places are told before it is compressed.
    if (framePages_ == 0 && !builder_.fits(kFrameRawBytesMax, CKPT_FRAME_PAGES)) closePack();
    addRun(source, slot, static_cast<uint32_t>(result_.packs.size()), builder_.pages() + framePages_);
    memcpy(frame_ + framePages_ * kPageBytes, page, kPageBytes);
    hashes_[framePages_++] = hash;
    if (framePages_ == CKPT_FRAME_PAGES) closeFrame();
  }

  void addRun(uint32_t source, uint32_t from, uint32_t pack, uint32_t to) {
    if (!result_.runs.empty()) {
      RepackRun& last = result_.runs.back();
      const bool follows = last.source == source && last.from + last.count == from && last.pack == pack;
      if (follows && (pack == RepackRun::kLost || last.to + last.count == to)) {
        last.count++;
        return;
      }
    }
    result_.runs.push_back(RepackRun{source, from, 1, pack, to});
  }

  void closeFrame() {
    if (framePages_ == 0) return;
    Bytes stored;
    const uint32_t entry = codec_.compress(frame_, framePages_ * kPageBytes, stored);
    builder_.add(entry, stored.data(), hashes_, framePages_);
    framePages_ = 0;
  }

  void closePack() {
    if (builder_.empty()) return;
    result_.packs.push_back(builder_.close(options_.logId, options_.stream, sha_));
    builder_ = PackBuilder();
  }

  const RepackOptions& options_;
  FrameCodec codec_;
  Sha256 sha_;
  PackBuilder builder_;
  Repacked result_;
  uint8_t frame_[kFrameRawBytesMax];
  Hash hashes_[CKPT_FRAME_PAGES];
  uint32_t framePages_ = 0;
};

}  // namespace

Repacked repackPages(const std::vector<RepackSource>& sources, const RepackOptions& options) {
  Repacker repacker(options);
  for (uint32_t i = 0; i < sources.size(); i++) repacker.take(sources[i], i);
  return repacker.finish();
}

Bytes soundSlots(const std::string& path, const Hash& id, const PageIdentity& identity) {
  Bytes sound(CKPT_PACK_PAGES_MAX / 8);
  const auto pack = openPack(path, id);
  if (!pack) return sound;
  visitPages(*pack, Bytes(sound.size(), 0xff), identity, [&](uint32_t slot, const uint8_t* page) {
    if (page) sound[slot / 8] |= static_cast<uint8_t>(1 << slot % 8);
  });
  return sound;
}

}  // namespace ckpt
