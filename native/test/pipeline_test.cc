// SPDX-License-Identifier: Apache-2.0
//
// Reader and writer with all their threads, over files and pipes: round trips, errors, and being closed in the middle.
#include <fcntl.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "codec/error.h"
#include "codec/image_reader.h"
#include "codec/image_writer.h"
#include "test/check.h"
#include "test/images.h"

namespace ckpt::test {

namespace {

/** Waits for the codec's onChange. */
class Bell {
 public:
  std::function<void()> ringer() {
    return [this] {
      std::lock_guard<std::mutex> lock(mutex_);
      rung_ = true;
      changed_.notify_all();
    };
  }
  void wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(60), [this] { return rung_; });
    CHECK(rung_);
    rung_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool rung_ = false;
};

template <typename Take>
auto await(Bell& bell, Take take) {
  for (;;) {
    if (auto value = take()) return *std::move(value);
    bell.wait();
  }
}

struct Ingested {
  std::vector<StreamEvent> events;
  ImageSummary summary;
};

/** All images of a descriptor. */
std::vector<Ingested> ingest(int fd, const TemporaryFolder& folder, std::shared_ptr<PageIndex> index, bool stream) {
  Bell bell;
  ReaderOptions options;
  options.fd = fd;
  options.index = std::move(index);
  options.stream = stream;
  options.threads = 3;
  ImageReader reader(options, bell.ringer());
  std::vector<Ingested> images;
  for (;;) {
    reader.begin("image-" + std::to_string(images.size()));
    if (!await(bell, [&] { return reader.takeBegun(); })) return images;
    Ingested image;
    for (bool ended = false; !ended;) {
      ReaderBatch batch = await(bell, [&] { return reader.takeBatch(); });
      for (const Pack& pack : batch.packs) {
        const std::string id = hexOf(pack.id);
        folder.write(id.substr(0, 2) + "/" + id + ".pack", pack.bytes);
      }
      for (auto& event : batch.events) image.events.push_back(std::move(event));
      if (batch.image) {
        image.summary = *batch.image;
        ended = true;
      }
    }
    images.push_back(std::move(image));
  }
}

/** A pipe that a thread writes `bytes` into, in pieces of random size. */
class Feeder {
 public:
  Feeder(Bytes bytes, uint64_t seed) {
    int ends[2];
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    readEnd.reset(ends[0]);
    thread_ = std::thread([end = ends[1], bytes = std::move(bytes), seed] {
      Random random(seed);
      for (size_t at = 0; at < bytes.size();) {
        const size_t count = std::min<size_t>(bytes.size() - at, 1 + random.below(random.below(2) ? 100 : 100000));
        const ssize_t put = write(end, bytes.data() + at, count);
        if (put < 0) break;
        at += static_cast<size_t>(put);
      }
      close(end);
    });
  }
  ~Feeder() {
    readEnd.reset();
    thread_.join();
  }
  UniqueFd readEnd;

 private:
  std::thread thread_;
};

Bytes rebuild(const std::vector<StreamEvent>& events, const TemporaryFolder& folder, Hash* digest) {
  const std::string path = folder.path() + "/rebuilt";
  UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  Bell bell;
  WriterOptions options;
  options.fd = fd.get();
  options.packsDir = folder.path();
  options.threads = 3;
  ImageWriter writer(options, bell.ringer());
  for (const StreamEvent& event : events) {
    while (!writer.hasRoom()) bell.wait();
    writer.push(event);
  }
  writer.finish();
  const WriterSummary summary = await(bell, [&] { return writer.takeFinished(); });
  *digest = summary.digest;
  Bytes bytes(summary.bytes);
  CHECK(pread(fd.get(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  return bytes;
}

}  // namespace

TEST(pipeline_round_trip) {
  Random random(seed());
  const TemporaryFolder folder;
  auto index = std::make_shared<PageIndex>(folder.path());
  std::vector<Bytes> images;
  for (const auto& name : goldenNames()) images.push_back(goldenImage(name));
  for (int i = 0; i < 6; i++) images.push_back(version2Image(random, static_cast<unsigned>(random.below(8)), 300));
  Bytes all;
  for (const Bytes& image : images) all.insert(all.end(), image.begin(), image.end());
  Feeder feeder(all, seed());
  const auto ingested = ingest(feeder.readEnd.get(), folder, index, true);
  CHECK(ingested.size() == images.size());
  for (size_t i = 0; i < images.size(); i++) {
    Hash digest;
    CHECK(rebuild(ingested[i].events, folder, &digest) == images[i]);
    CHECK(digest == ingested[i].summary.digest);
  }
}

TEST(pipeline_closed_in_the_middle) {
  Random random(seed());
  const TemporaryFolder folder;
  const Bytes image = version2Image(random, 6, 1500);
  for (int round = 0; round < 25; round++) {
    Feeder feeder(image, random.next());
    Bell bell;
    ReaderOptions options;
    options.fd = feeder.readEnd.get();
    options.index = std::make_shared<PageIndex>(folder.path());
    ImageReader reader(options, bell.ringer());
    if (round % 5) {
      reader.begin("x");
      await(bell, [&] { return reader.takeBegun(); });
    }
    usleep(static_cast<useconds_t>(random.below(4000)));
    reader.close();
    bool cancelled = false;
    try {
      reader.takeBatch();
    } catch (const CodecError& error) {
      cancelled = error.kind == ErrorKind::kCancelled;
    }
    CHECK(cancelled);
  }
}

TEST(pipeline_writer_closed_while_it_waits) {
  Random random(seed());
  const TemporaryFolder folder;
  const Bytes image = version2Image(random, 6, 1500);
  Feeder feeder(image, seed());
  const auto ingested = ingest(feeder.readEnd.get(), folder, std::make_shared<PageIndex>(folder.path()), false);
  int ends[2];
  CHECK(pipe2(ends, O_CLOEXEC) == 0);
  const UniqueFd readEnd(ends[0]), writeEnd(ends[1]);
  for (int round = 0; round < 3; round++) {
    // Nobody reads: the sink waits for room in the pipe.
    Bell bell;
    WriterOptions options;
    options.fd = writeEnd.get();
    options.packsDir = folder.path();
    ImageWriter writer(options, bell.ringer());
    for (const StreamEvent& event : ingested.at(0).events) writer.push(event);
    writer.finish();
    usleep(20000);
    CHECK(!writer.takeFinished());
    writer.close();
  }
}

TEST(pipeline_writer_is_brought_what_is_missing) {
  Random random(seed());
  const TemporaryFolder folder, empty;
  const Bytes image = version2Image(random, 6, 1500);
  Feeder feeder(image, seed());
  const auto ingested = ingest(feeder.readEnd.get(), folder, std::make_shared<PageIndex>(folder.path()), false);
  for (const bool comes : {true, false}) {
    Bell bell;
    WriterOptions options;
    options.packsDir = empty.path();
    options.threads = 3;
    options.openPacksMax = 1;
    options.supplied = true;
    ImageWriter writer(options, bell.ringer());
    const auto bring = [&] {
      for (const Hash& id : writer.takeWanted()) {
        const std::string name = hexOf(id);
        std::string path;
        if (comes) {
          const PackFile pack(packPathOf(folder.path(), name), name);
          path = packPathOf(empty.path(), name);
          CHECK(rename(empty.write(name.substr(0, 2) + "/new", pack.allBytes()).c_str(), path.c_str()) == 0);
        }
        writer.brought(id);
        // Open now: whoever makes room takes nothing from it.
        if (comes) CHECK(unlink(path.c_str()) == 0);
      }
    };
    bool named = false;
    try {
      for (const StreamEvent& event : ingested.at(0).events) {
        for (; !writer.hasRoom(); bell.wait()) bring();
        writer.push(event);
      }
      writer.finish();
      const WriterSummary summary = await(bell, [&] {
        bring();
        return writer.takeFinished();
      });
      CHECK(summary.digest == ingested.at(0).summary.digest);
    } catch (const CodecError& error) {
      named = error.kind == ErrorKind::kPack;
    }
    CHECK(named == !comes);
  }
}

TEST(pipeline_writer_closed_while_it_waits_for_a_pack) {
  Random random(seed());
  const TemporaryFolder folder, empty;
  const Bytes image = version2Image(random, 6, 1500);
  Feeder feeder(image, seed());
  const auto ingested = ingest(feeder.readEnd.get(), folder, std::make_shared<PageIndex>(folder.path()), false);
  Bell bell;
  WriterOptions options;
  options.packsDir = empty.path();
  options.supplied = true;
  ImageWriter writer(options, bell.ringer());
  for (const StreamEvent& event : ingested.at(0).events) writer.push(event);
  writer.finish();
  while (writer.takeWanted().empty()) bell.wait();
  writer.close();
}

TEST(pipeline_writer_names_a_missing_pack) {
  const TemporaryFolder folder, elsewhere;
  const Bytes image = goldenImage("mixed");
  Feeder feeder(image, seed());
  const auto ingested = ingest(feeder.readEnd.get(), folder, std::make_shared<PageIndex>(folder.path()), false);
  Hash digest;
  bool named = false;
  try {
    rebuild(ingested.at(0).events, elsewhere, &digest);
  } catch (const CodecError& error) {
    named = error.kind == ErrorKind::kPack && error.pack.size() == 64;
  }
  CHECK(named);
}

TEST(pipeline_names_a_truncation) {
  const TemporaryFolder folder;
  Bytes image = goldenImage("mixed");
  image.resize(100000);
  Feeder feeder(image, seed());
  bool named = false;
  try {
    ingest(feeder.readEnd.get(), folder, std::make_shared<PageIndex>(folder.path()), false);
  } catch (const CodecError& error) {
    named = error.kind == ErrorKind::kImage && error.record == "VMA (202)" && error.offset;
  }
  CHECK(named);
}

}  // namespace ckpt::test
