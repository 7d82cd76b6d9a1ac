// SPDX-License-Identifier: Apache-2.0
//
// Reads one image of either version from its first byte to its tail, in the order that format/image.mjs states, and
// hands memory on as it comes. Everything is checked before it is handed on: an image is untrusted input.
#ifndef CKPT_PROCESS_IMAGE_READER_H
#define CKPT_PROCESS_IMAGE_READER_H

#include <cstdint>
#include <vector>

#include "process/image_input.h"
#include "process/task_image.h"

namespace ckpt {

/** Takes what an image holds, in stream order. May throw; then the reading ends. */
class ImageSink {
 public:
  virtual ~ImageSink() = default;
  /** All that stands before the memory was read: the time to refuse. */
  virtual void layout(const TaskImage& image) = 0;
  /** The next mapping: above the one before it, page aligned, inside user space. */
  virtual void mapping(const ImageMapping& mapping) = 0;
  /** Contents of `count` pages of the mapping given last; addresses ascend over all calls for one mapping. */
  virtual void pages(const uint64_t* addresses, size_t count, const uint8_t* contents) = 0;
  /** No more pages for that mapping. */
  virtual void mappingEnd() = 0;
  /** Version 1: instead of a mapping, the vdso of the writer's kernel, `bytes` at `start`. */
  virtual void vdso(uint64_t start, const std::vector<uint8_t>& contents) = 0;
};

/** Addresses from here on are not user space (47 bits). */
constexpr uint64_t kTaskSizeMax = (uint64_t{1} << 47) - CKPT_PAGE_BYTES;

/**
 * Reads an image whole. Returns only after its tail was found good; throws RestartError kDamaged where the image is
 * wrong and kCannot where it holds what a restart does not know.
 */
class ImageReader {
 public:
  enum class Pages { kHere, kElsewhere };
  /** kElsewhere: addresses and contents of pages are left out of the input, and sink->pages() is never called. */
  ImageReader(ImageInput* input, ImageSink* sink, Pages pages = Pages::kHere)
      : in_(*input), sink_(*sink), pagesElsewhere_(pages == Pages::kElsewhere) {}
  void read(TaskImage* image);

 private:
  // Version 1, image_reader1.cc.
  void read1();
  RecordHeader expect1(uint32_t type);
  void readMapping1();
  std::string readString1(int bytes);
  void readThread1();
  void readCpu1();

  // Version 2, image_reader2.cc and image_reader2_memory.cc.
  void read2();
  RecordHeader next2();
  RecordHeader expect2(uint32_t type, uint32_t id);
  void readTask2();
  void readFiles2();
  void readMemory2();
  void readMapping2();
  void readPages2(const ImageMapping& mapping, uint64_t* above);
  void readThread2();
  void readTail2();
  std::string readPath(uint32_t bytes);
  std::string readAbsolutePath(uint32_t bytes);
  std::vector<SignalInfo> readSignals(uint32_t ofThread);

  // Both.
  void checkBounds(const ImageMapping& mapping);
  void readAddresses(const ImageMapping& mapping, uint32_t count, uint64_t* above);
  void passPages(uint32_t count);

  ImageInput& in_;
  ImageSink& sink_;
  const bool pagesElsewhere_;
  TaskImage* image_ = nullptr;
  RecordHeader ahead_;
  bool hasAhead_ = false;
  uint64_t mappedTo_ = 0;  // end of the mapping read last
  uint64_t pages_ = 0;
  std::vector<uint64_t> addresses_;
};

}  // namespace ckpt

#endif
