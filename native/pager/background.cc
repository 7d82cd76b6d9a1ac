// SPDX-License-Identifier: Apache-2.0
#include "pager/background.h"

#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "codec/error.h"
#include "codec/worker_pool.h"

namespace ckpt {

Background::Background(PageSource* source, const PageIdentity& identity)
    : source_(*source), identity_(identity), event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE)) {
  if (!event_) throw ioError("eventfd", errno);
  thread_ = std::thread([this] { run(); });
}

Background::~Background() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Background::give(FrameJob job) {
  if (idle_.empty()) idle_.push_back(std::make_unique<FrameReader>(identity_));
  job.reader = std::move(idle_.back());
  idle_.pop_back();
  pending_++;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    given_.push_back(std::move(job));
  }
  changed_.notify_one();
}

std::optional<FrameJob> Background::take() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (done_.empty()) return std::nullopt;
  uint64_t one;
  (void)!read(event_.get(), &one, sizeof one);
  FrameJob job = std::move(done_.front());
  done_.pop_front();
  pending_--;
  return job;
}

void Background::run() {
  nameThread("ckpt-stream");
  setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), 19);
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !given_.empty(); });
    if (stopping_) return;
    FrameJob job = std::move(given_.front());
    given_.pop_front();
    lock.unlock();
    try {
      source_.read(job.pack, job.frame, job.reader.get());
    } catch (const std::exception& error) {
      job.error = error.what();
    }
    lock.lock();
    done_.push_back(std::move(job));
    const uint64_t one = 1;
    (void)!write(event_.get(), &one, sizeof one);
  }
}

}  // namespace ckpt
