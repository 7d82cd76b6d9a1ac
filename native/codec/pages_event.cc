// SPDX-License-Identifier: Apache-2.0
#include "codec/pages_event.h"

namespace ckpt {

namespace {

constexpr size_t kRunBytesMax = 8 + 3 + 4 + 2;                  // gap, head, pack, slot
constexpr uint64_t kPageNumberMax = ~uint64_t{0} / kPageBytes;  // of the last page of the address space

}  // namespace

void PagesEventBuilder::start(uint32_t total) {
  total_ = total;
  first_ = 0;
}

bool PagesEventBuilder::hasRoom() const {
  return sizeof header_ + ids_.size() + kHashBytes + runs_.size() + 2 * kRunBytesMax <= CKPT_EVENT_VALUE_BYTES_MAX;
}

void PagesEventBuilder::add(const PageRun& run, const Hash& id, uint32_t newPages) {
  header_.pages += run.count;
  header_.new_pages += newPages;
  if (run.zero) header_.zero_pages += run.count;
  PageRun next = run;
  if (!run.zero) {
    const auto [at, isNew] = packs_.try_emplace(run.pack, header_.packs);
    if (isNew) {
      header_.packs++;
      ids_.insert(ids_.end(), id.begin(), id.end());
    }
    next.pack = at->second;
  }
  const bool continues = open_.count && open_.firstPage + open_.count == next.firstPage && open_.zero == next.zero &&
                         (next.zero || (open_.pack == next.pack && open_.slot + open_.count == next.slot));
  if (continues) {
    open_.count += next.count;
    return;
  }
  flush();
  open_ = next;
}

void PagesEventBuilder::flush() {
  if (!open_.count) return;
  appendLeb128(runs_, open_.firstPage - end_);
  appendLeb128(runs_, static_cast<uint64_t>(open_.count) << 1 | (open_.zero ? CKPT_RUN_ZERO : CKPT_RUN_PACK));
  if (!open_.zero) {
    appendLeb128(runs_, open_.pack);
    appendLeb128(runs_, open_.slot);
  }
  end_ = open_.firstPage + open_.count;
  open_ = PageRun();
}

Bytes PagesEventBuilder::take() {
  flush();
  header_.first = first_;
  header_.total = total_;
  header_.run_bytes = static_cast<uint32_t>(runs_.size());
  first_ += header_.pages;
  Bytes value;
  value.reserve(sizeof header_ + ids_.size() + runs_.size());
  append(value, header_);
  value.insert(value.end(), ids_.begin(), ids_.end());
  value.insert(value.end(), runs_.begin(), runs_.end());
  header_ = {};
  ids_.clear();
  runs_.clear();
  packs_.clear();
  end_ = 0;
  return value;
}

PagesEvent::PagesEvent(const uint8_t* value, size_t bytes) {
  const auto require = [](bool ok, const char* what) {
    if (!ok) throw eventError(std::string("pages: ") + what);
  };
  require(bytes >= sizeof header_, "shorter than its header");
  header_ = load<pages_event>(value);
  require(bytes == sizeof header_ + static_cast<uint64_t>(header_.packs) * kHashBytes + header_.run_bytes,
          "its length is not what its header says");
  require(header_.pages >= 1 && header_.total <= CKPT_PAGES_PER_RECORD_MAX &&
              static_cast<uint64_t>(header_.first) + header_.pages <= header_.total,
          "page counts out of range");
  ids_ = value + sizeof header_;
  const uint8_t* at = ids_ + header_.packs * kHashBytes;
  const uint8_t* const end = at + header_.run_bytes;
  uint64_t page = 0;
  uint64_t pages = 0;
  uint64_t zeroPages = 0;
  while (at < end) {
    const auto gap = readLeb128(at, end);
    const auto head = readLeb128(at, end);
    require(gap && head, "a run is cut off");
    PageRun run;
    const uint64_t count = *head >> 1;
    run.zero = (*head & 1) == CKPT_RUN_ZERO;
    require(count >= 1 && count <= header_.pages, "a run's count is out of range");
    require(*gap <= kPageNumberMax && page + *gap + count <= kPageNumberMax + 1, "a run is outside the address space");
    run.firstPage = page + *gap;
    run.count = static_cast<uint32_t>(count);
    if (!run.zero) {
      const auto pack = readLeb128(at, end);
      const auto slot = readLeb128(at, end);
      require(pack && slot, "a run is cut off");
      require(*pack < header_.packs, "a run names a pack that the event does not have");
      require(*slot < CKPT_PACK_PAGES_MAX && *slot + count <= CKPT_PACK_PAGES_MAX, "a run's slots are out of range");
      run.pack = static_cast<uint32_t>(*pack);
      run.slot = static_cast<uint32_t>(*slot);
    } else {
      zeroPages += count;
    }
    page = run.firstPage + count;
    pages += count;
    require(pages <= header_.pages, "its runs have more pages than its header says");
    runs_.push_back(run);
  }
  require(pages == header_.pages, "its runs have fewer pages than its header says");
  require(zeroPages == header_.zero_pages && header_.new_pages <= header_.pages, "its counts do not agree");
}

Hash PagesEvent::packId(uint32_t pack) const {
  Hash id;
  memcpy(id.data(), ids_ + pack * kHashBytes, kHashBytes);
  return id;
}

}  // namespace ckpt
