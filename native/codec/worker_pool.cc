// SPDX-License-Identifier: Apache-2.0
#include "codec/worker_pool.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>

namespace ckpt {

WorkerPool::WorkerPool(unsigned threads, const PageIdentity& identity, int level,
                       std::function<void(std::exception_ptr)> onError)
    : identity_(identity), level_(level), onError_(std::move(onError)) {
  threads_.reserve(threads);
  for (unsigned i = 0; i < threads; i++) threads_.emplace_back([this] { run(); });
}

WorkerPool::~WorkerPool() { stop(); }

void WorkerPool::submit(Job job, bool urgent) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_) return;
    (urgent ? urgent_ : jobs_).push_back(std::move(job));
  }
  changed_.notify_one();
}

void WorkerPool::stop() {
  std::deque<Job> dropped, droppedUrgent;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    dropped.swap(jobs_);
    droppedUrgent.swap(urgent_);
  }
  changed_.notify_all();
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void WorkerPool::run() {
  nameThread("ckpt-worker");
  Worker worker(identity_, level_);
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !urgent_.empty() || !jobs_.empty(); });
    if (stopping_) return;
    auto& queue = urgent_.empty() ? jobs_ : urgent_;
    Job job = std::move(queue.front());
    queue.pop_front();
    lock.unlock();
    try {
      job(worker);
    } catch (...) {
      onError_(std::current_exception());
    }
    job = nullptr;
    lock.lock();
  }
}

unsigned defaultThreads() {
  cpu_set_t set;
  const int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 2;
  return static_cast<unsigned>(std::clamp(count, 1, 4));
}

void nameThread(const char* name) { pthread_setname_np(pthread_self(), name); }

}  // namespace ckpt
