// SPDX-License-Identifier: Apache-2.0
#include "pager/pinning.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

#include "codec/error.h"
#include "codec/worker_pool.h"

namespace ckpt {

namespace {

/** Of the pager, at most about so many. */
constexpr int kOtherDescriptors = 64;

}  // namespace

Pinning::Pinning(PageSource* source, int readyFd) : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!event_) throw ioError("eventfd", errno);
  // The table of descriptors grows while we are alone: with threads each growth waits for all processors (synchronize_rcu in the kernel).
  const int high = fcntl(event_.get(), F_DUPFD_CLOEXEC, static_cast<int>(source->packs()) + kOtherDescriptors);
  if (high >= 0) close(high);
  thread_ = std::thread([this, source, readyFd] {
    nameThread("ckpt-pinning");
    source->pin();
    (void)!write(readyFd, "p", 1);
    close(readyFd);
    done_ = true;
    const uint64_t one = 1;
    (void)!write(event_.get(), &one, sizeof one);
  });
}

Pinning::~Pinning() { thread_.join(); }

}  // namespace ckpt
