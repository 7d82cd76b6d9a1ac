// SPDX-License-Identifier: Apache-2.0
#include "codec/restart_plan.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "codec/crc32c.h"
#include "codec/error.h"

namespace ckpt {

RestartPlan::RestartPlan(int fd) {
  struct stat status;
  if (fstat(fd, &status) != 0) throw ioError("stat the plan of the restart", errno);
  bytes_ = static_cast<size_t>(status.st_size);
  if (bytes_ < sizeof(restart_plan)) throw eventError("the plan of the restart is too short");
  void* at = mmap(nullptr, bytes_, PROT_READ, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) throw ioError("map the plan of the restart", errno);
  base_ = static_cast<const uint8_t*>(at);
  const restart_plan& plan = header();
  const uint64_t records = (plan.records_bytes + 7) / 8 * 8;
  const uint64_t rest = uint64_t{plan.packs} * kHashBytes + uint64_t{plan.runs} * sizeof(plan_run);
  const bool whole = memcmp(plan.magic, "ckptplan", sizeof plan.magic) == 0 && plan.version == CKPT_PLAN_VERSION &&
                     (plan.hash == CKPT_HASH_SHA256 || plan.hash == CKPT_HASH_BLAKE3) && plan.records_bytes <= bytes_ &&
                     records + rest == bytes_ - sizeof plan &&
                     crc32c(0, base_ + sizeof plan, bytes_ - sizeof plan) == plan.crc32c;
  if (!whole) {
    munmap(at, bytes_);
    throw eventError("the plan of the restart is not whole");
  }
  ids_ = base_ + sizeof plan + records;
  runs_ = reinterpret_cast<const plan_run*>(ids_ + size_t{plan.packs} * kHashBytes);
}

RestartPlan::~RestartPlan() { munmap(const_cast<uint8_t*>(base_), bytes_); }

std::string RestartPlan::checkpoint() const {
  return std::string(header().checkpoint, strnlen(header().checkpoint, sizeof header().checkpoint));
}

PageIdentity RestartPlan::identity() const {
  PageIdentity identity;
  identity.hash = static_cast<PageHash>(header().hash);
  memcpy(identity.salt.data(), header().salt, identity.salt.size());
  return identity;
}

Hash RestartPlan::packId(uint32_t pack) const {
  Hash id;
  memcpy(id.data(), ids_ + size_t{pack} * kHashBytes, kHashBytes);
  return id;
}

const plan_run* RestartPlan::from(uint64_t page) const {
  return std::upper_bound(begin(), end(), page,
                          [](uint64_t at, const plan_run& run) { return at < run.first_page + run.count; });
}

PlanPlace RestartPlan::find(uint64_t page) const {
  const plan_run* run = from(page);
  if (run == end() || page < run->first_page) return {};
  return {run, static_cast<uint32_t>(page - run->first_page)};
}

}  // namespace ckpt
