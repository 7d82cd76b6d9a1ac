// SPDX-License-Identifier: Apache-2.0
//
// A descriptor read or written by a thread that can be told to stop while it waits: a stop event is polled beside it.
// The descriptor belongs to someone else; its flags are not touched, because others may share them.
#ifndef CKPT_CODEC_DESCRIPTOR_IO_H
#define CKPT_CODEC_DESCRIPTOR_IO_H

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

#include "codec/unique_fd.h"

namespace ckpt {

constexpr int kPipeBytes = 1 << 20;

/** Set once, from any thread; wakes everybody who polls it. */
class StopEvent {
 public:
  StopEvent();
  void set();
  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
};

class Input {
 public:
  /** Enlarges a pipe to kPipeBytes where that is allowed. */
  Input(int fd, const StopEvent& stop);
  /** Reads what there is, at least a byte unless at the end (0). CodecError of kind io or cancelled. */
  size_t read(const iovec* into, int count);

 private:
  const int fd_;
  const StopEvent& stop_;
};

class Output {
 public:
  /** As Input; a pipe is opened a second time, without blocking, so that a write can be given up. -1: nothing is written. */
  Output(int fd, const StopEvent& stop);
  /** Writes all. CodecError of kind io (EPIPE among them) or cancelled. */
  void write(const uint8_t* bytes, size_t count);
  /** Zeros: at the end of a regular file a hole that takes no room, elsewhere written out. finish() is due then. */
  void skip(uint64_t count);
  /** Makes a file as long as what was skipped. */
  void finish();

 private:
  const int fd_;
  const StopEvent& stop_;
  UniqueFd own_;
  bool socket_ = false;
  bool sparse_ = false;
  bool skipped_ = false;
};

}  // namespace ckpt

#endif  // CKPT_CODEC_DESCRIPTOR_IO_H
