// SPDX-License-Identifier: Apache-2.0
#include "pager/working_set.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdio>

#include "codec/bytes.h"
#include "codec/crc32c.h"
#include "codec/unique_fd.h"

namespace ckpt {

namespace {

constexpr char kMagic[] = "ckptwset";
constexpr size_t kMagicBytes = 8;
constexpr size_t kHeaderBytes = kMagicBytes + 8;

}  // namespace

WorkingSet::WorkingSet(std::string path) : path_(std::move(path)) {
  const UniqueFd fd(path_.empty() ? -1 : open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return;
  Bytes bytes(kHeaderBytes + kPagesMax * sizeof(uint64_t) + 1);
  const ssize_t got = read(fd.get(), bytes.data(), bytes.size());
  if (got < static_cast<ssize_t>(kHeaderBytes) || memcmp(bytes.data(), kMagic, kMagicBytes) != 0) return;
  const auto count = load<uint32_t>(bytes.data() + kMagicBytes + 4);
  const size_t body = count * sizeof(uint64_t);
  if (count > kPagesMax || static_cast<size_t>(got) != kHeaderBytes + body) return;
  if (crc32c(0, bytes.data() + kHeaderBytes, body) != load<uint32_t>(bytes.data() + kMagicBytes)) return;
  recorded_.resize(count);
  if (count != 0) memcpy(recorded_.data(), bytes.data() + kHeaderBytes, body);
}

void WorkingSet::note(uint64_t page) {
  if (noted_.size() < kPagesMax) noted_.push_back(page);
}

void WorkingSet::keep() const {
  if (path_.empty() || noted_.empty() || !recorded_.empty()) return;
  Bytes bytes(kMagic, kMagic + kMagicBytes);
  const size_t body = noted_.size() * sizeof(uint64_t);
  append(bytes, crc32c(0, noted_.data(), body));
  append(bytes, static_cast<uint32_t>(noted_.size()));
  const auto* from = reinterpret_cast<const uint8_t*>(noted_.data());
  bytes.insert(bytes.end(), from, from + body);
  const std::string temporary = path_ + "." + std::to_string(getpid());
  {
    const UniqueFd fd(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!fd) return;
    if (write(fd.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
      unlink(temporary.c_str());
      return;
    }
  }
  if (rename(temporary.c_str(), path_.c_str()) != 0) unlink(temporary.c_str());
}

}  // namespace ckpt
