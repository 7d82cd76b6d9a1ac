// SPDX-License-Identifier: Apache-2.0
#include "codec/output_chunk.h"

#include <algorithm>

#include "codec/error.h"

namespace ckpt {

void OutputChunk::addLiteral(const uint8_t* bytes, size_t count) {
  if (pieces_.empty() || pieces_.back().kind != Piece::Kind::kLiteral) {
    pieces_.push_back(Piece{Piece::Kind::kLiteral, bytes_.size(), 0});
  }
  pieces_.back().count += count;
  literalBytes_ += count;
  bytes_.insert(bytes_.end(), bytes, bytes + count);
}

void OutputChunk::addPages(const Hash& pack, uint32_t slot, uint32_t count) {
  if (pieces_.empty() || pieces_.back().kind != Piece::Kind::kPages) {
    pieces_.push_back(Piece{Piece::Kind::kPages, pages_.size(), 0});
  }
  pieces_.back().count += count;
  const size_t at = bytes_.size();
  bytes_.resize(at + count * kPageBytes);
  for (uint32_t i = 0; i < count; i++) pages_.push_back(Page{pack, slot + i, at + i * kPageBytes, Hash()});
}

void OutputChunk::addZeroPages(uint32_t count) {
  if (pieces_.empty() || pieces_.back().kind != Piece::Kind::kZero) {
    pieces_.push_back(Piece{Piece::Kind::kZero, bytes_.size(), 0});
  }
  pieces_.back().count += count;
  zeroPages_ += count;
  bytes_.resize(bytes_.size() + count * kPageBytes, 0);
}

void OutputChunk::addHole(uint64_t bytes) {
  if (pieces_.empty() || pieces_.back().kind != Piece::Kind::kHole) {
    pieces_.push_back(Piece{Piece::Kind::kHole, bytes_.size(), 0});
  }
  pieces_.back().count += bytes;
  holeBytes_ += bytes;
}

void OutputChunk::writeTo(Output& output) const {
  size_t written = 0;
  for (const Piece& piece : pieces_) {
    if (piece.kind != Piece::Kind::kHole) continue;
    output.write(bytes_.data() + written, piece.at - written);
    output.skip(piece.count);
    written = piece.at;
  }
  output.write(bytes_.data() + written, bytes_.size() - written);
}

void OutputChunk::fill(PackCache& packs, Worker& worker) {
  std::vector<Page*> order;
  order.reserve(pages_.size());
  for (Page& page : pages_) order.push_back(&page);
  std::stable_sort(order.begin(), order.end(), [](const Page* a, const Page* b) {
    return a->pack != b->pack ? a->pack < b->pack : a->slot < b->slot;
  });
  Page** const end = order.data() + order.size();
  for (Page** first = order.data(); first != end;) {
    Page** last = first + 1;
    while (last != end && (*last)->pack == (*first)->pack) last++;
    const auto pack = packs.open((*first)->pack);
    fillFromPack(*pack, first, last, worker);
    first = last;
  }
}

void OutputChunk::fillHashes(PackCache& packs) {
  std::shared_ptr<const PackFile> pack;
  Hash opened{};
  for (Page& page : pages_) {
    if (!pack || opened != page.pack) pack = packs.open(opened = page.pack);
    if (page.slot >= pack->pages()) {
      throw packError(pack->id(),
                      "an event names slot " + std::to_string(page.slot) + ", it has " + std::to_string(pack->pages()));
    }
    memcpy(page.hash.data(), pack->hashOf(page.slot), kHashBytes);
  }
}

// The pages of one pack, by slot. Frames that are next to each other in the file are read at once, each is decompressed once,
// right to its place when its pages belong together there too.
void OutputChunk::fillFromPack(const PackFile& pack, Page** first, Page** last, Worker& worker) {
  if ((*(last - 1))->slot >= pack.pages()) {
    throw packError(pack.id(), "an event names slot " + std::to_string((*(last - 1))->slot) + ", it has " +
                                   std::to_string(pack.pages()));
  }
  uint8_t scratch[kFrameRawBytesMax];
  const uint8_t* check[kPagesMax];
  Hash hashes[kPagesMax];
  while (first != last) {
    const uint32_t firstFrame = (*first)->slot / CKPT_FRAME_PAGES;
    uint32_t endFrame = firstFrame + 1;
    Page** spanEnd = first;
    while (spanEnd != last && (*spanEnd)->slot / CKPT_FRAME_PAGES <= endFrame) {
      endFrame = std::max(endFrame, (*spanEnd)->slot / CKPT_FRAME_PAGES + 1);
      spanEnd++;
    }
    pack.readFrames(firstFrame, endFrame, worker.scratch);
    while (first != spanEnd) {
      const uint32_t frame = (*first)->slot / CKPT_FRAME_PAGES;
      const uint32_t frameSlot = frame * CKPT_FRAME_PAGES;
      const size_t rawBytes = pack.frameRawBytes(frame);
      Page** frameEnd = first;
      while (frameEnd != spanEnd && (*frameEnd)->slot / CKPT_FRAME_PAGES == frame) frameEnd++;
      bool inPlace = static_cast<size_t>(frameEnd - first) * kPageBytes == rawBytes;
      for (Page** at = first; inPlace && at != frameEnd; ++at) {
        const size_t i = static_cast<size_t>(at - first);
        inPlace = (*at)->slot == frameSlot + i && (*at)->at == (*first)->at + i * kPageBytes;
      }
      uint8_t* const raw = inPlace ? bytes_.data() + (*first)->at : scratch;
      const uint8_t* stored = worker.scratch.data() + (pack.frameOffset(frame) - pack.frameOffset(firstFrame));
      if (!worker.codec.decompress(pack.frameEntry(frame), stored, raw, rawBytes)) {
        throw packError(pack.id(), "frame " + std::to_string(frame) + " does not decompress");
      }
      size_t distinct = 0;
      for (Page** at = first; at != frameEnd; ++at) {
        if (at != first && (*at)->slot == (*(at - 1))->slot) continue;
        check[distinct++] = raw + ((*at)->slot - frameSlot) * kPageBytes;
      }
      worker.hasher.hashMany(check, distinct, hashes);
      size_t next = 0;
      for (Page** at = first; at != frameEnd; ++at) {
        const bool repeated = at != first && (*at)->slot == (*(at - 1))->slot;
        if (!repeated) next++;
        if (memcmp(hashes[next - 1].data(), pack.hashOf((*at)->slot), kHashBytes) != 0) {
          throw packError(pack.id(), "the page in slot " + std::to_string((*at)->slot) +
                                         " has another hash than the directory says");
        }
        (*at)->hash = hashes[next - 1];
        if (!inPlace) memcpy(bytes_.data() + (*at)->at, raw + ((*at)->slot - frameSlot) * kPageBytes, kPageBytes);
      }
      first = frameEnd;
    }
  }
}

void OutputChunk::digest(Sha256& sha, const Hash& zeroHash) const {
  for (const Piece& piece : pieces_) {
    switch (piece.kind) {
      case Piece::Kind::kLiteral:
        sha.update(bytes_.data() + piece.at, piece.count);
        break;
      case Piece::Kind::kPages:
        for (size_t i = 0; i < piece.count; i++) sha.update(pages_[piece.at + i].hash.data(), kHashBytes);
        break;
      case Piece::Kind::kZero:
        for (size_t i = 0; i < piece.count; i++) sha.update(zeroHash.data(), kHashBytes);
        break;
      case Piece::Kind::kHole:
        break;
    }
  }
}

}  // namespace ckpt
