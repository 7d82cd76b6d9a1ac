// SPDX-License-Identifier: Apache-2.0
#include "process/pagemap.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "process/process_error.h"

namespace ckpt {
namespace {

// linux/fs.h of 6.7 and later; older headers do not have it.
struct PageRegion {
  uint64_t start, end, categories;
};
struct ScanArguments {
  uint64_t size, flags, start, end, walkEnd, vec, vecLen, maxPages, categoryInverted, categoryMask, categoryAnyofMask,
      returnMask;
};
constexpr unsigned long kPagemapScan = _IOWR('f', 16, ScanArguments);
constexpr uint64_t kIsFile = 1 << 2, kIsPresent = 1 << 3, kIsSwapped = 1 << 4, kIsPfnZero = 1 << 5, kIsGuard = 1 << 8;

PageEntry decode(uint64_t word) {
  PageEntry entry;
  entry.present = word >> 63 & 1;
  entry.swapped = word >> 62 & 1;
  entry.fileOrShared = word >> 61 & 1;
  entry.exclusive = word >> 56 & 1;
  return entry;
}

}  // namespace

Pagemap::Pagemap(pid_t pid) : pid_(pid), fd_(open(procPath(pid, "pagemap").c_str(), O_RDONLY | O_CLOEXEC)) {
  if (!fd_) throw ProcessError::system(kCannot, "cannot open " + procPath(pid, "pagemap"));
}

PageEntry Pagemap::entry(uint64_t address) const {
  uint64_t word = 0;
  if (pread(fd_.get(), &word, sizeof word, static_cast<off_t>(address / kPageBytes * 8)) != sizeof word)
    return PageEntry();
  return decode(word);
}

bool Pagemap::scanPages(uint64_t start, uint64_t end, std::vector<uint64_t>* addresses) const {
  std::vector<PageRegion> regions(4096);
  ScanArguments scan = {};
  scan.size = sizeof scan;
  scan.end = end;
  scan.vec = reinterpret_cast<uint64_t>(regions.data());
  scan.vecLen = regions.size();
  // All of: not of a file, not the zero page; any of: present, swapped.
  scan.categoryInverted = kIsFile | kIsPfnZero;
  scan.categoryMask = kIsFile | kIsPfnZero;
  scan.categoryAnyofMask = kIsPresent | kIsSwapped;
  scan.returnMask = kIsPresent | kIsSwapped;
  for (uint64_t at = start; at < end;) {
    scan.start = at;
    scan.walkEnd = 0;
    int got = ioctl(fd_.get(), kPagemapScan, &scan);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && at == start) return false;
    if (got < 0) throw ProcessError::system(kFailed, "PAGEMAP_SCAN of process " + std::to_string(pid_));
    for (int i = 0; i < got; i++)
      for (uint64_t page = regions[static_cast<size_t>(i)].start; page < regions[static_cast<size_t>(i)].end;
           page += kPageBytes)
        addresses->push_back(page);
    if (scan.walkEnd <= at) break;
    at = scan.walkEnd;
  }
  return true;
}

uint64_t Pagemap::firstGuard(uint64_t start, uint64_t end) const {
  PageRegion region = {};
  ScanArguments scan = {};
  scan.size = sizeof scan;
  scan.start = start;
  scan.end = end;
  scan.vec = reinterpret_cast<uint64_t>(&region);
  scan.vecLen = 1;
  scan.maxPages = 1;
  scan.categoryMask = kIsGuard;
  scan.returnMask = kIsGuard;
  return ioctl(fd_.get(), kPagemapScan, &scan) > 0 ? region.start : 0;
}

void Pagemap::privatePages(uint64_t start, uint64_t end, std::vector<uint64_t>* addresses) const {
  if (scan_ != 0) {
    bool done = scanPages(start, end, addresses);
    if (scan_ < 0) scan_ = done ? 1 : 0;
    if (done) return;
    if (scan_ == 1) throw ProcessError::system(kFailed, "PAGEMAP_SCAN of process " + std::to_string(pid_));
  }
  std::vector<uint64_t> words(1 << 15);
  for (uint64_t at = start; at < end;) {
    size_t want = std::min<uint64_t>(words.size(), (end - at) / kPageBytes);
    ssize_t n = pread(fd_.get(), words.data(), want * 8, static_cast<off_t>(at / kPageBytes * 8));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) throw ProcessError::system(kFailed, "cannot read " + procPath(pid_, "pagemap"));
    for (size_t i = 0; i < static_cast<size_t>(n) / 8; i++) {
      PageEntry entry = decode(words[i]);
      if ((entry.present || entry.swapped) && !entry.fileOrShared) addresses->push_back(at + i * kPageBytes);
    }
    at += static_cast<uint64_t>(n) / 8 * kPageBytes;
  }
}

}  // namespace ckpt
