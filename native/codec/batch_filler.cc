// SPDX-License-Identifier: Apache-2.0
#include "codec/batch_filler.h"

#include <algorithm>

namespace ckpt {

Batch& BatchFiller::batch() {
  if (!batch_) {
    batch_ = pool_->take();
    if (!batch_) throw cancelledError();
  }
  return *batch_;
}

void BatchFiller::pass() {
  pass_(std::move(batch_));
  batch_ = nullptr;
}

void BatchFiller::recordBegin(uint32_t) { inRecord_ = false; }

void BatchFiller::recordBytes(const uint8_t* bytes, size_t count) {
  while (count) {
    Batch& to = batch();
    if (!inRecord_) {
      to.items.push_back(BatchItem{BatchItem::Kind::kRecord, to.aux.size(), 0});
      inRecord_ = true;
    }
    BatchItem& item = to.items.back();
    const size_t taken = std::min(count, CKPT_EVENT_VALUE_BYTES_MAX - item.count);
    to.aux.insert(to.aux.end(), bytes, bytes + taken);
    item.count += taken;
    bytes += taken;
    count -= taken;
    if (item.count == CKPT_EVENT_VALUE_BYTES_MAX) recordEnd();
  }
}

void BatchFiller::recordEnd() {
  inRecord_ = false;
  if (batch_ && batch_->aux.size() >= kBatchAuxBytes) pass();
}

void BatchFiller::pagesBegin(const std::vector<uint64_t>& addresses) {
  Batch& to = batch();
  const auto* at = reinterpret_cast<const uint8_t*>(addresses.data());
  const size_t bytes = addresses.size() * sizeof(uint64_t);
  to.items.push_back(BatchItem{BatchItem::Kind::kRun, to.aux.size(), bytes});
  to.aux.insert(to.aux.end(), at, at + bytes);
}

uint8_t* BatchFiller::contentsRoom(size_t& bytes) {
  Batch& to = batch();
  bytes = kBatchPageBytes - to.pageBytes;
  return to.pages + to.pageBytes;
}

void BatchFiller::contents(const uint8_t* bytes, size_t count) {
  while (count) {
    Batch& to = batch();
    const size_t taken = std::min(count, kBatchPageBytes - to.pageBytes);
    if (bytes != to.pages + to.pageBytes) memcpy(to.pages + to.pageBytes, bytes, taken);
    const bool starts = to.items.empty() || to.items.back().kind != BatchItem::Kind::kPages;
    if (starts) to.items.push_back(BatchItem{BatchItem::Kind::kPages, to.pageCount(), 0});
    to.pageBytes += taken;
    to.items.back().count = to.pageCount() - to.items.back().at;
    bytes += taken;
    count -= taken;
    if (to.pageBytes == kBatchPageBytes) pass();
  }
}

void BatchFiller::imageEnd(const ImageTotals& totals) {
  Batch& to = batch();
  to.items.push_back(BatchItem{BatchItem::Kind::kImageEnd, 0, 0});
  to.totals = totals;
  pass();
}

}  // namespace ckpt
