// SPDX-License-Identifier: Apache-2.0
#include "test/images.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include "codec/crc32c.h"

namespace ckpt::test {

namespace {

void putRecord(Bytes& image, Random& random, uint32_t type, const Bytes& payload) {
  append(image, cr2_hdr{type, static_cast<__u32>(random.below(2)), static_cast<__u32>(payload.size()), 1});
  image.insert(image.end(), payload.begin(), payload.end());
}

Bytes noise(Random& random, size_t count) {
  Bytes bytes(count);
  for (auto& byte : bytes) byte = static_cast<uint8_t>(random.next() >> 32);
  return bytes;
}

template <typename T>
Bytes payloadOf(const T& value, const Bytes& tail = {}) {
  Bytes payload;
  append(payload, value);
  payload.insert(payload.end(), tail.begin(), tail.end());
  return payload;
}

template <typename T>
T noisy(Random& random) {
  return load<T>(noise(random, sizeof(T)).data());
}

const Bytes path = {'/', 'a', 0};

void putMapping(Bytes& image, Random& random, uint64_t& start, unsigned pagesMax) {
  auto vma = noisy<cr2_vma>(random);
  const unsigned pages = static_cast<unsigned>(random.below(pagesMax + 1));
  std::vector<uint64_t> addresses;
  uint64_t at = start;
  for (unsigned i = 0; i < pages; i++) {
    at += random.below(3) ? 0 : random.below(200) * kPageBytes;
    addresses.push_back(at);
    at += kPageBytes;
  }
  vma.start = start;
  vma.end = start = at + random.below(3) * kPageBytes;
  vma.kind = random.below(2) ? CKPT_VMA2_ANON : CKPT_VMA2_FILE_PRIVATE;
  vma.path_bytes = vma.kind == CKPT_VMA2_ANON ? 0 : static_cast<__u32>(path.size());
  vma.build_id_bytes = 20;
  putRecord(image, random, CKPT_REC_VMA2, payloadOf(vma, vma.path_bytes ? path : Bytes()));
  for (size_t first = 0; first < addresses.size();) {
    const size_t count = 1 + random.below(addresses.size() - first);
    Bytes payload;
    append(payload, cr2_pages{static_cast<__u32>(count), 0, 0});
    for (size_t i = 0; i < count; i++) append(payload, addresses[first + i]);
    for (size_t i = 0; i < count; i++) {
      const uint64_t kind = random.below(4);
      Bytes page(kPageBytes, static_cast<uint8_t>(kind == 0 ? 0 : random.below(5) + 1));
      if (kind > 1) page = noise(random, kPageBytes);
      payload.insert(payload.end(), page.begin(), page.end());
    }
    if (random.below(4) == 0) putRecord(image, random, 7777, noise(random, random.below(100)));
    putRecord(image, random, CKPT_REC_PAGES, payload);
    first += count;
  }
}

}  // namespace

Bytes goldenImage(const std::string& name) {
  std::ifstream file(std::string(CKPT_ROOT) + "/test/golden/" + name + ".img", std::ios::binary);
  CHECK(file);
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

const std::vector<std::string>& goldenNames() {
  static const std::vector<std::string> names = {"no-pages", "one-page", "ldt-tls", "mixed"};
  return names;
}

void sealVersion2(Bytes& image) {
  const size_t at = image.size() - sizeof(cr2_tail) - sizeof(cr2_hdr);
  auto tail = load<cr2_tail>(image.data() + at + sizeof(cr2_hdr));
  tail.crc32c = crc32c(0, image.data(), at);
  memcpy(image.data() + at + sizeof(cr2_hdr), &tail, sizeof tail);
}

Bytes version2Image(Random& random, unsigned mappings, unsigned pagesMax) {
  Bytes image;
  append(image, cr_hdr{CKPT_REC_HEAD, sizeof(cr_head), 0});
  append(image, cr_head{CKPT_HEAD_MAGIC, 6, 1, 0, 2, CKPT_CTX_CKPT, 1});
  auto machine = noisy<cr2_machine>(random);
  machine.page_bytes = kPageBytes;
  machine.task_count = 1;
  putRecord(image, random, CKPT_REC_MACHINE, payloadOf(machine));
  auto task = noisy<cr2_task>(random);
  task.thread_count = 2;
  task.state = CKPT_STATE_RUNNING;
  task.file_count = 1;
  putRecord(image, random, CKPT_REC_TASK2, payloadOf(task));
  auto creds = noisy<cr2_creds>(random);
  creds.group_count = 3;
  putRecord(image, random, CKPT_REC_CREDS, payloadOf(creds, noise(random, 12)));
  putRecord(image, random, CKPT_REC_RLIMITS, payloadOf(cr2_rlimits{2, 0}, noise(random, 32)));
  for (const __u32 kind : {CKPT_PATH_EXE, CKPT_PATH_CWD}) {
    auto place = noisy<cr2_path>(random);
    place.kind = kind;
    place.path_bytes = static_cast<__u32>(path.size());
    putRecord(image, random, CKPT_REC_PATH, payloadOf(place, path));
  }
  putRecord(image, random, CKPT_REC_SIGACTIONS, payloadOf(cr2_sigactions{64, 0}, noise(random, 64 * 32)));
  putRecord(image, random, CKPT_REC_SIGPENDING, payloadOf(cr2_sigpending{1, 128, 0, 0}, noise(random, 128)));
  putRecord(image, random, CKPT_REC_ITIMERS, noise(random, sizeof(cr2_itimers)));
  auto file = noisy<cr2_file>(random);
  file.fd = 3;
  file.kind = CKPT_FILE_REGULAR;
  file.same_as = -1;
  file.path_bytes = static_cast<__u32>(path.size());
  putRecord(image, random, CKPT_REC_FILE, payloadOf(file, path));
  auto mm = noisy<cr2_mm>(random);
  mm.start_code = mm.start_data = 0;
  mm.map_count = mappings;
  mm.auxv_bytes = 32;
  putRecord(image, random, CKPT_REC_MM2, payloadOf(mm, noise(random, 32)));
  auto vdso = noisy<cr2_vdso>(random);
  vdso.build_id_bytes = 20;
  putRecord(image, random, CKPT_REC_VDSO, payloadOf(vdso));
  uint64_t start = 0x400000;
  for (unsigned i = 0; i < mappings; i++) putMapping(image, random, start, pagesMax);
  putRecord(image, random, CKPT_REC_LDT, payloadOf(cr2_ldt{2, 0}, noise(random, 16)));
  for (int thread = 0; thread < 2; thread++) {
    putRecord(image, random, CKPT_REC_THREAD2, noise(random, sizeof(cr2_thread)));
    putRecord(image, random, CKPT_REC_SIGPENDING, payloadOf(cr2_sigpending{0, 128, 1, 0}));
    putRecord(image, random, CKPT_REC_REGS, noise(random, sizeof(cr2_regs)));
    auto xstate = noisy<cr2_xstate>(random);
    xstate.area_bytes = 832;
    putRecord(image, random, CKPT_REC_XSTATE, payloadOf(xstate, noise(random, 832)));
    putRecord(image, random, CKPT_REC_TLS, payloadOf(cr2_tls{3, 12}, noise(random, 24)));
  }
  putRecord(image, random, 6543, noise(random, random.below(3000)));
  // Counts by walking what has been written.
  cr2_tail tail = {CKPT_TAIL2_MAGIC, 0, image.size(), 0, 1, 0};
  for (size_t at = sizeof(cr_hdr) + sizeof(cr_head); at < image.size(); tail.records++) {
    const auto header = load<cr2_hdr>(image.data() + at);
    if (header.type == CKPT_REC_PAGES) tail.pages += load<cr2_pages>(image.data() + at + sizeof header).count;
    at += sizeof header + header.len;
  }
  putRecord(image, random, CKPT_REC_TAIL2, payloadOf(tail));
  sealVersion2(image);
  return image;
}

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "ckpt-codec-test-XXXXXX").string();
  CHECK(mkdtemp(name.data()));
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryFolder::write(const std::string& name, const Bytes& bytes) const {
  const std::string file = path_ + "/" + name;
  std::filesystem::create_directories(std::filesystem::path(file).parent_path());
  std::ofstream(file, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  return file;
}

}  // namespace ckpt::test
