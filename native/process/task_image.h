// SPDX-License-Identifier: Apache-2.0
//
// A task as an image describes it, all but its memory: what both versions are read into, and what a restart works from.
#ifndef CKPT_PROCESS_TASK_IMAGE_H
#define CKPT_PROCESS_TASK_IMAGE_H

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ckpt_image.h"
#include "process/restart_error.h"

namespace ckpt {

/** An entry of SIGACTIONS: the kernel's struct sigaction. */
struct ImageAction {
  uint64_t handler, flags, restorer, mask;
};

struct ResourceLimit {
  uint64_t soft, hard;
};

struct ImagePath {
  cr2_path fixed;
  std::string path;
};

struct ImageFile {
  cr2_file fixed;
  std::string path;
};

using SignalInfo = std::array<uint8_t, 128>;

/** A mapping. Version 1 knows no size, time or build id of the file: `checked` is false. */
struct ImageMapping {
  cr2_vma fixed{};
  std::string path;
  bool checked = true;
  bool hasFile() const { return fixed.kind != CKPT_VMA2_ANON; }
};

struct TaskImage {
  int version = 2;
  cr_head head{};
  cr2_machine machine{};  // version 1: zero
  cr2_task task{};
  cr2_creds creds{};  // version 1: the restarter's own
  std::vector<uint32_t> groups;
  std::vector<ResourceLimit> limits;
  std::vector<ImagePath> paths;
  std::vector<ImageAction> actions;
  std::vector<SignalInfo> processSignals;
  cr2_itimers itimers{};
  std::vector<cr2_posix_timer> timers;
  std::vector<ImageFile> files;
  cr2_mm mm{};
  std::vector<uint8_t> auxv;
  cr2_vdso vdso{};  // version 1: zero until its mapping is met

  // Behind the memory.
  std::vector<uint8_t> ldt;
  cr2_thread thread{};
  std::vector<SignalInfo> threadSignals;
  cr2_regs regs{};
  cr2_xstate xstate{};
  std::vector<uint8_t> xsaveArea;  // standard format
  std::array<uint64_t, CKPT_TLS_ENTRIES> tls{};
  uint32_t tlsFirst = 0;
  bool hasTls = false;

  /** Where the records stood that the kernel may yet refuse: by version 2's record number (version 1: its counterpart). */
  std::map<uint32_t, ImagePlace> places;

  const ImagePath* path(uint32_t kind) const {
    for (const ImagePath& p : paths)
      if (p.fixed.kind == kind) return &p;
    return nullptr;
  }
};

}  // namespace ckpt

#endif
