// SPDX-License-Identifier: Apache-2.0
#include "pager/user_faults.h"

#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>

#include "codec/bytes.h"

namespace ckpt {

int UserFaults::agree(int fd) {
  uffdio_api api = {};
  api.api = UFFD_API;
  api.features =
      UFFD_FEATURE_EVENT_FORK | UFFD_FEATURE_EVENT_REMAP | UFFD_FEATURE_EVENT_REMOVE | UFFD_FEATURE_EVENT_UNMAP;
  return ioctl(fd, UFFDIO_API, &api) == 0 ? 0 : errno;
}

int UserFaults::watch(int fd, uint64_t start, uint64_t bytes) {
  uffdio_register range = {};
  range.range.start = start;
  range.range.len = bytes;
  range.mode = UFFDIO_REGISTER_MODE_MISSING;
  return ioctl(fd, UFFDIO_REGISTER, &range) == 0 ? 0 : errno;
}

void UserFaults::wake(uint64_t address) {
  uffdio_range range = {address, kPageBytes};
  ioctl(fd_.get(), UFFDIO_WAKE, &range);
}

UserFaults::Result UserFaults::copy(uint64_t address, const uint8_t* pages, uint64_t count, uint64_t* done) {
  uint64_t most = count;
  for (*done = 0; *done < count;) {
    const uint64_t at = address + *done * kPageBytes, wanted = std::min(most, count - *done);
    uffdio_copy copy = {};
    copy.dst = at;
    copy.src = reinterpret_cast<uint64_t>(pages + *done * kPageBytes);
    copy.len = wanted * kPageBytes;
    const int error = ioctl(fd_.get(), UFFDIO_COPY, &copy) == 0 ? 0 : errno;
    if (error == 0 || copy.copy > 0) {
      *done += error == 0 ? wanted : static_cast<uint64_t>(copy.copy) / kPageBytes;
    } else if (error == EEXIST) {
      wake(at);
      ++*done;
    } else if (error == ENOENT || error == EINVAL) {
      // One call serves one mapping: where it ends, page by page.
      if (wanted == 1) return Result::kAbsent;
      most = 1;
    } else {
      return error == ESRCH ? Result::kGone : Result::kRetry;
    }
  }
  return Result::kDone;
}

UserFaults::Result UserFaults::zero(uint64_t address) {
  uffdio_zeropage zero = {};
  zero.range = {address, kPageBytes};
  if (ioctl(fd_.get(), UFFDIO_ZEROPAGE, &zero) == 0) return Result::kDone;
  const int error = errno;
  if (error == ESRCH) return Result::kGone;
  if (error != EEXIST && error != ENOENT && error != EINVAL) return Result::kRetry;
  wake(address);
  return error == EEXIST ? Result::kDone : Result::kAbsent;
}

bool UserFaults::alive() const {
  // Hardly ever is anything there, and then nothing that is watched: only a memory that is no more says so.
  uffdio_zeropage zero = {};
  zero.range = {kProbe, kPageBytes};
  return ioctl(fd_.get(), UFFDIO_ZEROPAGE, &zero) == 0 || errno != ESRCH;
}

bool UserFaults::read(std::vector<uffd_msg>* messages) {
  uffd_msg batch[32];
  const ssize_t n = ::read(fd_.get(), batch, sizeof batch);
  if (n <= 0) return false;
  messages->insert(messages->end(), batch, batch + static_cast<size_t>(n) / sizeof *batch);
  return true;
}

}  // namespace ckpt
