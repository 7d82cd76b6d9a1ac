// SPDX-License-Identifier: Apache-2.0
#include "codec/stream_events.h"

#include <algorithm>

namespace ckpt {

void StreamEvents::record(const uint8_t* bytes, size_t count) {
  Waiting waiting;
  waiting.record.assign(bytes, bytes + count);
  waiting_.push_back(std::move(waiting));
  waitingBytes_ += count + sizeof(Waiting);
}

void StreamEvents::beginRun(uint32_t total) {
  Waiting waiting;
  waiting.pages = true;
  waiting.total = waiting.missing = total;
  waiting_.push_back(std::move(waiting));
  waitingBytes_ += sizeof(Waiting);
}

void StreamEvents::addPage(uint64_t address, const PageRef& ref) {
  Waiting& run = waiting_.back();
  run.missing--;
  const uint64_t page = address / kPageBytes;
  if (run.segments.size() > run.drained) {
    Segment& last = run.segments.back();
    const PageRef& before = last.ref;
    bool continues = last.firstPage + last.count == page && before.kind == ref.kind && before.isNew == ref.isNew;
    if (ref.kind == PageRef::Kind::kStored) {
      continues = continues && before.pack == ref.pack && before.slot + last.count == ref.slot;
    } else if (ref.kind == PageRef::Kind::kPending) {
      continues = continues && before.number + last.count == ref.number;
    }
    if (continues) {
      last.count++;
      return;
    }
  }
  run.segments.push_back(Segment{page, ref, 1});
  waitingBytes_ += sizeof(Segment);
}

void StreamEvents::packClosed(uint32_t pack, uint32_t pages) {
  closed_.push_back(ClosedPack{resolved_, pages, pack, index_->idOf(pack)});
  resolved_ += pages;
}

const StreamEvents::ClosedPack& StreamEvents::packOf(uint64_t number) const {
  const auto after = std::upper_bound(closed_.begin(), closed_.end(), number,
                                      [](uint64_t n, const ClosedPack& pack) { return n < pack.first; });
  return *(after - 1);
}

void StreamEvents::drain() {
  while (!waiting_.empty()) {
    Waiting& front = waiting_.front();
    if (front.pages) {
      if (!drainRun(front)) return;
    } else {
      waitingBytes_ -= front.record.size();
      emit_(StreamEvent{false, std::move(front.record)});
    }
    waitingBytes_ -= sizeof(Waiting);
    waiting_.pop_front();
  }
}

// Whether the whole run is emitted. What is drained of a run that is still growing gives its memory back.
bool StreamEvents::drainRun(Waiting& run) {
  if (!run.started) {
    builder_.start(run.total);
    run.started = true;
  }
  while (run.drained < run.segments.size()) {
    Segment& segment = run.segments[run.drained];
    if (segment.ref.kind == PageRef::Kind::kPending && segment.ref.number + segment.count > resolved_) {
      if (segment.ref.number >= resolved_) break;
      Segment part = segment;
      part.count = static_cast<uint32_t>(resolved_ - segment.ref.number);
      emitSegment(part);
      segment.firstPage += part.count;
      segment.ref.number += part.count;
      segment.count -= part.count;
      break;
    }
    emitSegment(segment);
    run.drained++;
  }
  if (run.drained == run.segments.size() || run.drained > 4096) {
    waitingBytes_ -= run.drained * sizeof(Segment);
    run.segments.erase(run.segments.begin(), run.segments.begin() + static_cast<ptrdiff_t>(run.drained));
    run.drained = 0;
  }
  if (!run.segments.empty() || run.missing) return false;
  emit_(StreamEvent{true, builder_.take()});
  return true;
}

void StreamEvents::emitSegment(const Segment& segment) {
  PageRun run;
  run.firstPage = segment.firstPage;
  switch (segment.ref.kind) {
    case PageRef::Kind::kZero:
      run.zero = true;
      run.count = segment.count;
      emitRun(run, Hash(), 0);
      return;
    case PageRef::Kind::kStored:
      run.count = segment.count;
      run.pack = segment.ref.pack;
      run.slot = segment.ref.slot;
      emitRun(run, index_->idOf(run.pack), 0);
      return;
    case PageRef::Kind::kPending:
      break;
  }
  uint64_t number = segment.ref.number;
  for (uint32_t left = segment.count; left;) {
    const ClosedPack& pack = packOf(number);
    run.pack = pack.pack;
    run.slot = static_cast<uint32_t>(number - pack.first);
    run.count = std::min(left, pack.pages - run.slot);
    emitRun(run, pack.id, segment.ref.isNew ? run.count : 0);
    run.firstPage += run.count;
    number += run.count;
    left -= run.count;
  }
}

void StreamEvents::emitRun(const PageRun& run, const Hash& id, uint32_t newPages) {
  if (!builder_.hasRoom()) emit_(StreamEvent{true, builder_.take()});
  builder_.add(run, id, newPages);
}

}  // namespace ckpt
