// SPDX-License-Identifier: Apache-2.0
#include "process/image_peek.h"

#include <ckpt_image.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <vector>

#include "process/process_error.h"
#include "process/procfs.h"

namespace ckpt {
namespace {

// HEAD, and TASK behind it or MACHINE, TASK2 and CREDS; an image of either version is longer.
constexpr size_t kBytes =
    sizeof(cr_hdr) + sizeof(cr_head) + 3 * sizeof(cr2_hdr) + sizeof(cr2_machine) + sizeof(cr2_task) + sizeof(cr2_creds);
constexpr useconds_t kNapMicroseconds = 2000;

bool writerIsGone(int fd) {
  pollfd poll_ = {fd, POLLIN, 0};
  return poll(&poll_, 1, 0) > 0 && (poll_.revents & POLLHUP) != 0;
}

std::vector<uint8_t> copyOfPipe(int fd) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw ProcessError::system(kFailed, "cannot make a pipe");
  const Fd out(ends[0]), in(ends[1]);
  for (;;) {
    const bool last = writerIsGone(fd);
    std::vector<uint8_t> bytes(kBytes);
    const ssize_t n = tee(fd, in.get(), bytes.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw ProcessError::system(kCannot, "cannot look into the image's pipe");
    if (n > 0 && read(out.get(), bytes.data(), static_cast<size_t>(n)) != n)
      throw ProcessError::system(kFailed, "cannot read back from a pipe");
    bytes.resize(static_cast<size_t>(n));
    if (last || n == 0 || bytes.size() == kBytes) return bytes;
    usleep(kNapMicroseconds);
  }
}

std::vector<uint8_t> beginning(int fd) {
  struct stat file;
  if (fstat(fd, &file) != 0) throw ProcessError::system(kFailed, "cannot look at the image's descriptor");
  if (S_ISFIFO(file.st_mode)) return copyOfPipe(fd);
  std::vector<uint8_t> bytes(kBytes);
  const ssize_t n = pread(fd, bytes.data(), bytes.size(), lseek(fd, 0, SEEK_CUR));
  if (n < 0) throw ProcessError::system(kCannot, "cannot look into the image", "give it as a file or through a pipe");
  bytes.resize(static_cast<size_t>(n));
  return bytes;
}

template <typename T>
bool at(const std::vector<uint8_t>& bytes, size_t offset, T* value) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof *value) return false;
  memcpy(value, bytes.data() + offset, sizeof *value);
  return true;
}

/** Version 2 may have records that we do not know before those that name the pid and the user. */
void peek2(const std::vector<uint8_t>& bytes, size_t offset, ImagePeek* peek) {
  cr2_hdr header;
  for (; at(bytes, offset, &header); offset += sizeof header + header.len) {
    cr2_task task;
    cr2_creds creds;
    if (header.type == CKPT_REC_TASK2 && at(bytes, offset + sizeof header, &task))
      peek->pid = static_cast<pid_t>(task.pid);
    if (header.type != CKPT_REC_CREDS) continue;
    if (at(bytes, offset + sizeof header, &creds)) peek->creds = creds;
    return;
  }
}

}  // namespace

ImagePeek peekImage(int fd) {
  const std::vector<uint8_t> bytes = beginning(fd);
  cr_hdr header;
  cr_head head;
  if (!at(bytes, 0, &header) || !at(bytes, sizeof header, &head) || header.type != CKPT_REC_HEAD ||
      head.magic != CKPT_HEAD_MAGIC || (head.version != 1 && head.version != 2))
    throw ProcessError(kDamaged, bytes.empty() ? "there is no image" : "this is no image", "byte 0");
  const size_t next = sizeof header + sizeof head;
  ImagePeek peek;
  peek.format = head.version;
  cr_task task;
  if (head.version == 2) peek2(bytes, next, &peek);
  else if (at(bytes, next + sizeof header, &task)) peek.pid = task.pid;
  if (peek.pid < 0) peek.pid = 0;
  return peek;
}

}  // namespace ckpt
