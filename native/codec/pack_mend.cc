// SPDX-License-Identifier: Apache-2.0
#include "codec/pack_mend.h"

#include <fcntl.h>

#include <cerrno>

#include "codec/error.h"
#include "codec/frame_codec.h"
#include "codec/unique_fd.h"

namespace ckpt {

namespace {

class Mender {
 public:
  Mender(Bytes bytes, const Hash& id, const PackFacts& facts)
      : bytes_(std::move(bytes)),
        id_(id),
        facts_(facts),
        frames_((facts.pages + CKPT_FRAME_PAGES - 1) / CKPT_FRAME_PAGES),
        tableAt_(sizeof(pack_header) + facts.pages * kHashBytes),
        framesAt_(tableAt_ + frames_ * sizeof(uint32_t)) {}

  MendedPack mend(const PageIdentity& identity) {
    bytes_.resize(facts_.storedBytes);
    putHeader();
    memcpy(bytes_.data() + bytes_.size() - kHashBytes, id_.data(), kHashBytes);
    const bool whole = isWhole() || (tableFits() ? mendDirectory(identity) : mendTable());
    return MendedPack{std::move(bytes_), whole};
  }

  /** Whether a pack can be as the facts say. */
  static bool possible(const PackFacts& facts) {
    if (facts.pages < 1 || facts.pages > CKPT_PACK_PAGES_MAX || facts.stream.size() > sizeof(pack_header::stream))
      return false;
    const uint64_t frames = (facts.pages + CKPT_FRAME_PAGES - 1) / CKPT_FRAME_PAGES;
    const uint64_t least = sizeof(pack_header) + facts.pages * kHashBytes + frames * sizeof(uint32_t) + kHashBytes;
    return facts.storedBytes > least && facts.storedBytes <= least + CKPT_PACK_RAW_BYTES_MAX;
  }

 private:
  void putHeader() {
    pack_header header = {};
    memcpy(header.magic, "ckptpack", sizeof header.magic);
    header.version = CKPT_PACK_VERSION;
    header.codec = CKPT_CODEC_ZSTD;
    header.pages = facts_.pages;
    header.frames = static_cast<uint32_t>(frames_);
    header.frame_pages = CKPT_FRAME_PAGES;
    header.stored_bytes = storedBytes();
    memcpy(header.log_id, facts_.logId.data(), sizeof header.log_id);
    memcpy(header.stream, facts_.stream.data(), facts_.stream.size());
    header.raw_bytes = static_cast<uint64_t>(facts_.pages) * kPageBytes;
    memcpy(bytes_.data(), &header, sizeof header);
  }

  bool isWhole() const {
    Sha256 sha;
    sha.update(bytes_.data(), bytes_.size() - kHashBytes);
    return sha.finish() == id_;
  }

  uint64_t storedBytes() const { return bytes_.size() - framesAt_ - kHashBytes; }
  uint32_t entry(size_t frame) const { return load<uint32_t>(bytes_.data() + tableAt_ + frame * sizeof(uint32_t)); }
  void putEntry(size_t frame, uint32_t entry) {
    memcpy(bytes_.data() + tableAt_ + frame * sizeof entry, &entry, sizeof entry);
  }
  size_t rawBytesOf(size_t frame) const {
    const size_t pages = facts_.pages - frame * CKPT_FRAME_PAGES;
    return (pages < CKPT_FRAME_PAGES ? pages : CKPT_FRAME_PAGES) * kPageBytes;
  }

  bool tableFits() const {
    uint64_t sum = 0;
    for (size_t frame = 0; frame < frames_; frame++) {
      const uint32_t stored = storedBytesOf(entry(frame));
      const bool raw = (entry(frame) & CKPT_FRAME_RAW) != 0;
      if (raw ? stored != rawBytesOf(frame) : stored == 0 || stored >= rawBytesOf(frame)) return false;
      sum += stored;
    }
    return sum == storedBytes();
  }

  // One entry is wrong: what it must be follows from all others. Which one it is, the id tells.
  bool mendTable() {
    uint64_t sum = 0;
    for (size_t frame = 0; frame < frames_; frame++) sum += storedBytesOf(entry(frame));
    for (size_t frame = 0; frame < frames_; frame++) {
      const uint32_t before = entry(frame);
      const uint64_t others = sum - storedBytesOf(before);
      if (others >= storedBytes() || storedBytes() - others > rawBytesOf(frame)) continue;
      const auto stored = static_cast<uint32_t>(storedBytes() - others);
      putEntry(frame, stored == rawBytesOf(frame) ? stored | CKPT_FRAME_RAW : stored);
      if (isWhole()) return true;
      putEntry(frame, before);
    }
    return false;
  }

  bool mendDirectory(const PageIdentity& identity) {
    const Bytes before(bytes_.begin() + sizeof(pack_header), bytes_.begin() + static_cast<ptrdiff_t>(tableAt_));
    FrameCodec codec(1);
    PageHasher hasher(identity);
    uint8_t raw[kFrameRawBytesMax];
    Hash hashes[CKPT_FRAME_PAGES];
    size_t at = framesAt_;
    bool readable = true;
    for (size_t frame = 0; frame < frames_ && readable; frame++) {
      const size_t rawBytes = rawBytesOf(frame);
      readable = codec.decompress(entry(frame), bytes_.data() + at, raw, rawBytes);
      at += storedBytesOf(entry(frame));
      if (!readable) break;
      hasher.hashFrame(raw, rawBytes, hashes);
      const size_t slot = frame * CKPT_FRAME_PAGES;
      memcpy(bytes_.data() + sizeof(pack_header) + slot * kHashBytes, hashes, rawBytes / kPageBytes * kHashBytes);
    }
    if (readable && isWhole()) return true;
    // Pages that are damaged must not be taken for what was stored.
    std::copy(before.begin(), before.end(), bytes_.begin() + sizeof(pack_header));
    return false;
  }

  Bytes bytes_;
  const Hash& id_;
  const PackFacts& facts_;
  const size_t frames_;
  const size_t tableAt_;
  const size_t framesAt_;
};

std::optional<Bytes> fileBytes(const std::string& path, size_t bytesMax) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    if (errno == ENOENT) return std::nullopt;
    throw ioError("open " + path, errno);
  }
  Bytes bytes(bytesMax);
  size_t at = 0;
  while (at < bytesMax) {
    const ssize_t got = pread(fd.get(), bytes.data() + at, bytesMax - at, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw ioError("read " + path, errno);
    if (got == 0) break;
    at += static_cast<size_t>(got);
  }
  bytes.resize(at);
  return bytes;
}

}  // namespace

std::optional<MendedPack> mendPack(const std::string& path, const Hash& id, const PageIdentity& identity,
                                   const PackFacts& facts) {
  if (!Mender::possible(facts)) return std::nullopt;
  auto bytes = fileBytes(path, facts.storedBytes);
  if (!bytes) return std::nullopt;
  return Mender(std::move(*bytes), id, facts).mend(identity);
}

}  // namespace ckpt
