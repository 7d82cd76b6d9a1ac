// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>

#include "codec/image_parser.h"
#include "test/check.h"
#include "test/images.h"

namespace ckpt::test {

namespace {

/** Puts the image together again, and notes how it was taken apart. */
class Collector : public ImageSink {
 public:
  void recordBegin(uint32_t type) override { note("record " + std::to_string(type)); }
  void recordBytes(const uint8_t* bytes, size_t count) override { image.insert(image.end(), bytes, bytes + count); }
  void recordEnd() override { note("end at " + std::to_string(image.size())); }
  void pagesBegin(const std::vector<uint64_t>& addresses) override {
    note("run of " + std::to_string(addresses.size()));
    for (const uint64_t address : addresses) append(image, address);
  }
  void contents(const uint8_t* bytes, size_t count) override { image.insert(image.end(), bytes, bytes + count); }
  void note(const std::string& what) { notes += what + "\n"; }

  Bytes image;
  std::string notes;
};

struct Parsed {
  Bytes image;
  std::string notes;
  size_t taken;
  ImageTotals totals;
};

Parsed parse(const Bytes& bytes, const std::function<size_t()>& step) {
  Collector collector;
  ImageParser parser(collector);
  size_t taken = 0;
  while (taken < bytes.size() && !parser.atEnd()) {
    // A copy of just these bytes: reading past them is seen by the sanitizer.
    const size_t count = std::min(step(), bytes.size() - taken);
    const Bytes piece(bytes.begin() + static_cast<ptrdiff_t>(taken),
                      bytes.begin() + static_cast<ptrdiff_t>(taken + count));
    taken += parser.feed(piece.data(), piece.size());
  }
  parser.finish();
  return Parsed{collector.image, collector.notes, taken, parser.totals()};
}

std::vector<Bytes> images() {
  std::vector<Bytes> all;
  for (const auto& name : goldenNames()) all.push_back(goldenImage(name));
  Random random(seed());
  all.push_back(version2Image(random, 0, 0));
  all.push_back(version2Image(random, 4, 5));
  return all;
}

CodecError errorOf(const Bytes& bytes, size_t step = SIZE_MAX) {
  try {
    parse(bytes, [step] { return step; });
  } catch (const CodecError& error) {
    CHECK(error.kind == ErrorKind::kImage);
    CHECK(error.offset && *error.offset <= bytes.size());
    CHECK(!error.record.empty());
    return error;
  }
  throw std::runtime_error("the image was taken");
}

}  // namespace

TEST(parser_takes_every_image_whole) {
  for (const Bytes& image : images()) {
    const Parsed parsed = parse(image, [] { return SIZE_MAX; });
    CHECK(parsed.taken == image.size());
    CHECK(parsed.image == image);
    CHECK(parsed.totals.bytes == image.size());
  }
}

TEST(parser_does_not_see_how_the_bytes_come) {
  Random random(seed());
  for (const Bytes& image : images()) {
    const Parsed whole = parse(image, [] { return SIZE_MAX; });
    const Parsed single = parse(image, [] { return 1; });
    CHECK(single.notes == whole.notes && single.image == image);
    const Parsed mixed = parse(image, [&] { return 1 + random.below(random.below(2) ? 20 : 9000); });
    CHECK(mixed.notes == whole.notes && mixed.image == image);
  }
}

TEST(parser_stops_behind_the_tail) {
  for (Bytes image : images()) {
    const size_t size = image.size();
    image.push_back(1);
    CHECK(parse(image, [] { return SIZE_MAX; }).taken == size);
  }
}

TEST(parser_names_every_truncation) {
  for (const Bytes& image : images()) {
    // Every byte of the smaller ones, a sample of the others.
    const size_t step = image.size() < 20000 ? 1 : 97;
    for (size_t cut = 0; cut < image.size(); cut += step) {
      const Bytes part(image.begin(), image.begin() + static_cast<ptrdiff_t>(cut));
      const CodecError error = errorOf(part);
      CHECK(error.message.find("ends") != std::string::npos || cut == 0);
    }
  }
}

TEST(parser_survives_mutations) {
  Random random(seed());
  int refused = 0;
  for (int round = 0; round < 3000; round++) {
    static const std::vector<Bytes> all = images();
    Bytes image = all[random.below(all.size())];
    const uint64_t changes = 1 + random.below(3);
    for (uint64_t i = 0; i < changes; i++) {
      // Headers and structs, more than page contents: near the ends.
      const size_t at = random.below(2) ? random.below(std::min<size_t>(image.size(), 4000))
                                        : image.size() - 1 - random.below(std::min<size_t>(image.size(), 4000));
      image[at] = random.below(2) ? static_cast<uint8_t>(random.next())
                                  : static_cast<uint8_t>(image[at] ^ (1 << random.below(8)));
    }
    if (random.below(2) && image[18] == 2) sealVersion2(image);
    try {
      const Parsed parsed = parse(image, [&] { return 1 + random.below(5000); });
      CHECK(std::equal(parsed.image.begin(), parsed.image.end(), image.begin()));
    } catch (const CodecError& error) {
      CHECK(error.kind == ErrorKind::kImage && error.offset && !error.record.empty());
      refused++;
    }
  }
  CHECK(refused > 100);
}

TEST(parser_finds_one_changed_bit_of_version_2) {
  Random random(seed());
  const Bytes image = version2Image(random, 2, 3);
  for (int round = 0; round < 500; round++) {
    Bytes changed = image;
    const size_t at = random.below(image.size() - sizeof(cr2_tail) - sizeof(cr2_hdr));
    changed[at] = static_cast<uint8_t>(changed[at] ^ (1 << random.below(8)));
    errorOf(changed);
  }
}

TEST(parser_streams_records_of_any_length) {
  // An unknown record of 4 GiB less one: taken in pieces, nothing is held.
  Random random(seed());
  Bytes image = version2Image(random, 0, 0);
  image.resize(sizeof(cr_hdr) + sizeof(cr_head) + sizeof(cr2_hdr) + sizeof(cr2_machine));
  append(image, cr2_hdr{7000, 0, UINT32_MAX, 1});
  class Counter : public ImageSink {
   public:
    void recordBegin(uint32_t) override {}
    void recordBytes(const uint8_t*, size_t count) override { bytes += count; }
    void recordEnd() override { ended++; }
    void pagesBegin(const std::vector<uint64_t>&) override {}
    void contents(const uint8_t*, size_t) override {}
    uint64_t bytes = 0;
    int ended = 0;
  } counter;
  ImageParser parser(counter);
  parser.feed(image.data(), image.size());
  const Bytes piece(1 << 20);
  for (int i = 0; i < 64; i++) CHECK(parser.feed(piece.data(), piece.size()) == piece.size());
  CHECK(counter.bytes == image.size() + (64 << 20));
  CHECK(counter.ended == 2);
}

TEST(parser_says_what_is_wrong) {
  Bytes image = goldenImage("one-page");
  const auto expect = [&](size_t at, uint8_t value, const char* record, uint64_t offset, const char* what) {
    Bytes changed = image;
    changed[at] = value;
    const CodecError error = errorOf(changed, 100);
    if (error.record != record || error.offset != offset || error.message.find(what) == std::string::npos) {
      throw std::runtime_error("expected " + std::string(record) + " at " + std::to_string(offset) + ", " + what +
                               "; got " + error.message);
    }
  };
  const size_t head = 8, task = 32 + 8, mm = task + 168 + 8, vma = mm + 104 + 8;
  expect(0, 9, "unknown (9)", 0, "HEAD (1) belongs");
  expect(head, 1, "HEAD (1)", 0, "magic");
  expect(head + 10, 3, "HEAD (1)", 0, "version");
  expect(head + 12, 3, "HEAD (1)", 0, "flags");
  expect(task - 8, 99, "unknown (99)", 32, "TASK (101) belongs");
  expect(task - 6, 1, "TASK (101)", 32, "payload of 1 bytes, 168 expected");
  expect(task + 144, 17, "TASK (101)", 32, "task_comm_len");
  expect(mm + 97, 0x80, "MM (201)", task + 168, "map_count is negative");
  expect(vma, 7, "VMA (202)", mm + 104, "neither ANON nor FILE");
  expect(vma + 8, 1, "VMA (202)", mm + 104, "page-aligned");
  expect(image.size() - 1, 1, "TAIL (5001)", image.size() - 20, "checksum words");
}

}  // namespace ckpt::test
