// SPDX-License-Identifier: Apache-2.0
//
// An incremental push parser of images, versions 1 and 2 (format/image.mjs). It takes bytes in pieces of any size, checks
// everything that sys_restart checks and that needs no running kernel, and hands each byte on exactly once, in order:
//
//   image  = record*                 the last one is the tail
//   record = recordBegin recordBytes* recordEnd [run]
//   run    = pagesBegin contents*    the pages of a VMA (version 1, after its STR) or of a PAGES record (version 2)
//
// The parser never allocates by a length it has not checked; records of any length pass through in pieces.
#ifndef CKPT_CODEC_IMAGE_PARSER_H
#define CKPT_CODEC_IMAGE_PARSER_H

#include <cstdint>
#include <string>
#include <vector>

#include "codec/bytes.h"
#include "codec/error.h"

namespace ckpt {

/** Takes what the parser finds, in the order of the image. Pointers are valid during the call only. */
class ImageSink {
 public:
  virtual ~ImageSink() = default;
  virtual void recordBegin(uint32_t type) = 0;
  /** The next bytes of the record: header, payload, and raw LDT or TLS bytes. */
  virtual void recordBytes(const uint8_t* bytes, size_t count) = 0;
  virtual void recordEnd() = 0;
  /** A run of pages begins: their addresses, checked. At least one. */
  virtual void pagesBegin(const std::vector<uint64_t>& addresses) = 0;
  /** The next bytes of the run's contents; not aligned to pages in any way. */
  virtual void contents(const uint8_t* bytes, size_t count) = 0;
};

/** What the parser counted in one image. */
struct ImageTotals {
  int formatVersion = 0;
  uint64_t bytes = 0;
  uint64_t records = 0;
  uint64_t pages = 0;
};

class ImageParser {
 public:
  explicit ImageParser(ImageSink& sink);

  /**
   * Takes bytes; returns how many it took, which is less than `count` only when the image ended among them.
   * Throws CodecError of kind image; the parser is of no use after that.
   */
  size_t feed(const uint8_t* bytes, size_t count);

  /** Bytes of page contents that come next; 0 when something else does. */
  uint64_t contentsWanted() const { return want_ == Want::kContents ? remaining_ : 0; }

  /** The image's tail was taken. */
  bool atEnd() const { return want_ == Want::kEnd; }
  /** No byte of the image was taken yet. */
  bool atStart() const { return totals_.bytes == 0; }
  /** The input ended: throws the error of a truncated image unless atEnd(). */
  void finish() const;
  /** Makes ready for another image behind this one. Offsets in errors go on counting. */
  void nextImage();
  const ImageTotals& totals() const { return totals_; }
  /** Bytes of all images so far. */
  uint64_t streamOffset() const { return streamBase_ + totals_.bytes; }

 private:
  enum class Want { kHeader, kPayload, kStream, kAddresses, kContents, kEnd };

  [[noreturn]] void fail(const std::string& what) const;
  void check(bool ok, const char* what) const {
    if (!ok) fail(what);
  }
  std::string recordLabel() const;
  std::string expectedLabel() const;

  void wantHeader();
  void onHeader();
  void onPayload();
  void onStreamEnd();
  void onAddress(uint64_t address);
  void onAddressesEnd();
  void emitRecord();
  void endRecord();
  void beginAddresses(uint32_t pages);

  // Version 1 (image_rules_v1.cc)
  void headerV1();
  void payloadV1();
  void recordEndedV1();
  void headPayload();

  // Version 2 (image_rules_v2.cc)
  void headerV2();
  void payloadV2();
  void streamEndV2();
  void allowV2() const;
  bool followsV2(uint32_t type) const;
  bool startsAfterThreadsV2(uint32_t type) const;
  bool startsAfterMapsV2(uint32_t type) const;
  void tailLength(uint64_t expected) const;
  void taskPayloadV2();
  void vmaPayloadV2();
  void filePayloadV2();
  void tailPayloadV2();

  ImageSink& sink_;
  Want want_ = Want::kHeader;
  ImageTotals totals_;
  uint64_t streamBase_ = 0;
  uint32_t crc_ = 0;
  bool begun_ = false;  // the sink knows of the current record

  // The record being taken.
  uint64_t recordAt_ = 0;  // byte offset within the image
  uint32_t crcBefore_ = 0;
  uint32_t type_ = 0;
  uint32_t previousType_ = 0;
  uint64_t payloadBytes_ = 0;
  size_t fixedBytes_ = 0;  // of the payload, held in buffer_ behind the header
  bool endsInNul_ = false;

  // buffer_ holds the header, then the fixed part of the payload.
  uint8_t buffer_[16 + CKPT_STR_BYTES_MAX];
  size_t headerBytes_ = 8;
  size_t filled_ = 0;
  uint64_t remaining_ = 0;  // of the stream, addresses or contents, in bytes
  uint8_t lastByte_ = 0;

  // The mapping whose pages may follow.
  uint64_t vmaAt_ = 0;  // byte offset of its record
  uint64_t vmaStart_ = 0;
  uint64_t vmaEnd_ = 0;
  uint64_t addressMin_ = 0;
  bool addressesDone_ = false;  // the mapping's last page has been named
  std::vector<uint64_t> addresses_;
  uint8_t word_[8];
  size_t wordFilled_ = 0;

  // Version 1: what has been promised.
  uint32_t expectedType_ = 0;
  uint32_t mapsLeft_ = 0;
  uint32_t vmaPages_ = 0;
  uint32_t nameBytes_ = 0;

  // Version 2: the last known record (unknown ones do not count) and what has been promised.
  uint32_t lastKnown_ = 0;
  uint32_t pathKind_ = 0;
  uint32_t vmaKind_ = 0;
  bool inThread_ = false;
  uint32_t tasksLeft_ = 0;
  uint32_t filesLeft_ = 0;
  uint32_t threadsLeft_ = 0;
};

/** Like "VMA (202)". */
std::string recordLabelOf(uint32_t type);

}  // namespace ckpt

#endif  // CKPT_CODEC_IMAGE_PARSER_H
