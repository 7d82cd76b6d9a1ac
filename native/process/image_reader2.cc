// SPDX-License-Identifier: Apache-2.0
//
// Version 2: records in the order of format/image.mjs. Unknown records that are marked optional are passed over.

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "process/image_reader.h"

namespace ckpt {
namespace {

// Bounds of what is kept in memory, well above what a kernel lets a task have.
constexpr uint32_t kGroupsMax = 65536;
constexpr uint32_t kLimitsMax = 64;
constexpr uint32_t kSignalsMax = 65536;
constexpr uint32_t kTimersMax = 65536;
constexpr uint32_t kFilesMax = 1 << 20;

bool known2(uint32_t type) {
  switch (type) {
    case CKPT_REC_MACHINE:
    case CKPT_REC_TASK2:
    case CKPT_REC_CREDS:
    case CKPT_REC_RLIMITS:
    case CKPT_REC_PATH:
    case CKPT_REC_SIGACTIONS:
    case CKPT_REC_SIGPENDING:
    case CKPT_REC_ITIMERS:
    case CKPT_REC_POSIX_TIMER:
    case CKPT_REC_FILE:
    case CKPT_REC_MM2:
    case CKPT_REC_VDSO:
    case CKPT_REC_VMA2:
    case CKPT_REC_PAGES:
    case CKPT_REC_LDT:
    case CKPT_REC_THREAD2:
    case CKPT_REC_REGS:
    case CKPT_REC_XSTATE:
    case CKPT_REC_TLS:
    case CKPT_REC_TAIL2:
      return true;
    default:
      return false;
  }
}

}  // namespace

/** The header of the next known record; looking twice does not take it twice. */
RecordHeader ImageReader::next2() {
  while (!hasAhead_) {
    ahead_ = in_.header2();
    if (known2(ahead_.type)) {
      hasAhead_ = true;
      break;
    }
    if (image_->machine.page_bytes == 0) in_.invalid("unknown record before MACHINE");
    if (!(ahead_.flags & CKPT_REC_OPTIONAL)) {
      in_.unsupported("the image needs a record that this program does not know",
                      "use a newer version of this program");
    }
    in_.skip(ahead_.len);
    in_.payloadTaken(ahead_.len);
  }
  return ahead_;
}

RecordHeader ImageReader::expect2(uint32_t type, uint32_t id) {
  const RecordHeader header = next2();
  if (header.type != type) in_.invalid("this record is out of order, " + recordName(type) + " was expected");
  if (header.id != id) in_.invalid("the record's id is " + std::to_string(header.id) + ", not " + std::to_string(id));
  hasAhead_ = false;
  return header;
}

std::string ImageReader::readPath(uint32_t bytes) {
  if (bytes == 0 || bytes > CKPT_STR_BYTES_MAX) in_.invalid("a path of " + std::to_string(bytes) + " bytes");
  const std::vector<uint8_t> raw = in_.more(bytes);
  if (std::memchr(raw.data(), 0, bytes) != raw.data() + bytes - 1) in_.invalid("a path does not end in its only NUL");
  return std::string(raw.begin(), raw.end() - 1);
}

/** Relative paths would mean different files in different places. */
std::string ImageReader::readAbsolutePath(uint32_t bytes) {
  std::string path = readPath(bytes);
  if (path[0] != '/') in_.invalid("a path does not begin with a slash");
  return path;
}

std::vector<SignalInfo> ImageReader::readSignals(uint32_t ofThread) {
  const auto fixed = in_.fixed<cr2_sigpending>();
  if (fixed.siginfo_bytes != sizeof(SignalInfo) || fixed.of_thread != ofThread || fixed.count > kSignalsMax) {
    in_.invalid("wrong counts of pending signals");
  }
  const std::vector<uint8_t> raw = in_.more(size_t{fixed.count} * sizeof(SignalInfo));
  std::vector<SignalInfo> signals(fixed.count);
  for (size_t i = 0; i < signals.size(); i++) {
    std::memcpy(signals[i].data(), raw.data() + i * sizeof(SignalInfo), sizeof(SignalInfo));
    int32_t signo;
    std::memcpy(&signo, signals[i].data(), sizeof signo);
    if (signo < 1 || signo > 64) in_.invalid("pending signal " + std::to_string(signo));
  }
  in_.endPayload();
  return signals;
}

void ImageReader::read2() {
  expect2(CKPT_REC_MACHINE, 0);
  image_->machine = in_.fixed<cr2_machine>();
  in_.endPayload();
  if (image_->machine.page_bytes != CKPT_PAGE_BYTES)
    in_.invalid("pages of " + std::to_string(image_->machine.page_bytes) + " bytes");
  if (image_->machine.task_count == 0) in_.invalid("an image without tasks");
  if (image_->machine.task_count != 1)
    in_.unsupported("the image holds several processes", "only one can be restarted so far");
  readTask2();
  readFiles2();
  readMemory2();
  readThread2();
  readTail2();
}

void ImageReader::readTask2() {
  const uint32_t pid = next2().id;
  expect2(CKPT_REC_TASK2, pid);
  cr2_task& task = image_->task = in_.fixed<cr2_task>();
  in_.endPayload();
  if (task.pid != pid || pid == 0 || pid > 0x7fffffff) in_.invalid("TASK2's pid is not its id");
  if (task.thread_count == 0) in_.invalid("a task without threads");
  if (task.thread_count != 1) in_.unsupported("the task has several threads", "only one can be restarted so far");
  if (task.state != CKPT_STATE_RUNNING && task.state != CKPT_STATE_STOPPED) in_.invalid("unknown state of the task");
  if (task.file_count > kFilesMax) in_.invalid("too many files");

  expect2(CKPT_REC_CREDS, pid);
  image_->creds = in_.fixed<cr2_creds>();
  if (image_->creds.group_count > kGroupsMax) in_.invalid("too many groups");
  const std::vector<uint8_t> groups = in_.more(image_->creds.group_count * sizeof(uint32_t));
  in_.endPayload();
  image_->groups.resize(image_->creds.group_count);
  if (!groups.empty()) std::memcpy(image_->groups.data(), groups.data(), groups.size());

  expect2(CKPT_REC_RLIMITS, pid);
  const auto limits = in_.fixed<cr2_rlimits>();
  if (limits.count > kLimitsMax) in_.invalid("too many resource limits");
  image_->limits.resize(limits.count);
  const std::vector<uint8_t> pairs = in_.more(limits.count * sizeof(ResourceLimit));
  in_.endPayload();
  if (!pairs.empty()) std::memcpy(image_->limits.data(), pairs.data(), pairs.size());
  for (const ResourceLimit& limit : image_->limits)
    if (limit.soft > limit.hard) in_.invalid("a soft resource limit above its hard limit");

  uint32_t last = 0;
  while (next2().type == CKPT_REC_PATH) {
    expect2(CKPT_REC_PATH, pid);
    ImagePath path;
    path.fixed = in_.fixed<cr2_path>();
    if (path.fixed.kind <= last || path.fixed.kind > CKPT_PATH_ROOT) in_.invalid("PATH of a wrong kind");
    last = path.fixed.kind;
    path.path = readAbsolutePath(path.fixed.path_bytes);
    in_.endPayload();
    image_->paths.push_back(std::move(path));
  }
  if (!image_->path(CKPT_PATH_EXE) || !image_->path(CKPT_PATH_CWD))
    in_.invalid("PATH of the program or of the directory is missing");

  expect2(CKPT_REC_SIGACTIONS, pid);
  const auto actions = in_.fixed<cr2_sigactions>();
  if (actions.count > 64) in_.invalid("too many signal actions");
  const std::vector<uint8_t> table = in_.more(actions.count * sizeof(ImageAction));
  in_.endPayload();
  image_->actions.resize(actions.count);
  if (!table.empty()) std::memcpy(image_->actions.data(), table.data(), table.size());

  expect2(CKPT_REC_SIGPENDING, pid);
  image_->processSignals = readSignals(0);
  expect2(CKPT_REC_ITIMERS, pid);
  image_->itimers = in_.fixed<cr2_itimers>();
  image_->places[CKPT_REC_ITIMERS] = in_.place();
  in_.endPayload();
  while (next2().type == CKPT_REC_POSIX_TIMER) {
    expect2(CKPT_REC_POSIX_TIMER, pid);
    const auto timer = in_.fixed<cr2_posix_timer>();
    in_.endPayload();
    if (timer.timer_id < 0 || image_->timers.size() >= kTimersMax) in_.invalid("wrong timer id or too many timers");
    image_->timers.push_back(timer);
  }
  // Old kernels count ids up: timers are made again in the order of their ids, whatever order they are listed in.
  std::vector<cr2_posix_timer>& timers = image_->timers;
  std::sort(timers.begin(), timers.end(),
            [](const cr2_posix_timer& a, const cr2_posix_timer& b) { return a.timer_id < b.timer_id; });
  for (size_t i = 1; i < timers.size(); i++)
    if (timers[i].timer_id == timers[i - 1].timer_id) in_.invalid("two timers with one id");
}

void ImageReader::readFiles2() {
  const uint32_t pid = image_->task.pid;
  while (next2().type == CKPT_REC_FILE) {
    expect2(CKPT_REC_FILE, pid);
    ImageFile file;
    file.fixed = in_.fixed<cr2_file>();
    const cr2_file& f = file.fixed;
    // The path of a standard stream ("pipe:[4711]") is for people.
    if (f.path_bytes != 0)
      file.path = f.kind == CKPT_FILE_STDIO ? readPath(f.path_bytes) : readAbsolutePath(f.path_bytes);
    in_.endPayload();
    const int32_t above = image_->files.empty() ? -1 : image_->files.back().fixed.fd;
    if (f.fd <= above) in_.invalid("file descriptors do not ascend");
    if (f.kind < CKPT_FILE_REGULAR || f.kind > CKPT_FILE_STDIO) in_.invalid("unknown kind of file");
    if (f.kind == CKPT_FILE_STDIO && f.fd > 2 && f.same_as < 0) in_.invalid("a standard stream above descriptor 2");
    if (f.kind != CKPT_FILE_STDIO && file.path.empty() && f.same_as < 0) in_.invalid("a file without a path");
    if (f.same_as >= f.fd || f.same_as < -1) in_.invalid("a file shares a description with a higher one");
    if (f.same_as >= 0) {
      bool found = false;
      for (const ImageFile& other : image_->files) found = found || other.fixed.fd == f.same_as;
      if (!found) in_.invalid("a file shares a description with one that is not open");
    }
    if (f.offset > 0x7fffffffffffffff) in_.invalid("a negative file offset");
    image_->files.push_back(std::move(file));
  }
  if (image_->files.size() != image_->task.file_count) {
    in_.invalid(std::to_string(image_->files.size()) + " files instead of " + std::to_string(image_->task.file_count));
  }
}

void ImageReader::readTail2() {
  const RecordHeader header = expect2(CKPT_REC_TAIL2, 0);
  const uint64_t records = in_.records() - 1;
  const auto tail = in_.fixed<cr2_tail>();
  in_.endPayload();
  if (tail.magic != CKPT_TAIL2_MAGIC) in_.invalid("wrong magic number of the tail");
  if (tail.bytes != header.offset || tail.records != records || tail.pages != pages_) {
    in_.invalid("the tail counts " + std::to_string(tail.bytes) + " bytes, " + std::to_string(tail.records) +
                " records and " + std::to_string(tail.pages) + " pages, but " + std::to_string(header.offset) + ", " +
                std::to_string(records) + " and " + std::to_string(pages_) + " were read");
  }
  // What has no pages in it is checked by whoever left them out.
  if (!pagesElsewhere_ && tail.crc32c != in_.crcBeforeRecord()) in_.invalid("the checksum of the image is wrong");
}

}  // namespace ckpt
