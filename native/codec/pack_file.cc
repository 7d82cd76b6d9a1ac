// SPDX-License-Identifier: Apache-2.0
#include "codec/pack_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>

#include "codec/error.h"

namespace ckpt {

namespace {

bool allZero(const uint8_t* bytes, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (bytes[i]) return false;
  }
  return true;
}

}  // namespace

PackFile::PackFile(const std::string& path, const std::string& id) : id_(id) {
  fd_.reset(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd_) {
    if (errno == ENOENT) throw packError(id, "the file " + path + " is missing");
    throw ioError("open " + path, errno);
  }
  // Where packs are a cache, whoever makes room leaves alone what is locked. It is no loss where a file system has no locks.
  (void)flock(fd_.get(), LOCK_SH);
  struct stat status;
  if (fstat(fd_.get(), &status) < 0) throw ioError("stat " + path, errno);
  readAt(&header_, sizeof header_, 0);
  const auto require = [&](bool ok, const char* what) {
    if (!ok) throw packError(id_, what);
  };
  require(memcmp(header_.magic, "ckptpack", sizeof header_.magic) == 0, "wrong magic");
  require(header_.version == CKPT_PACK_VERSION, "unknown pack version");
  require(header_.codec == CKPT_CODEC_ZSTD || header_.codec == CKPT_CODEC_NONE, "unknown codec");
  require(allZero(header_.key_id, sizeof header_.key_id), "it is encrypted with a key that is not at hand");
  require(header_.pages >= 1 && header_.pages <= CKPT_PACK_PAGES_MAX, "page count out of range");
  require(header_.frame_pages == CKPT_FRAME_PAGES, "unknown frame size");
  require(header_.frames == (header_.pages + CKPT_FRAME_PAGES - 1) / CKPT_FRAME_PAGES, "frame count is wrong");
  require(header_.raw_bytes == static_cast<uint64_t>(header_.pages) * kPageBytes, "raw size is wrong");
  directory_.resize(header_.pages * kHashBytes);
  readAt(directory_.data(), directory_.size(), sizeof header_);
  table_.resize(header_.frames);
  readAt(table_.data(), table_.size() * sizeof(uint32_t), sizeof header_ + directory_.size());
  framesAt_ = sizeof header_ + directory_.size() + table_.size() * sizeof(uint32_t);
  offsets_.reserve(table_.size() + 1);
  uint64_t offset = 0;
  for (uint32_t frame = 0; frame < header_.frames; frame++) {
    const uint32_t stored = storedBytesOf(table_[frame]);
    const bool raw = table_[frame] & CKPT_FRAME_RAW;
    require(raw ? stored == frameRawBytes(frame) : stored > 0 && stored < frameRawBytes(frame),
            "frame table entry out of range");
    offsets_.push_back(offset);
    offset += stored;
  }
  offsets_.push_back(offset);
  require(header_.stored_bytes == offset, "stored size is not the sum of the frames");
  const auto size = static_cast<uint64_t>(status.st_size);
  require(size == framesAt_ + offset + kHashBytes || size == framesAt_, "the file has the wrong size");
}

size_t PackFile::frameRawBytes(uint32_t frame) const {
  const uint32_t first = frame * CKPT_FRAME_PAGES;
  const uint32_t pages = header_.pages - first;
  return (pages < CKPT_FRAME_PAGES ? pages : CKPT_FRAME_PAGES) * kPageBytes;
}

void PackFile::readAt(void* to, size_t bytes, uint64_t offset) const {
  auto* at = static_cast<uint8_t*>(to);
  while (bytes) {
    const ssize_t got = pread(fd_.get(), at, bytes, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw ioError("read pack " + id_, errno);
    if (got == 0) throw packError(id_, "the file is too short");
    at += got;
    bytes -= static_cast<size_t>(got);
    offset += static_cast<uint64_t>(got);
  }
}

void PackFile::readFrames(uint32_t first, uint32_t last, Bytes& to) const {
  to.resize(offsets_[last] - offsets_[first]);
  readAt(to.data(), to.size(), framesAt_ + offsets_[first]);
}

Bytes PackFile::allBytes() const {
  Bytes all(framesAt_ + header_.stored_bytes + kHashBytes);
  readAt(all.data(), all.size(), 0);
  return all;
}

PackReport PackFile::report() const {
  PackReport report;
  report.pages = header_.pages;
  report.rawBytes = header_.raw_bytes;
  report.storedBytes = framesAt_ + header_.stored_bytes + kHashBytes;
  report.stream.assign(header_.stream, strnlen(header_.stream, sizeof header_.stream));
  return report;
}

PackReport PackFile::verify(const std::string& path, const std::string& id, const PageIdentity& identity) {
  const PackFile pack(path, id);
  const Bytes all = pack.allBytes();
  const size_t body = all.size() - kHashBytes;
  Sha256 sha;
  sha.update(all.data(), body);
  const Hash digest = sha.finish();
  if (memcmp(digest.data(), all.data() + body, kHashBytes) != 0) throw packError(id, "its digest is wrong");
  if (hexOf(digest) != id) throw packError(id, "its digest is not its name");
  FrameCodec codec(1);
  PageHasher hasher(identity);
  uint8_t raw[kFrameRawBytesMax];
  Hash hashes[CKPT_FRAME_PAGES];
  for (uint32_t frame = 0; frame < pack.frames(); frame++) {
    const size_t rawBytes = pack.frameRawBytes(frame);
    if (!codec.decompress(pack.table_[frame], all.data() + pack.framesAt_ + pack.offsets_[frame], raw, rawBytes)) {
      throw packError(id, "frame " + std::to_string(frame) + " does not decompress");
    }
    hasher.hashFrame(raw, rawBytes, hashes);
    for (size_t i = 0; i * kPageBytes < rawBytes; i++) {
      const uint32_t slot = frame * CKPT_FRAME_PAGES + static_cast<uint32_t>(i);
      if (memcmp(hashes[i].data(), pack.hashOf(slot), kHashBytes) != 0) {
        throw packError(id, "the page in slot " + std::to_string(slot) + " has another hash than the directory says");
      }
    }
  }
  return pack.report();
}

std::optional<Hash> readDirectoryEntry(const std::string& path, uint32_t slot) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  Hash hash;
  const off_t offset = static_cast<off_t>(sizeof(pack_header) + slot * kHashBytes);
  if (pread(fd.get(), hash.data(), kHashBytes, offset) != static_cast<ssize_t>(kHashBytes)) return std::nullopt;
  return hash;
}

}  // namespace ckpt
