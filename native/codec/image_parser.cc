// SPDX-License-Identifier: Apache-2.0
#include "codec/image_parser.h"

#include <algorithm>

#include "codec/crc32c.h"

namespace ckpt {

std::string recordLabelOf(uint32_t type) {
  const char* name = "unknown";
  switch (type) {
#define CKPT_NAME(record) \
  case CKPT_REC_##record: \
    name = #record;       \
    break;
    CKPT_NAME(HEAD)
    CKPT_NAME(STR)
    CKPT_NAME(TASK)
    CKPT_NAME(THREAD)
    CKPT_NAME(CPU)
    CKPT_NAME(MM)
    CKPT_NAME(VMA)
    CKPT_NAME(MM_CONTEXT)
    CKPT_NAME(TAIL)
    CKPT_NAME(MACHINE)
    CKPT_NAME(TASK2)
    CKPT_NAME(CREDS)
    CKPT_NAME(RLIMITS)
    CKPT_NAME(PATH)
    CKPT_NAME(SIGACTIONS)
    CKPT_NAME(SIGPENDING)
    CKPT_NAME(ITIMERS)
    CKPT_NAME(POSIX_TIMER)
    CKPT_NAME(FILE)
    CKPT_NAME(MM2)
    CKPT_NAME(VDSO)
    CKPT_NAME(VMA2)
    CKPT_NAME(PAGES)
    CKPT_NAME(LDT)
    CKPT_NAME(THREAD2)
    CKPT_NAME(REGS)
    CKPT_NAME(XSTATE)
    CKPT_NAME(TLS)
    CKPT_NAME(TAIL2)
#undef CKPT_NAME
  }
  return std::string(name) + " (" + std::to_string(type) + ")";
}

ImageParser::ImageParser(ImageSink& sink) : sink_(sink) { wantHeader(); }

void ImageParser::nextImage() {
  streamBase_ += totals_.bytes;
  totals_ = ImageTotals();
  crc_ = 0;
  headerBytes_ = sizeof(cr_hdr);
  previousType_ = type_ = expectedType_ = lastKnown_ = pathKind_ = 0;
  inThread_ = false;
  wantHeader();
}

void ImageParser::fail(const std::string& what) const {
  throw imageError(streamBase_ + recordAt_, recordLabel(), what);
}

std::string ImageParser::recordLabel() const {
  if (want_ == Want::kHeader && filled_ < headerBytes_) return expectedLabel();
  return recordLabelOf(type_);
}

std::string ImageParser::expectedLabel() const {
  if (totals_.records == 0) return recordLabelOf(CKPT_REC_HEAD);
  if (totals_.formatVersion == 1) return recordLabelOf(expectedType_);
  return "after " + recordLabelOf(previousType_);
}

void ImageParser::finish() const {
  if (atEnd()) return;
  const std::string at = std::to_string(streamOffset());
  if (atStart()) fail("the stream is empty");
  if (want_ == Want::kHeader && filled_ == 0) fail("the stream ends at byte " + at + ", before the image's tail");
  fail("the stream ends inside it, at byte " + at);
}

size_t ImageParser::feed(const uint8_t* bytes, size_t count) {
  const uint8_t* at = bytes;
  const uint8_t* const end = bytes + count;
  while (at < end && want_ != Want::kEnd) {
    const size_t left = static_cast<size_t>(end - at);
    size_t taken;
    const uint8_t* const from = at;
    switch (want_) {
      case Want::kHeader:
        taken = std::min(left, headerBytes_ - filled_);
        memcpy(buffer_ + filled_, from, taken);
        break;
      case Want::kPayload:
        taken = std::min(left, headerBytes_ + fixedBytes_ - filled_);
        memcpy(buffer_ + filled_, from, taken);
        break;
      default:
        taken = static_cast<size_t>(std::min<uint64_t>(left, remaining_));
        break;
    }
    if (totals_.formatVersion != 1) crc_ = crc32c(crc_, from, taken);
    totals_.bytes += taken;
    at += taken;
    switch (want_) {
      case Want::kHeader:
        filled_ += taken;
        if (filled_ == headerBytes_) onHeader();
        break;
      case Want::kPayload:
        filled_ += taken;
        if (filled_ == headerBytes_ + fixedBytes_) onPayload();
        break;
      case Want::kStream:
        sink_.recordBytes(from, taken);
        remaining_ -= taken;
        lastByte_ = from[taken - 1];
        if (!remaining_) onStreamEnd();
        break;
      case Want::kAddresses:
        for (size_t i = 0; i < taken; i++) {
          word_[wordFilled_++] = from[i];
          if (wordFilled_ < sizeof word_) continue;
          wordFilled_ = 0;
          onAddress(load<uint64_t>(word_));
        }
        remaining_ -= taken;
        if (!remaining_) onAddressesEnd();
        break;
      case Want::kContents:
        remaining_ -= taken;
        sink_.contents(from, taken);
        if (!remaining_) wantHeader();
        break;
      case Want::kEnd:
        break;
    }
  }
  return static_cast<size_t>(at - bytes);
}

void ImageParser::wantHeader() {
  want_ = Want::kHeader;
  filled_ = 0;
  previousType_ = type_;
  recordAt_ = totals_.bytes;
  crcBefore_ = crc_;
  endsInNul_ = false;
  begun_ = false;
}

// The header is complete: says how much of the payload is to be held (fixedBytes_), and checks type and order.
void ImageParser::onHeader() {
  if (totals_.formatVersion == 2) {
    headerV2();
  } else {
    headerV1();
  }
  want_ = Want::kPayload;
  if (fixedBytes_ == 0) onPayload();
}

void ImageParser::onPayload() {
  if (totals_.records == 0) {
    headPayload();
  } else if (totals_.formatVersion == 1) {
    payloadV1();
  } else {
    payloadV2();
  }
}

// Hands on what buffer_ holds, then either streams `remaining_` more bytes of the same record or ends it.
void ImageParser::emitRecord() {
  totals_.records++;
  sink_.recordBegin(type_);
  sink_.recordBytes(buffer_, headerBytes_ + fixedBytes_);
  if (remaining_) {
    want_ = Want::kStream;
  } else {
    endRecord();
  }
}

void ImageParser::onStreamEnd() {
  if (endsInNul_) check(lastByte_ == 0, "the path does not end in NUL");
  endRecord();
}

void ImageParser::endRecord() {
  sink_.recordEnd();
  if (type_ == CKPT_REC_TAIL || type_ == CKPT_REC_TAIL2) {
    want_ = Want::kEnd;
  } else if (totals_.formatVersion == 1) {
    recordEndedV1();
  } else if (type_ == CKPT_REC_PAGES) {
    beginAddresses(load<uint32_t>(buffer_ + headerBytes_));
  } else {
    if (totals_.records == 1) headerBytes_ = sizeof(cr2_hdr);
    wantHeader();
  }
}

void ImageParser::beginAddresses(uint32_t pages) {
  want_ = Want::kAddresses;
  remaining_ = static_cast<uint64_t>(pages) * sizeof(uint64_t);
  addresses_.clear();
  wordFilled_ = 0;
}

void ImageParser::onAddress(uint64_t address) {
  check(address % kPageBytes == 0, "a page address is not page-aligned");
  check(address >= vmaStart_ && address < vmaEnd_, "a page address is outside its mapping");
  check(!addressesDone_ && address >= addressMin_, "page addresses are not ascending");
  addressMin_ = address + kPageBytes;
  addressesDone_ = addressMin_ == 0;
  addresses_.push_back(address);
}

void ImageParser::onAddressesEnd() {
  totals_.pages += addresses_.size();
  want_ = Want::kContents;
  remaining_ = addresses_.size() * kPageBytes;
  sink_.pagesBegin(addresses_);
}

}  // namespace ckpt
