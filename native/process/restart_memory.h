// SPDX-License-Identifier: Apache-2.0
//
// Memory of the restored task: mappings at their exact addresses, and the pages that go into them, as they come.
#ifndef CKPT_PROCESS_RESTART_MEMORY_H
#define CKPT_PROCESS_RESTART_MEMORY_H

#include <cstdint>
#include <string>
#include <vector>

#include "process/restart_child.h"
#include "process/task_image.h"

namespace ckpt {

class RestartMemory {
 public:
  /** All are borrowed and outlive this object. */
  RestartMemory(RestartChild* child, const TaskImage* image, const Status* status);

  /** Maps it. Throws kCannot where its file is not what it was, or the kernel refuses. */
  void mapping(const ImageMapping& mapping);
  void pages(const uint64_t* addresses, size_t count, const uint8_t* contents);
  /** Gives the mapping its protection, advice and locks. */
  void mappingEnd();

  /** Path of the file that holds the program's code, for images that do not say ("" where there is none). */
  const std::string& codePath() const { return codePath_; }

 private:
  int openMapped(const ImageMapping& mapping);
  void makeWritable();
  void advise();
  void lock();

  RestartChild& child_;
  const TaskImage& image_;
  const Status& status_;
  ImageMapping now_;
  bool opened_ = false;  // protection was widened for its pages
  uint64_t lowest_ = 0;
  std::string lastPath_;  // mappings of one file stand together: it is opened once
  Fd lastFile_;
  std::string codePath_;
};

}  // namespace ckpt

#endif
