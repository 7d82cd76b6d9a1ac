// SPDX-License-Identifier: Apache-2.0
#include "codec/descriptor_io.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "codec/error.h"

namespace ckpt {

namespace {

std::string operationOn(const char* verb, int fd) { return std::string(verb) + " descriptor " + std::to_string(fd); }

// Waits until fd is ready for `events`. CodecError of kind cancelled when the stop event is set first.
void waitFor(int fd, short events, const StopEvent& stop) {
  pollfd wanted[2] = {{fd, events, 0}, {stop.fd(), POLLIN, 0}};
  for (;;) {
    const int ready = poll(wanted, 2, -1);
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) throw ioError(operationOn("poll", fd), errno);
    if (wanted[1].revents) throw cancelledError();
    if (wanted[0].revents & POLLNVAL) throw ioError(operationOn("poll", fd), EBADF);
    if (wanted[0].revents) return;
  }
}

}  // namespace

StopEvent::StopEvent() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!fd_) throw ioError("eventfd", errno);
}

void StopEvent::set() {
  const uint64_t one = 1;
  // It can only fail when the counter is full, and then it is set.
  [[maybe_unused]] const ssize_t written = ::write(fd_.get(), &one, sizeof one);
}

Input::Input(int fd, const StopEvent& stop) : fd_(fd), stop_(stop) {
  // Not a pipe, or above the user's limit: it works without, slower.
  (void)fcntl(fd, F_SETPIPE_SZ, kPipeBytes);
}

size_t Input::read(const iovec* into, int count) {
  for (;;) {
    waitFor(fd_, POLLIN, stop_);
    const ssize_t got = readv(fd_, into, count);
    if (got >= 0) return static_cast<size_t>(got);
    if (errno != EINTR && errno != EAGAIN) throw ioError(operationOn("read from", fd_), errno);
  }
}

Output::Output(int fd, const StopEvent& stop) : fd_(fd), stop_(stop) {
  if (fd < 0) return;
  struct stat status;
  if (fstat(fd, &status) < 0) throw ioError(operationOn("stat", fd), errno);
  socket_ = S_ISSOCK(status.st_mode);
  // Holes only where nothing is yet: in the middle of a file there are bytes to be overwritten.
  sparse_ = S_ISREG(status.st_mode) && !(fcntl(fd, F_GETFL) & O_APPEND) && lseek(fd, 0, SEEK_CUR) >= status.st_size;
  if (S_ISFIFO(status.st_mode)) {
    (void)fcntl(fd, F_SETPIPE_SZ, kPipeBytes);
    const std::string path = "/proc/self/fd/" + std::to_string(fd);
    own_.reset(open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  }
}

void Output::write(const uint8_t* bytes, size_t count) {
  if (fd_ < 0) return;
  const int fd = own_ ? own_.get() : fd_;
  while (count) {
    waitFor(fd, POLLOUT, stop_);
    const ssize_t put = socket_ ? send(fd, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL) : ::write(fd, bytes, count);
    if (put < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (put < 0) throw ioError(operationOn("write to", fd_), errno);
    if (put == 0) throw ioError(operationOn("write to", fd_), EIO);
    bytes += put;
    count -= static_cast<size_t>(put);
  }
}

void Output::skip(uint64_t count) {
  if (fd_ < 0 || count == 0) return;
  if (sparse_) {
    if (lseek(fd_, static_cast<off_t>(count), SEEK_CUR) < 0) throw ioError(operationOn("seek in", fd_), errno);
    skipped_ = true;
    return;
  }
  static const uint8_t zeros[64 << 10] = {};
  while (count) {
    const size_t part = static_cast<size_t>(std::min<uint64_t>(count, sizeof zeros));
    write(zeros, part);
    count -= part;
  }
}

void Output::finish() {
  if (!skipped_) return;
  const off_t end = lseek(fd_, 0, SEEK_CUR);
  struct stat status;
  if (end < 0 || fstat(fd_, &status) < 0) throw ioError(operationOn("stat", fd_), errno);
  if (status.st_size < end && ftruncate(fd_, end) < 0) throw ioError(operationOn("lengthen", fd_), errno);
}

}  // namespace ckpt
