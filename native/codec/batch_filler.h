// SPDX-License-Identifier: Apache-2.0
//
// Turns what the parser finds into batches.
#ifndef CKPT_CODEC_BATCH_FILLER_H
#define CKPT_CODEC_BATCH_FILLER_H

#include <functional>

#include "codec/batch.h"

namespace ckpt {

class BatchFiller : public ImageSink {
 public:
  /** `pass` takes each batch when it is full. */
  BatchFiller(std::shared_ptr<BatchPool> pool, std::function<void(std::shared_ptr<Batch>)> pass)
      : pool_(std::move(pool)), pass_(std::move(pass)) {}

  void recordBegin(uint32_t type) override;
  void recordBytes(const uint8_t* bytes, size_t count) override;
  void recordEnd() override;
  void pagesBegin(const std::vector<uint64_t>& addresses) override;
  void contents(const uint8_t* bytes, size_t count) override;

  /** Where the next page contents go, and how many bytes fit there: whoever reads them right there saves a copy. */
  uint8_t* contentsRoom(size_t& bytes);
  /** Ends the image and passes the last batch on. */
  void imageEnd(const ImageTotals& totals);

 private:
  Batch& batch();
  void pass();

  std::shared_ptr<BatchPool> pool_;
  std::function<void(std::shared_ptr<Batch>)> pass_;
  std::shared_ptr<Batch> batch_;
  bool inRecord_ = false;
};

}  // namespace ckpt

#endif  // CKPT_CODEC_BATCH_FILLER_H
