// SPDX-License-Identifier: Apache-2.0
#include "pager/page_source.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "codec/error.h"

namespace ckpt {

namespace {

constexpr size_t kOpenMax = 8;

}  // namespace

PageSource::PageSource(const RestartPlan* plan, std::string packsDir)
    : plan_(*plan), packsDir_(std::move(packsDir)), bringer_(packsDir_), pins_(plan->packs()) {}

void PageSource::attach() { bringer_.attach(); }

void PageSource::pin() {
  for (uint32_t pack = 0; pack < plan_.packs(); pack++) {
    UniqueFd fd(::open(packPathOf(packsDir_, hexOf(plan_.packId(pack))).c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) continue;
    (void)flock(fd.get(), LOCK_SH);  // as PackFile does
    std::lock_guard<std::mutex> lock(mutex_);
    pins_[pack] = std::move(fd);
  }
}

/** Not under the lock: a fault does not wait for the pack that is being read ahead. */
void PageSource::bringMissing(uint32_t pack) {
  if (!bringer_.expected()) return;
  const Hash id = plan_.packId(pack);
  if (access(packPathOf(packsDir_, hexOf(id)).c_str(), F_OK) != 0) bringer_.bring(id);
}

std::shared_ptr<const PackFile> PageSource::open(uint32_t pack) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (auto at = open_.begin(); at != open_.end(); ++at) {
    if (at->first != pack) continue;
    open_.splice(open_.begin(), open_, at);
    return at->second;
  }
  const std::string id = hexOf(plan_.packId(pack));
  // Through the pin also a pack that has no name any more.
  const std::string path =
      pins_[pack] ? "/proc/self/fd/" + std::to_string(pins_[pack].get()) : packPathOf(packsDir_, id);
  auto file = std::make_shared<const PackFile>(path, id);
  open_.emplace_front(pack, file);
  if (open_.size() > kOpenMax) open_.pop_back();
  return file;
}

void PageSource::forget(uint32_t pack) {
  std::lock_guard<std::mutex> lock(mutex_);
  open_.remove_if([&](const auto& entry) { return entry.first == pack; });
  // Repaired, it stands under its name again as another file.
  pins_[pack].reset();
}

void PageSource::read(uint32_t pack, uint32_t frame, FrameReader* to) {
  try {
    bringMissing(pack);
    const auto file = open(pack);
    if (frame >= file->frames()) throw packError(file->id(), "the plan names a frame that it does not have");
    const size_t rawBytes = file->frameRawBytes(frame);
    file->readFrames(frame, frame + 1, to->stored);
    if (!to->codec.decompress(file->frameEntry(frame), to->stored.data(), to->raw.get(), rawBytes))
      throw packError(file->id(), "frame " + std::to_string(frame) + " does not decompress");
    Hash hashes[CKPT_FRAME_PAGES];
    to->pages = static_cast<uint32_t>(rawBytes / kPageBytes);
    to->hasher.hashFrame(to->raw.get(), rawBytes, hashes);
    for (uint32_t i = 0; i < to->pages; i++) {
      const uint32_t slot = frame * CKPT_FRAME_PAGES + i;
      if (memcmp(hashes[i].data(), file->hashOf(slot), kHashBytes) != 0)
        throw packError(file->id(),
                        "the page in slot " + std::to_string(slot) + " has another hash than the directory says");
    }
  } catch (const CodecError&) {
    forget(pack);
    throw;
  }
}

}  // namespace ckpt
