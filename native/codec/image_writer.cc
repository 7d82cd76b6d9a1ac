// SPDX-License-Identifier: Apache-2.0
#include "codec/image_writer.h"

namespace ckpt {

ImageWriter::ImageWriter(const WriterOptions& options, std::function<void()> onChange)
    : options_(options),
      onChange_(std::move(onChange)),
      supply_(options.supplied ? std::make_unique<PackSupply>(options.packsDir, onChange_) : nullptr),
      packs_(options.packsDir, options.openPacksMax, supply_.get()),
      building_(std::make_shared<Job>()) {
  static const uint8_t zeroPage[kPageBytes] = {};
  zeroHash_ = PageHasher(options.identity).hash(zeroPage);
  const unsigned threads = options_.threads ? options_.threads : defaultThreads();
  workers_ = std::make_unique<WorkerPool>(threads, options_.identity, 1,
                                          [this](std::exception_ptr error) { fail(std::move(error)); });
  planner_ = std::thread([this] { runPlanner(); });
  sink_ = std::thread([this] { runSink(); });
}

ImageWriter::~ImageWriter() { close(); }

void ImageWriter::push(StreamEvent event) {
  std::lock_guard<std::mutex> lock(mutex_);
  eventBytes_ += event.value.size();
  events_.push_back(std::move(event));
  changed_.notify_all();
}

bool ImageWriter::hasRoom() {
  std::lock_guard<std::mutex> lock(mutex_);
  throwIfFailed();
  return eventBytes_ < options_.eventBytesMax;
}

void ImageWriter::finish() {
  std::lock_guard<std::mutex> lock(mutex_);
  finishing_ = true;
  changed_.notify_all();
}

std::optional<WriterSummary> ImageWriter::takeFinished() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (finished_) return finished_;
  throwIfFailed();
  return std::nullopt;
}

void ImageWriter::close() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (closed_) return;
    closed_ = true;
  }
  fail(std::make_exception_ptr(cancelledError()));
  planner_.join();
  workers_->stop();
  sink_.join();
}

void ImageWriter::fail(std::exception_ptr error) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!error_) error_ = std::move(error);
    stopping_ = true;
    changed_.notify_all();
  }
  stop_.set();
  if (supply_) supply_->stop();
  onChange_();
}

// Holds the lock.
void ImageWriter::throwIfFailed() {
  if (error_) std::rethrow_exception(error_);
}

void ImageWriter::runPlanner() {
  nameThread("ckpt-planner");
  try {
    for (;;) {
      StreamEvent event;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        changed_.wait(lock, [this] { return stopping_ || finishing_ || !events_.empty(); });
        if (stopping_) return;
        if (events_.empty()) break;
        event = std::move(events_.front());
        events_.pop_front();
        eventBytes_ -= event.value.size();
      }
      plan(event);
      onChange_();
    }
    if (!run_.empty()) throw eventError("the stream ends inside a run of pages");
    for (; segment_ < options_.segments.size(); segment_++) fillTo(options_.segments[segment_].endPage);
    if (!building_->chunk.empty()) passChunk();
    std::lock_guard<std::mutex> lock(mutex_);
    planned_ = true;
    changed_.notify_all();
  } catch (...) {
    fail(std::current_exception());
  }
}

void ImageWriter::plan(const StreamEvent& event) {
  if (event.pages) {
    if (options_.memory) {
      planMemory(event.value);
    } else {
      planPages(event.value);
    }
    return;
  }
  if (!run_.empty()) throw eventError("a record stands inside a run of pages");
  building_->chunk.addLiteral(event.value.data(), event.value.size());
  if (building_->chunk.full()) passChunk();
}

void ImageWriter::planPages(Bytes value) {
  const PagesEvent event(value.data(), value.size());
  if (run_.empty()) {
    runTotal_ = event.header().total;
    runPages_ = 0;
  }
  if (event.header().total != runTotal_ || event.header().first != runPages_) {
    throw eventError("pages: it does not go on where the event before it ended");
  }
  runPages_ += event.header().pages;
  run_.push_back(std::move(value));
  if (runPages_ == runTotal_) emitRun();
}

// The run is complete: all its addresses, then all its contents.
void ImageWriter::emitRun() {
  std::vector<uint64_t> addresses;
  addresses.reserve(runTotal_);
  for (const Bytes& value : run_) {
    const PagesEvent event(value.data(), value.size());
    for (const PageRun& run : event.runs()) {
      for (uint32_t i = 0; i < run.count; i++) addresses.push_back((run.firstPage + i) * kPageBytes);
    }
  }
  building_->chunk.addLiteral(reinterpret_cast<const uint8_t*>(addresses.data()), addresses.size() * sizeof(uint64_t));
  for (const Bytes& value : run_) {
    const PagesEvent event(value.data(), value.size());
    for (const PageRun& run : event.runs()) {
      for (uint32_t done = 0; done < run.count;) {
        if (building_->chunk.full()) passChunk();
        const uint32_t count = std::min(run.count - done, building_->chunk.pageRoom());
        if (run.zero) {
          building_->chunk.addZeroPages(count);
        } else {
          building_->chunk.addPages(event.packId(run.pack), run.slot + done, count);
        }
        done += count;
      }
    }
  }
  run_.clear();
  if (building_->chunk.full()) passChunk();
}

// What lies in no segment is left out; a page behind the segment being written ends that one.
void ImageWriter::planMemory(const Bytes& value) {
  const PagesEvent event(value.data(), value.size());
  for (const PageRun& run : event.runs()) {
    uint64_t page = run.firstPage;
    const uint64_t endPage = page + run.count;
    while (page < endPage && segment_ < options_.segments.size()) {
      const auto& segment = options_.segments[segment_];
      if (page >= segment.endPage) {
        fillTo(segment.endPage);
        segment_++;
        continue;
      }
      if (endPage <= segment.firstPage) break;
      page = std::max(page, segment.firstPage);
      const uint64_t partEnd = std::min(endPage, segment.endPage);
      if (page < nextPage_) throw eventError("pages: their addresses do not ascend");
      fillTo(page);
      placeRun(event, run, page, partEnd);
      page = partEnd;
    }
  }
}

// Zeros from where the segment stands up to a page of it.
void ImageWriter::fillTo(uint64_t page) {
  nextPage_ = std::max(nextPage_, options_.segments[segment_].firstPage);
  if (page <= nextPage_) return;
  building_->chunk.addHole((page - nextPage_) * kPageBytes);
  nextPage_ = page;
}

void ImageWriter::placeRun(const PagesEvent& event, const PageRun& run, uint64_t page, uint64_t endPage) {
  if (run.zero) {
    fillTo(endPage);
    return;
  }
  while (page < endPage) {
    if (building_->chunk.full()) passChunk();
    const auto count = static_cast<uint32_t>(std::min<uint64_t>(endPage - page, building_->chunk.pageRoom()));
    building_->chunk.addPages(event.packId(run.pack), run.slot + static_cast<uint32_t>(page - run.firstPage), count);
    page += count;
  }
  nextPage_ = endPage;
}

void ImageWriter::passChunk() {
  auto job = std::move(building_);
  building_ = std::make_shared<Job>();
  job->start = plannedBytes_;
  plannedBytes_ += job->chunk.length();
  if (plannedBytes_ <= options_.firstByte || job->start >= options_.endByte) return;  // outside of what is wanted
  {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return stopping_ || sequence_.size() < options_.chunksMax; });
    if (stopping_) throw cancelledError();
    sequence_.push_back(job);
  }
  workers_->submit([this, job](Worker& worker) {
    if (options_.trustPacks) {
      job->chunk.fillHashes(packs_);
    } else {
      job->chunk.fill(packs_, worker);
    }
    std::lock_guard<std::mutex> lock(mutex_);
    job->filled = true;
    changed_.notify_all();
  });
}

void ImageWriter::runSink() {
  nameThread("ckpt-sink");
  try {
    Output output(options_.fd, stop_);
    Sha256 digest;
    digest.update(options_.identity.salt.data(), options_.identity.salt.size());
    WriterSummary summary;
    for (;;) {
      std::shared_ptr<Job> job;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        changed_.wait(lock, [this] { return stopping_ || (sequence_.empty() ? planned_ : sequence_.front()->filled); });
        if (stopping_) return;
        if (sequence_.empty()) break;
        job = std::move(sequence_.front());
        sequence_.pop_front();
        changed_.notify_all();
      }
      uint64_t written = job->chunk.length();
      if (options_.memory) {
        job->chunk.writeTo(output);
      } else {
        const uint64_t from = std::max(options_.firstByte, job->start) - job->start;
        const uint64_t to = std::min<uint64_t>(options_.endByte - job->start, written);
        written = to - from;
        output.write(job->chunk.bytes().data() + from, written);
        job->chunk.digest(digest, zeroHash_);
      }
      summary.pages += job->chunk.pageCount();
      bytesWritten_ += written;
    }
    output.finish();
    if (!options_.memory) summary.digest = digest.finish();
    {
      std::lock_guard<std::mutex> lock(mutex_);
      summary.bytes = plannedBytes_;
      finished_ = summary;
    }
    onChange_();
  } catch (...) {
    fail(std::current_exception());
  }
}

}  // namespace ckpt
