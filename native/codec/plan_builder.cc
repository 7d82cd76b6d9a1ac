// SPDX-License-Identifier: Apache-2.0
#include "codec/plan_builder.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <cerrno>
#include <limits>

#include "codec/crc32c.h"
#include "codec/error.h"

namespace ckpt {

PlanBuilder::PlanBuilder(std::string checkpoint, const PageIdentity& identity)
    : checkpoint_(std::move(checkpoint)), identity_(identity) {}

void PlanBuilder::record(const uint8_t* value, size_t bytes) { records_.insert(records_.end(), value, value + bytes); }

void PlanBuilder::pages(const uint8_t* value, size_t bytes) {
  const PagesEvent event(value, bytes);
  for (const PageRun& from : event.runs()) {
    plan_run run = {};
    run.first_page = from.firstPage;
    run.count = from.count;
    run.pack = from.zero ? CKPT_PLAN_ZERO : packNumber(event.packId(from.pack));
    run.slot = from.zero ? 0 : from.slot;
    add(run);
  }
}

uint32_t PlanBuilder::packNumber(const Hash& id) {
  const auto [at, isNew] = numbers_.try_emplace(id, static_cast<uint32_t>(numbers_.size()));
  if (isNew) ids_.insert(ids_.end(), id.begin(), id.end());
  return at->second;
}

void PlanBuilder::add(const plan_run& run) {
  if (pages_ + run.count > std::numeric_limits<uint32_t>::max()) throw eventError("pages: more than a plan can hold");
  if (!runs_.empty()) {
    plan_run& last = runs_.back();
    if (run.first_page < last.first_page + last.count) throw eventError("pages: addresses do not ascend");
    const bool zero = run.pack == CKPT_PLAN_ZERO;
    if (run.first_page == last.first_page + last.count && run.pack == last.pack &&
        (zero || run.slot == last.slot + last.count)) {
      last.count += run.count;
      pages_ += run.count;
      return;
    }
  }
  runs_.push_back(run);
  runs_.back().ordinal = static_cast<uint32_t>(pages_);
  pages_ += run.count;
}

UniqueFd PlanBuilder::finish(uint64_t imageBytes) {
  restart_plan header = {};
  memcpy(header.magic, "ckptplan", sizeof header.magic);
  header.version = CKPT_PLAN_VERSION;
  header.records_bytes = records_.size();
  header.packs = static_cast<uint32_t>(numbers_.size());
  header.runs = static_cast<uint32_t>(runs_.size());
  header.pages = pages_;
  header.image_bytes = imageBytes;
  header.hash = static_cast<uint16_t>(identity_.hash);
  memcpy(header.salt, identity_.salt.data(), identity_.salt.size());
  memcpy(header.checkpoint, checkpoint_.data(), std::min(checkpoint_.size(), sizeof header.checkpoint));
  records_.resize((records_.size() + 7) / 8 * 8);
  const struct {
    const void* data;
    size_t bytes;
  } parts[] = {
      {records_.data(), records_.size()}, {ids_.data(), ids_.size()}, {runs_.data(), runs_.size() * sizeof(plan_run)}};
  for (const auto& part : parts) header.crc32c = crc32c(header.crc32c, part.data, part.bytes);

  UniqueFd fd(memfd_create("ckpt-plan", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) throw ioError("make the plan of a restart", errno);
  const auto put = [&](const void* data, size_t bytes) {
    const auto* at = static_cast<const uint8_t*>(data);
    while (bytes > 0) {
      const ssize_t n = write(fd.get(), at, bytes);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) throw ioError("write the plan of a restart", errno);
      at += n;
      bytes -= static_cast<size_t>(n);
    }
  };
  put(&header, sizeof header);
  for (const auto& part : parts) put(part.data, part.bytes);
  if (fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)
    throw ioError("seal the plan of a restart", errno);
  return fd;
}

}  // namespace ckpt
