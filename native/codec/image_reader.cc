// SPDX-License-Identifier: Apache-2.0
#include "codec/image_reader.h"

#include "codec/batch_filler.h"
#include "codec/stream_packer.h"

namespace ckpt {

namespace {

constexpr size_t kBatchesMax = 16;
constexpr size_t kOutputBytesMax = 8 << 20;
constexpr size_t kStagingBytes = 1 << 20;
// Events alone wake the owner when this much waits; packs and the image's end always do.
constexpr size_t kEventBytesToWake = 512 << 10;

}  // namespace

ImageReader::ImageReader(const ReaderOptions& options, std::function<void()> onChange)
    : options_(options), onChange_(std::move(onChange)), batches_(std::make_shared<BatchPool>(kBatchesMax)) {
  if (options_.index) owner_ = options_.index->newOwner();
  packer_ = std::make_unique<StreamPacker>(*this);
  const unsigned threads = options_.threads ? options_.threads : defaultThreads();
  workers_ = std::make_unique<WorkerPool>(threads, options_.identity, options_.level,
                                          [this](std::exception_ptr error) { fail(std::move(error)); });
  source_ = std::thread([this] { runSource(); });
  sequencer_ = std::thread([this] { runSequencer(); });
}

ImageReader::~ImageReader() { close(); }

void ImageReader::begin(const std::string& checkpoint) {
  std::lock_guard<std::mutex> lock(mutex_);
  // The owner asks for another image: the packs of the one before are in the log.
  if (options_.index && !imageOpen_) options_.index->release(owner_, true);
  begun_.reset();
  wantedImage_ = checkpoint;
  changed_.notify_all();
}

std::optional<bool> ImageReader::takeBegun() {
  std::lock_guard<std::mutex> lock(mutex_);
  throwIfFailed();
  auto begun = begun_;
  begun_.reset();
  return begun;
}

std::optional<ReaderBatch> ImageReader::takeBatch() {
  std::lock_guard<std::mutex> lock(mutex_);
  throwIfFailed();
  if (!outputAsked_) {
    outputAsked_ = true;
    changed_.notify_all();
  }
  const bool ready = !output_.packs.empty() || output_.image || outputBytes_ >= kEventBytesToWake;
  if (!ready) return std::nullopt;
  ReaderBatch batch = std::move(output_);
  output_ = ReaderBatch();
  outputBytes_ = 0;
  if (batch.image) imageOpen_ = false;
  changed_.notify_all();
  return batch;
}

void ImageReader::close() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (closed_) return;
    closed_ = true;
  }
  fail(std::make_exception_ptr(cancelledError()));
  source_.join();
  workers_->stop();
  sequencer_.join();
  if (options_.index) options_.index->release(owner_, !imageOpen_);
}

void ImageReader::fail(std::exception_ptr error) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!error_) error_ = std::move(error);
    stopping_ = true;
    changed_.notify_all();
  }
  stop_.set();
  batches_->stop();
  onChange_();
}

// Holds the lock.
void ImageReader::throwIfFailed() {
  if (error_) std::rethrow_exception(error_);
}

void ImageReader::runSource() {
  nameThread("ckpt-source");
  try {
    readImages();
  } catch (...) {
    fail(std::current_exception());
  }
}

void ImageReader::readImages() {
  Input input(options_.fd, stop_);
  BatchFiller filler(batches_, [this](std::shared_ptr<Batch> batch) { pass(std::move(batch)); });
  ImageParser parser(filler);
  Bytes staging(kStagingBytes);
  size_t at = 0, end = 0;  // staged bytes not parsed yet
  bool inputEnded = false;

  // Reads on. Page contents go right into the batch where they can.
  const auto readMore = [&] {
    iovec into[2];
    int count = 0;
    uint64_t wanted = parser.contentsWanted();
    size_t room = 0;
    uint8_t* direct = nullptr;
    if (wanted) {
      direct = filler.contentsRoom(room);
      if (room > wanted) room = static_cast<size_t>(wanted);
      into[count++] = iovec{direct, room};
    }
    // Behind contents that fill the batch there is nothing to stage: they go on.
    if (room == wanted) into[count++] = iovec{staging.data(), staging.size()};
    const size_t got = input.read(into, count);
    if (got == 0) inputEnded = true;
    bytesRead_ += got;
    const size_t gotDirect = std::min(got, room);
    if (gotDirect) parser.feed(direct, gotDirect);
    at = 0;
    end = got - gotDirect;
  };

  for (bool first = true;; first = false) {
    std::string checkpoint;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || wantedImage_; });
      if (stopping_) return;
      checkpoint = std::move(*wantedImage_);
      wantedImage_.reset();
    }
    if (at == end && !inputEnded) readMore();
    const bool another = at < end;
    if (!another && first && !options_.stream) parser.finish();
    {
      std::lock_guard<std::mutex> lock(mutex_);
      begun_ = another;
      imageOpen_ = another;
      outputAsked_ = false;
      if (another) packer_->beginImage(checkpoint);
    }
    onChange_();
    if (!another) return;
    while (!parser.atEnd()) {
      if (at < end) {
        at += parser.feed(staging.data() + at, end - at);
        continue;
      }
      readMore();
      if (inputEnded) parser.finish();
    }
    if (!options_.stream) {
      if (at == end && !inputEnded) readMore();
      if (at < end) {
        throw imageError(parser.streamOffset(),
                         "after " + recordLabelOf(parser.totals().formatVersion == 1 ? CKPT_REC_TAIL : CKPT_REC_TAIL2),
                         "there are bytes behind the image's tail");
      }
    }
    const ImageTotals totals = parser.totals();
    filler.imageEnd(totals);
    parser.nextImage();
  }
}

// Takes a full batch into the sequence and has it hashed.
void ImageReader::pass(std::shared_ptr<Batch> batch) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    sequence_.push_back(batch);
  }
  workers_->submit([this, batch](Worker& worker) {
    const size_t pages = batch->pageCount();
    batch->hashes.resize(pages);
    batch->nonZero.resize(pages);
    const uint8_t* wanted[kBatchPages];
    Hash hashes[kBatchPages];
    size_t count = 0;
    for (size_t i = 0; i < pages; i++) {
      batch->nonZero[i] = !isZeroPage(batch->page(i));
      if (batch->nonZero[i]) wanted[count++] = batch->page(i);
    }
    worker.hasher.hashMany(wanted, count, hashes);
    for (size_t i = 0, next = 0; i < pages; i++) {
      if (batch->nonZero[i]) batch->hashes[i] = hashes[next++];
    }
    std::lock_guard<std::mutex> lock(mutex_);
    batch->hashed = true;
    changed_.notify_all();
  });
}

void ImageReader::runSequencer() {
  nameThread("ckpt-sequencer");
  try {
    for (;;) {
      std::shared_ptr<Batch> batch;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        const auto batchReady = [this] {
          return outputAsked_ && outputBytes_ < kOutputBytesMax && !sequence_.empty() && sequence_.front()->hashed;
        };
        changed_.wait(lock, [&] { return stopping_ || packer_->canStep() || batchReady(); });
        if (stopping_) return;
        if (!packer_->canStep()) {
          batch = std::move(sequence_.front());
          sequence_.pop_front();
        }
      }
      if (batch) {
        packer_->takeBatch(batch);
      } else {
        packer_->step();
      }
      if (auto summary = packer_->takeSummary()) {
        {
          std::lock_guard<std::mutex> lock(mutex_);
          output_.image = std::move(summary);
        }
        onChange_();
      }
    }
  } catch (...) {
    fail(std::current_exception());
  }
}

void ImageReader::emit(StreamEvent event) {
  bool wake;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    outputBytes_ += event.value.size() + sizeof event;
    output_.events.push_back(std::move(event));
    wake = outputBytes_ >= kEventBytesToWake;
  }
  if (wake) onChange_();
}

void ImageReader::emit(Pack pack) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    outputBytes_ += pack.bytes.size();
    output_.packs.push_back(std::move(pack));
  }
  onChange_();
}

}  // namespace ckpt
