// SPDX-License-Identifier: Apache-2.0
//
// What both versions share: HEAD, bounds of mappings, page addresses and contents.

#include "process/image_reader.h"

#include <algorithm>
#include <cstdio>

namespace ckpt {

void ImageReader::read(TaskImage* image) {
  image_ = image;
  const RecordHeader header = in_.header1();
  if (header.type != CKPT_REC_HEAD) in_.invalid("this is not an image: its first record is not HEAD");
  if (header.id != 0) in_.invalid("HEAD has an id");
  image->head = in_.fixed<cr_head>();
  in_.endPayload();
  if (image->head.magic != CKPT_HEAD_MAGIC) in_.invalid("this is not an image: wrong magic number");
  if (image->head.flags & ~CKPT_CTX_CKPT) in_.invalid("unknown flags in HEAD");
  image->version = image->head.version;
  if (image->version == 1 && pagesElsewhere_)
    in_.unsupported("images of format 1 are restored whole", "leave --lazy out");
  if (image->version == 1) read1();
  else if (image->version == 2) read2();
  else
    in_.unsupported("image format version " + std::to_string(image->version) + " is not known",
                    "use a newer version of this program");
}

void ImageReader::checkBounds(const ImageMapping& mapping) {
  const uint64_t start = mapping.fixed.start, end = mapping.fixed.end;
  char range[48];
  std::snprintf(range, sizeof range, "mapping %lx-%lx ", static_cast<unsigned long>(start),
                static_cast<unsigned long>(end));
  if ((start | end) % CKPT_PAGE_BYTES != 0) in_.invalid(std::string(range) + "is not page aligned");
  if (start >= end) in_.invalid(std::string(range) + "is empty or turned round");
  if (start < mappedTo_) in_.invalid(std::string(range) + "overlaps or precedes the one before it");
  if (end > kTaskSizeMax) {
    if (end <= (uint64_t{1} << 56))
      in_.unsupported(std::string(range) + "needs 57-bit addresses", "a restart knows 47-bit address spaces");
    in_.invalid(std::string(range) + "is not in user space");
  }
  mappedTo_ = end;
}

void ImageReader::readAddresses(const ImageMapping& mapping, uint32_t count, uint64_t* above) {
  addresses_.resize(count);  // at most PAGES_PER_RECORD_MAX, the callers see to it
  in_.read(addresses_.data(), count * sizeof(uint64_t));
  for (const uint64_t address : addresses_) {
    if (address % CKPT_PAGE_BYTES != 0 || address < *above || address >= mapping.fixed.end) {
      char text[96];
      std::snprintf(text, sizeof text, "page address %lx is unaligned, out of order or outside its mapping",
                    static_cast<unsigned long>(address));
      in_.invalid(text);
    }
    *above = address + CKPT_PAGE_BYTES;
  }
  pages_ += count;
}

void ImageReader::passPages(uint32_t count) {
  for (uint32_t done = 0; done < count;) {
    const ImageInput::Chunk chunk =
        in_.peek(CKPT_PAGE_BYTES, std::min<size_t>(ImageInput::kBufferBytes, size_t{count - done} * CKPT_PAGE_BYTES));
    const size_t whole = chunk.bytes / CKPT_PAGE_BYTES;
    sink_.pages(addresses_.data() + done, whole, chunk.data);
    in_.take(whole * CKPT_PAGE_BYTES);
    done += static_cast<uint32_t>(whole);
  }
}

}  // namespace ckpt
