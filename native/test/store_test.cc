// SPDX-License-Identifier: Apache-2.0
//
// Hashes, the tag table, the index, packs and `pages` events.
#include <algorithm>
#include <set>

#include "codec/error.h"
#include "codec/pack_builder.h"
#include "codec/pack_file.h"
#include "codec/page_index.h"
#include "codec/pages_event.h"
#include "codec/sha256_pairs.h"
#include "test/check.h"
#include "test/images.h"

namespace ckpt::test {

namespace {

Hash randomHash(Random& random) {
  Hash hash;
  for (size_t i = 0; i < hash.size(); i += 8) {
    const uint64_t word = random.next();
    memcpy(hash.data() + i, &word, 8);
  }
  return hash;
}

Bytes randomPages(Random& random, size_t pages) {
  Bytes bytes(pages * kPageBytes);
  for (size_t at = 0; at < bytes.size(); at += 8) {
    // Some that compress, some that do not.
    const uint64_t word = (at / kPageBytes) % 3 ? random.below(3) : random.next();
    memcpy(bytes.data() + at, &word, 8);
  }
  return bytes;
}

Pack makePack(Random& random, const PageIdentity& identity, uint32_t pages) {
  const Bytes raw = randomPages(random, pages);
  PackBuilder builder;
  FrameCodec codec(1);
  PageHasher hasher(identity);
  for (uint32_t first = 0; first < pages; first += CKPT_FRAME_PAGES) {
    const uint32_t count = std::min<uint32_t>(CKPT_FRAME_PAGES, pages - first);
    Hash hashes[CKPT_FRAME_PAGES];
    for (uint32_t i = 0; i < count; i++) hashes[i] = hasher.hash(raw.data() + (first + i) * kPageBytes);
    Bytes stored;
    const uint32_t entry = codec.compress(raw.data() + first * kPageBytes, count * kPageBytes, stored);
    CHECK(builder.fits(storedBytesOf(entry), count));
    builder.add(entry, stored.data(), hashes, count);
  }
  Sha256 sha;
  return builder.close({}, "a-stream", sha);
}

std::string put(const TemporaryFolder& folder, const Pack& pack) {
  const std::string id = hexOf(pack.id);
  return folder.write(id.substr(0, 2) + "/" + id + ".pack", pack.bytes);
}

Hash hashInPack(const Pack& pack, uint32_t slot) {
  Hash hash;
  memcpy(hash.data(), pack.bytes.data() + sizeof(pack_header) + slot * kHashBytes, kHashBytes);
  return hash;
}

bool knows(PageIndex& index, const Hash& hash, PageIndex::Owner owner) {
  const uint8_t wanted = 1;
  uint8_t found = 0;
  PagePlace place;
  index.find(&hash, &wanted, 1, owner, &place, &found);
  return found;
}

}  // namespace

TEST(hashes_of_many_are_those_of_one_by_one) {
  Random random(seed());
  for (const PageHash hash : {PageHash::kBlake3, PageHash::kSha256}) {
    PageIdentity identity = {hash, {}};
    for (auto& byte : identity.salt) byte = static_cast<uint8_t>(random.next());
    const Bytes pages = randomPages(random, 33);
    const uint8_t* at[33];
    Hash many[33];
    for (size_t i = 0; i < 33; i++) at[i] = pages.data() + i * kPageBytes;
    PageHasher hasher(identity);
    for (size_t count = 0; count <= 33; count++) {
      hasher.hashMany(at, count, many);
      for (size_t i = 0; i < count; i++) CHECK(hasher.hash(at[i]) == many[i]);
    }
    hasher.hashFrame(at[3], 5 * kPageBytes, many);
    for (size_t i = 0; i < 5; i++) CHECK(hasher.hash(at[3 + i]) == many[i]);
  }
}

// The keyed hash of 4,096 bytes among BLAKE3's published test vectors: the input counts to 250 again and again.
TEST(blake3_is_blake3_in_lanes_of_any_width) {
  Salt key;
  memcpy(key.data(), "whats the Elvish word for friend", key.size());
  Bytes page(kPageBytes);
  for (size_t i = 0; i < page.size(); i++) page[i] = static_cast<uint8_t>(i % 251);
  for (unsigned lanes = 4; lanes <= blake3Lanes(); lanes *= 2) {
    const std::vector<const uint8_t*> pages(20, page.data());
    for (size_t count = 1; count <= 20; count++) {
      Hash hashes[20];
      blake3Pages(key, pages.data(), count, hashes, lanes);
      for (size_t i = 0; i < count; i++)
        CHECK(hexOf(hashes[i]) == "befc660aea2f1718884cd8deb9902811d332f4fc4a38cf7c7300d597a081bfc0");
    }
  }
}

TEST(zero_pages_are_told_from_others) {
  Bytes page(kPageBytes);
  CHECK(isZeroPage(page.data()));
  for (size_t at = 0; at < kPageBytes; at++) {
    page[at] = 1;
    CHECK(!isZeroPage(page.data()));
    page[at] = 0;
  }
}

TEST(tag_table_grows_and_forgets_nothing) {
  Random random(seed());
  TagTable table;
  std::vector<uint64_t> tags;
  for (uint32_t i = 0; i < 300000; i++) {
    tags.push_back(i % 1000 == 0 ? i / 1000 : random.next());  // small ones share a shard; 0 is among them
    table.insert(tags.back(), PagePlace{i, static_cast<uint16_t>(i)});
  }
  for (uint32_t i = 0; i < tags.size(); i++) {
    CHECK(table.find(tags[i],
                     [&](PagePlace place) { return place.pack == i && place.slot == static_cast<uint16_t>(i); }));
  }
  CHECK(!table.find(random.next(), [](PagePlace) { return true; }));
  CHECK(table.entries() == tags.size());
  CHECK(table.memoryBytes() < tags.size() * 22);
}

TEST(packs_come_back) {
  Random random(seed());
  const PageIdentity identity = {PageHash::kBlake3, {1, 2, 3}};
  const TemporaryFolder folder;
  for (const uint32_t pages : {1u, 3u, 4u, 5u, 63u, 200u}) {
    const Pack pack = makePack(random, identity, pages);
    const std::string path = put(folder, pack);
    const PackReport report = PackFile::verify(path, hexOf(pack.id), identity);
    CHECK(report.pages == pages && report.stream == "a-stream" && report.storedBytes == pack.bytes.size());
  }
}

TEST(every_changed_byte_of_a_pack_is_found) {
  Random random(seed());
  const PageIdentity identity;
  const TemporaryFolder folder;
  const Pack pack = makePack(random, identity, 3);
  const std::string id = hexOf(pack.id);
  for (size_t at = 0; at < pack.bytes.size(); at += at < 400 ? 1 : 29) {
    Bytes changed = pack.bytes;
    changed[at] = static_cast<uint8_t>(changed[at] ^ (1 << random.below(8)));
    const std::string path = folder.write("changed", changed);
    bool found = false;
    try {
      PackFile::verify(path, id, identity);
    } catch (const CodecError& error) {
      found = error.kind == ErrorKind::kPack && error.pack == id;
    }
    CHECK(found);
  }
  for (size_t size = 0; size < pack.bytes.size(); size += 101) {
    const std::string path =
        folder.write("cut", Bytes(pack.bytes.begin(), pack.bytes.begin() + static_cast<ptrdiff_t>(size)));
    bool found = false;
    try {
      PackFile::verify(path, id, identity);
    } catch (const CodecError& error) {
      found = error.kind == ErrorKind::kPack;
    }
    CHECK(found);
  }
}

TEST(index_shows_packs_to_those_who_may_rely_on_them) {
  Random random(seed());
  const TemporaryFolder folder;
  PageIndex index(folder.path());
  const Pack loaded = makePack(random, {}, 40), mine = makePack(random, {}, 40), lost = makePack(random, {}, 40);
  put(folder, loaded);
  index.load({loaded.id});
  CHECK(index.pages() == 40 && index.packs() == 1);
  const auto me = index.newOwner(), other = index.newOwner();
  const auto directoryOf = [](const Pack& pack) {
    const auto* at = pack.bytes.data() + sizeof(pack_header);
    return Bytes(at, at + pack.pages * kHashBytes);
  };
  index.add(mine.id, directoryOf(mine), me);
  for (uint32_t slot = 0; slot < 40; slot++) {
    CHECK(knows(index, hashInPack(loaded, slot), me) && knows(index, hashInPack(loaded, slot), other));
    CHECK(knows(index, hashInPack(mine, slot), me) && !knows(index, hashInPack(mine, slot), other));
  }
  put(folder, mine);
  index.release(me, true);
  CHECK(knows(index, hashInPack(mine, 7), other));
  // An image that fails takes its packs along; the same pages can be stored again.
  index.add(lost.id, directoryOf(lost), me);
  index.release(me, false);
  CHECK(!knows(index, hashInPack(lost, 3), me) && !knows(index, hashInPack(lost, 3), other));
  CHECK(index.packs() == 2);
  put(folder, lost);
  index.load({lost.id});
  CHECK(knows(index, hashInPack(lost, 3), other) && index.packs() == 3);
  // A tag alone is not enough.
  Hash almost = hashInPack(loaded, 5);
  almost[31] ^= 1;
  CHECK(!knows(index, almost, me));
  bool refused = false;
  try {
    index.load({randomHash(random)});
  } catch (const CodecError& error) {
    refused = error.kind == ErrorKind::kPack;
  }
  CHECK(refused);
}

TEST(pages_events_come_back) {
  Random random(seed());
  for (int round = 0; round < 200; round++) {
    PagesEventBuilder builder;
    std::vector<Hash> ids;
    for (int i = 0; i < 5; i++) ids.push_back(randomHash(random));
    std::vector<std::pair<uint64_t, int64_t>> expected, got;  // page, pack * 10000 + slot or -1
    uint64_t page = random.below(2) ? random.next() >> 13 : 0;
    std::vector<Bytes> values;
    const size_t runs = 1 + random.below(300);
    uint32_t total = 0;
    std::vector<PageRun> all;
    for (size_t i = 0; i < runs; i++) {
      PageRun run;
      page += random.below(3) ? 0 : random.below(1000000);
      run.firstPage = page;
      run.count = static_cast<uint32_t>(1 + random.below(50));
      run.zero = random.below(3) == 0;
      run.pack = run.zero ? 0 : static_cast<uint32_t>(random.below(5));
      run.slot = run.zero ? 0 : static_cast<uint32_t>(random.below(1990));
      page += run.count;
      total += run.count;
      all.push_back(run);
    }
    builder.start(total);
    for (const PageRun& run : all) {
      if (random.below(50) == 0 && !builder.empty()) values.push_back(builder.take());
      builder.add(run, ids[run.pack], 0);
      for (uint32_t k = 0; k < run.count; k++)
        expected.emplace_back(run.firstPage + k, run.zero ? int64_t{-1} : int64_t{run.pack} * 10000 + run.slot + k);
    }
    values.push_back(builder.take());
    uint32_t first = 0;
    for (const Bytes& value : values) {
      const PagesEvent event(value.data(), value.size());
      CHECK(event.header().first == first && event.header().total == total);
      first += event.header().pages;
      for (const PageRun& run : event.runs()) {
        int64_t pack = 0;
        if (!run.zero) pack = std::find(ids.begin(), ids.end(), event.packId(run.pack)) - ids.begin();
        for (uint32_t k = 0; k < run.count; k++)
          got.emplace_back(run.firstPage + k, run.zero ? int64_t{-1} : pack * 10000 + run.slot + k);
      }
      // Damage is refused or parses within bounds; it never reads past the end.
      for (int k = 0; k < 20; k++) {
        Bytes changed = value;
        changed[random.below(changed.size())] = static_cast<uint8_t>(random.next());
        if (random.below(4) == 0) changed.resize(random.below(changed.size()));
        try {
          const PagesEvent damaged(changed.data(), changed.size());
        } catch (const CodecError& error) {
          CHECK(error.kind == ErrorKind::kEvent);
        }
      }
    }
    CHECK(first == total && got == expected);
  }
}

}  // namespace ckpt::test
