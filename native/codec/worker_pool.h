// SPDX-License-Identifier: Apache-2.0
//
// Threads that hash, compress and decompress. A job is some milliseconds of work at most, so that stop() is soon done.
#ifndef CKPT_CODEC_WORKER_POOL_H
#define CKPT_CODEC_WORKER_POOL_H

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "codec/frame_codec.h"
#include "codec/page_hasher.h"
#include "codec/sha256.h"

namespace ckpt {

/** What each thread has for itself. */
struct Worker {
  Worker(const PageIdentity& identity, int level) : hasher(identity), codec(level) {}
  PageHasher hasher;
  FrameCodec codec;
  Sha256 sha;
  Bytes scratch;
};

class WorkerPool {
 public:
  using Job = std::function<void(Worker&)>;

  /** `onError` is called on a worker's thread with what a job threw. */
  WorkerPool(unsigned threads, const PageIdentity& identity, int level,
             std::function<void(std::exception_ptr)> onError);
  ~WorkerPool();

  /** Jobs start in the order of submission, `urgent` ones before all others. */
  void submit(Job job, bool urgent = false);
  /** Drops the jobs that have not started, waits for those that have. Idempotent. */
  void stop();

 private:
  void run();

  PageIdentity identity_;
  int level_;
  std::function<void(std::exception_ptr)> onError_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> urgent_;
  std::deque<Job> jobs_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

/** Threads to use when the caller names none: one a processor, at most 4. */
unsigned defaultThreads();

/** Names the calling thread, for top and gdb; at most 15 characters. */
void nameThread(const char* name);

}  // namespace ckpt

#endif  // CKPT_CODEC_WORKER_POOL_H
