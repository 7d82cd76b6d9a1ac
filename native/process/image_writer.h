// SPDX-License-Identifier: Apache-2.0
//
// From a capture to an image: version 2, and version 1 for the tasks it can carry.
#ifndef CKPT_PROCESS_IMAGE_WRITER_H
#define CKPT_PROCESS_IMAGE_WRITER_H

#include "codec/record_writer.h"
#include "process/capture.h"
#include "process/pagemap.h"

namespace ckpt {

/** The contents of pages, in the order of `addresses[first, first + count)`, straight into the writer's buffer. */
void writePageContents(const Tracee& tracee, const std::vector<uint64_t>& addresses, size_t first, size_t count,
                       bool readable, RecordWriter* writer);

/** Kernel version numbers for HEAD. */
void writeHead(const cr2_machine& machine, RecordWriter* writer);

void writeImage2(const Tracee& tracee, const Pagemap& pagemap, const Capture& capture, RecordWriter* writer);

/**
 * Throws ProcessError kCannot, naming what version 1 would lose of this task, when the task could not go on without it;
 * warns of what the task can miss.
 */
void refuseVersion1(const Capture& capture, const Status& status);
void writeImage1(const Tracee& tracee, const Pagemap& pagemap, const Capture& capture, RecordWriter* writer);

}  // namespace ckpt

#endif
