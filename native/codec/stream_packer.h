// SPDX-License-Identifier: Apache-2.0
//
// What the sequencer does with batches: finds which pages are known, gathers the new ones into frames, has workers compress
// them, fills packs in frame order, and keeps the events waiting for them. All but the jobs run on the sequencer's thread.
#ifndef CKPT_CODEC_STREAM_PACKER_H
#define CKPT_CODEC_STREAM_PACKER_H

#include "codec/image_reader.h"

namespace ckpt {

class StreamPacker {
 public:
  explicit StreamPacker(ImageReader& reader);

  void beginImage(const std::string& checkpoint);
  void takeBatch(const std::shared_ptr<Batch>& batch);
  /** Whether a job is done that step() can go on from. Called under the reader's lock. */
  bool canStep() const;
  /** Takes up the results of jobs, as far as they are there. */
  void step();
  /** The summary, once the image's end was taken and everything of it has been emitted. */
  std::optional<ImageSummary> takeSummary();

 private:
  struct Frame {
    const uint8_t* pages[CKPT_FRAME_PAGES];
    Hash hashes[CKPT_FRAME_PAGES];
    uint32_t count = 0;
    uint32_t entry = 0;
    size_t at = 0;  // in FrameJob::stored
  };
  // Frames on their way through a worker. `done` is guarded by the reader's lock, the rest is the worker's until then.
  struct FrameJob {
    std::shared_ptr<Batch> batch;  // holds the pages
    Bytes carried;                 // pages of the first frame that came with earlier batches
    std::vector<Frame> frames;
    Bytes stored;
    bool closePack = false;  // behind these frames
    bool done = false;
  };
  struct PackJob {
    PackBuilder builder;
    Pack pack;
    bool done = false;
  };

  void takePages(const std::shared_ptr<Batch>& batch, const BatchItem& item);
  PageRef addNew(const uint8_t* page, const Hash& hash);
  void submitFrames(const std::shared_ptr<Batch>& batch);
  void carryOver();
  void closeEarly();
  void takeFrames(const FrameJob& job);
  void closePack();
  void takePack(PackJob& job);
  void settle();

  ImageReader& reader_;
  PageIndex* const index_;
  Sha256 digest_;
  Hash zeroHash_;
  std::string checkpoint_;
  StreamEvents events_;

  std::vector<uint64_t> addresses_;  // of the current run
  size_t addressNext_ = 0;
  std::vector<uint8_t> found_;
  std::vector<PagePlace> places_;

  std::unordered_map<Hash, uint64_t, HashHasher> pending_;  // pages of packs that are not closed: their numbers
  uint64_t nextNumber_ = 0;
  std::shared_ptr<FrameJob> gathering_;
  std::deque<std::shared_ptr<FrameJob>> frameJobs_;  // in order
  PackBuilder builder_;
  std::deque<std::shared_ptr<PackJob>> packJobs_;  // in order

  ImageSummary summary_;
  bool ended_ = false;
};

}  // namespace ckpt

#endif  // CKPT_CODEC_STREAM_PACKER_H
