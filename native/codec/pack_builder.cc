// SPDX-License-Identifier: Apache-2.0
#include "codec/pack_builder.h"

#include "codec/frame_codec.h"

namespace ckpt {

bool PackBuilder::fits(uint32_t storedBytes, uint32_t pages) const {
  return frames_.size() + storedBytes <= CKPT_PACK_STORED_BYTES_MAX && this->pages() + pages <= CKPT_PACK_PAGES_MAX;
}

void PackBuilder::add(uint32_t entry, const uint8_t* stored, const Hash* hashes, uint32_t pages) {
  if (frames_.capacity() == 0) frames_.reserve(CKPT_PACK_STORED_BYTES_MAX);
  table_.push_back(entry);
  frames_.insert(frames_.end(), stored, stored + storedBytesOf(entry));
  const auto* at = hashes->data();
  directory_.insert(directory_.end(), at, at + pages * kHashBytes);
}

Pack PackBuilder::close(const LogId& logId, const std::string& stream, Sha256& sha) {
  Pack pack;
  pack.pages = pages();
  pack_header header = {};
  memcpy(header.magic, "ckptpack", sizeof header.magic);
  header.version = CKPT_PACK_VERSION;
  header.codec = CKPT_CODEC_ZSTD;
  header.pages = pack.pages;
  header.frames = static_cast<uint32_t>(table_.size());
  header.frame_pages = CKPT_FRAME_PAGES;
  header.stored_bytes = frames_.size();
  memcpy(header.log_id, logId.data(), sizeof header.log_id);
  memcpy(header.stream, stream.data(), std::min(stream.size(), sizeof header.stream));
  header.raw_bytes = static_cast<uint64_t>(pack.pages) * kPageBytes;
  const size_t tableBytes = table_.size() * sizeof(uint32_t);
  pack.bytes.reserve(sizeof header + directory_.size() + tableBytes + frames_.size() + kHashBytes);
  append(pack.bytes, header);
  pack.bytes.insert(pack.bytes.end(), directory_.begin(), directory_.end());
  const auto* table = reinterpret_cast<const uint8_t*>(table_.data());
  pack.bytes.insert(pack.bytes.end(), table, table + tableBytes);
  pack.bytes.insert(pack.bytes.end(), frames_.begin(), frames_.end());
  frames_ = Bytes();
  sha.update(pack.bytes.data(), pack.bytes.size());
  pack.id = sha.finish();
  pack.bytes.insert(pack.bytes.end(), pack.id.begin(), pack.id.end());
  return pack;
}

}  // namespace ckpt
