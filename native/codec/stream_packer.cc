// SPDX-License-Identifier: Apache-2.0
#include "codec/stream_packer.h"

namespace ckpt {

namespace {

constexpr size_t kFramesPerJob = 16;               // some 700 us of work
constexpr size_t kWaitingEventBytesMax = 4 << 20;  // more than this closes a pack early
constexpr size_t kPackJobsMax = 4;

}  // namespace

StreamPacker::StreamPacker(ImageReader& reader)
    : reader_(reader),
      index_(reader.options_.index.get()),
      events_(reader.options_.index, [this](StreamEvent event) { reader_.emit(std::move(event)); }),
      gathering_(std::make_shared<FrameJob>()) {
  static const uint8_t zeroPage[kPageBytes] = {};
  zeroHash_ = PageHasher(reader.options_.identity).hash(zeroPage);
}

void StreamPacker::beginImage(const std::string& checkpoint) {
  checkpoint_ = checkpoint;
  summary_ = ImageSummary();
  ended_ = false;
  digest_.reset();
  const Salt& salt = reader_.options_.identity.salt;
  digest_.update(salt.data(), salt.size());
}

void StreamPacker::takeBatch(const std::shared_ptr<Batch>& batch) {
  // Zero pages were not hashed.
  for (size_t i = 0; i < batch->pageCount(); i++) {
    if (!batch->nonZero[i]) batch->hashes[i] = zeroHash_;
  }
  if (index_) {
    found_.resize(batch->pageCount());
    places_.resize(batch->pageCount());
    index_->find(batch->hashes.data(), batch->nonZero.data(), batch->pageCount(), reader_.owner_, places_.data(),
                 found_.data());
  }
  for (const BatchItem& item : batch->items) {
    const uint8_t* const bytes = batch->aux.data() + item.at;
    switch (item.kind) {
      case BatchItem::Kind::kRecord:
        digest_.update(bytes, item.count);
        if (index_) events_.record(bytes, item.count);
        break;
      case BatchItem::Kind::kRun:
        digest_.update(bytes, item.count);
        addresses_.resize(item.count / sizeof(uint64_t));
        memcpy(addresses_.data(), bytes, item.count);
        addressNext_ = 0;
        if (index_) events_.beginRun(static_cast<uint32_t>(addresses_.size()));
        break;
      case BatchItem::Kind::kPages:
        takePages(batch, item);
        break;
      case BatchItem::Kind::kImageEnd:
        summary_.totals = batch->totals;
        summary_.digest = digest_.finish();
        ended_ = true;
        break;
    }
  }
  if (!index_) return;
  submitFrames(batch);
  carryOver();
  if (ended_) closeEarly();
  settle();
}

void StreamPacker::takePages(const std::shared_ptr<Batch>& batch, const BatchItem& item) {
  digest_.update(batch->hashes[item.at].data(), item.count * kHashBytes);
  for (size_t i = item.at; i < item.at + item.count; i++) {
    PageRef ref;
    if (!batch->nonZero[i]) {
      summary_.zeroPages++;
    } else if (!index_) {
      continue;
    } else if (found_[i]) {
      ref.kind = PageRef::Kind::kStored;
      ref.pack = places_[i].pack;
      ref.slot = places_[i].slot;
    } else {
      ref = addNew(batch->page(i), batch->hashes[i]);
      if (gathering_->frames.size() > kFramesPerJob) submitFrames(batch);
    }
    if (index_) events_.addPage(addresses_[addressNext_++], ref);
  }
}

PageRef StreamPacker::addNew(const uint8_t* page, const Hash& hash) {
  PageRef ref;
  ref.kind = PageRef::Kind::kPending;
  const auto [at, isNew] = pending_.try_emplace(hash, nextNumber_);
  ref.number = at->second;
  ref.isNew = isNew;
  if (!isNew) return ref;
  nextNumber_++;
  summary_.newPages++;
  auto& frames = gathering_->frames;
  if (frames.empty() || frames.back().count == CKPT_FRAME_PAGES) frames.emplace_back();
  Frame& frame = frames.back();
  frame.pages[frame.count] = page;
  frame.hashes[frame.count] = hash;
  frame.count++;
  return ref;
}

// Sends the complete frames to a worker; an incomplete one stays behind, its pages still in the batch or carried.
void StreamPacker::submitFrames(const std::shared_ptr<Batch>& batch) {
  auto job = gathering_;
  if (job->frames.empty()) return;
  auto rest = std::make_shared<FrameJob>();
  const bool complete = job->frames.back().count == CKPT_FRAME_PAGES;
  if (!complete && !job->closePack) {
    if (job->frames.size() == 1) return;
    rest->frames.push_back(job->frames.back());
    job->frames.pop_back();
  }
  gathering_ = std::move(rest);
  job->batch = batch;
  {
    std::lock_guard<std::mutex> lock(reader_.mutex_);
    frameJobs_.push_back(job);
  }
  ImageReader& reader = reader_;
  reader_.workers_->submit(
      [job, &reader](Worker& worker) {
        worker.scratch.resize(kFrameRawBytesMax);
        for (Frame& frame : job->frames) {
          const uint8_t* raw = frame.pages[0];
          bool consecutive = true;
          for (uint32_t i = 1; i < frame.count; i++)
            consecutive = consecutive && frame.pages[i] == raw + i * kPageBytes;
          if (!consecutive) {
            for (uint32_t i = 0; i < frame.count; i++) {
              memcpy(worker.scratch.data() + i * kPageBytes, frame.pages[i], kPageBytes);
            }
            raw = worker.scratch.data();
          }
          frame.at = job->stored.size();
          frame.entry = worker.codec.compress(raw, frame.count * kPageBytes, job->stored);
        }
        job->batch = nullptr;
        std::lock_guard<std::mutex> lock(reader.mutex_);
        job->done = true;
        reader.changed_.notify_all();
      },
      true);
}

// The batch is about to be given back: copies the pages of the incomplete frame, so that nothing waits for it.
void StreamPacker::carryOver() {
  FrameJob& job = *gathering_;
  if (job.frames.empty()) return;
  Frame& frame = job.frames.back();
  Bytes carried(CKPT_FRAME_PAGES * kPageBytes);
  for (uint32_t i = 0; i < frame.count; i++) {
    memcpy(carried.data() + i * kPageBytes, frame.pages[i], kPageBytes);
    frame.pages[i] = carried.data() + i * kPageBytes;
  }
  job.carried = std::move(carried);
}

// Closes the pack behind what has come so far, full or not.
void StreamPacker::closeEarly() {
  gathering_->closePack = true;
  if (!gathering_->frames.empty()) {
    submitFrames(nullptr);
    return;
  }
  gathering_->done = true;
  std::lock_guard<std::mutex> lock(reader_.mutex_);
  frameJobs_.push_back(std::move(gathering_));
  gathering_ = std::make_shared<FrameJob>();
}

bool StreamPacker::canStep() const {
  if (!packJobs_.empty() && packJobs_.front()->done) return true;
  return packJobs_.size() < kPackJobsMax && !frameJobs_.empty() && frameJobs_.front()->done;
}

void StreamPacker::step() {
  for (;;) {
    std::shared_ptr<PackJob> pack;
    std::shared_ptr<FrameJob> frames;
    {
      std::lock_guard<std::mutex> lock(reader_.mutex_);
      if (!packJobs_.empty() && packJobs_.front()->done) {
        pack = std::move(packJobs_.front());
        packJobs_.pop_front();
      } else if (packJobs_.size() < kPackJobsMax && !frameJobs_.empty() && frameJobs_.front()->done) {
        frames = std::move(frameJobs_.front());
        frameJobs_.pop_front();
      } else {
        return;
      }
    }
    if (pack) {
      takePack(*pack);
    } else {
      takeFrames(*frames);
    }
  }
}

void StreamPacker::takeFrames(const FrameJob& job) {
  for (const Frame& frame : job.frames) {
    if (!builder_.fits(storedBytesOf(frame.entry), frame.count)) closePack();
    builder_.add(frame.entry, job.stored.data() + frame.at, frame.hashes, frame.count);
  }
  if (job.closePack) closePack();
  settle();
}

void StreamPacker::closePack() {
  if (builder_.empty()) return;
  auto job = std::make_shared<PackJob>();
  std::swap(job->builder, builder_);
  {
    std::lock_guard<std::mutex> lock(reader_.mutex_);
    packJobs_.push_back(job);
  }
  ImageReader& reader = reader_;
  reader_.workers_->submit(
      [job, &reader, checkpoint = checkpoint_](Worker& worker) {
        job->pack = job->builder.close(reader.options_.logId, checkpoint, worker.sha);
        std::lock_guard<std::mutex> lock(reader.mutex_);
        job->done = true;
        reader.changed_.notify_all();
      },
      true);
}

void StreamPacker::takePack(PackJob& job) {
  Bytes directory = job.builder.takeDirectory();
  Hash hash;
  for (size_t at = 0; at < directory.size(); at += kHashBytes) {
    memcpy(hash.data(), directory.data() + at, kHashBytes);
    pending_.erase(hash);
  }
  const uint32_t pack = index_->add(job.pack.id, std::move(directory), reader_.owner_);
  summary_.newPacks++;
  summary_.storedBytes += job.pack.bytes.size();
  events_.packClosed(pack, job.pack.pages);
  reader_.emit(std::move(job.pack));
  settle();
}

// Emits what can be emitted; when too much waits for a pack that fills slowly, closes it.
void StreamPacker::settle() {
  events_.drain();
  bool idle;
  {
    std::lock_guard<std::mutex> lock(reader_.mutex_);
    idle = frameJobs_.empty() && packJobs_.empty();
  }
  if (idle && events_.waitingBytes() > kWaitingEventBytesMax && !(gathering_->frames.empty() && builder_.empty())) {
    closeEarly();
  }
}

std::optional<ImageSummary> StreamPacker::takeSummary() {
  if (!ended_) return std::nullopt;
  {
    std::lock_guard<std::mutex> lock(reader_.mutex_);
    if (!frameJobs_.empty() || !packJobs_.empty()) return std::nullopt;
  }
  if (!builder_.empty() || !events_.empty()) return std::nullopt;
  ended_ = false;
  return summary_;
}

}  // namespace ckpt
