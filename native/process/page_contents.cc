// SPDX-License-Identifier: Apache-2.0
#include <sys/uio.h>

#include <algorithm>

#include "process/image_writer.h"

namespace ckpt {
namespace {

constexpr size_t kRunsMax = 512;  // below IOV_MAX

/** Through /proc/PID/mem, which reads what the task itself may not (PROT_NONE). Throws on a short read. */
void readOnePage(const Tracee& tracee, uint64_t address, uint8_t* to) {
  if (tracee.tryReadMemory(address, to, kPageBytes) == kPageBytes) return;
  throw ProcessError::system(kCannot,
                             "cannot read the page of process " + std::to_string(tracee.pid()) + " at " +
                                 hexRange(address, address + kPageBytes),
                             "it may lie in a guard region (MADV_GUARD_INSTALL) or be lost memory");
}

/** Reads up to `count` pages; runs of neighbours cost one entry each. Returns how many pages were read. */
size_t readRuns(const Tracee& tracee, const uint64_t* addresses, size_t count, uint8_t* to) {
  iovec remote[kRunsMax];
  size_t runs = 0, pages = 0;
  for (; pages < count; pages++) {
    if (pages > 0 && addresses[pages] == addresses[pages - 1] + kPageBytes) {
      remote[runs - 1].iov_len += kPageBytes;
      continue;
    }
    if (runs == kRunsMax) break;
    remote[runs++] = {reinterpret_cast<void*>(addresses[pages]), kPageBytes};
  }
  iovec local = {to, pages * kPageBytes};
  ssize_t got = process_vm_readv(tracee.pid(), &local, 1, remote, runs, 0);
  return got < 0 ? 0 : static_cast<size_t>(got) / kPageBytes;
}

}  // namespace

void writePageContents(const Tracee& tracee, const std::vector<uint64_t>& addresses, size_t first, size_t count,
                       bool readable, RecordWriter* writer) {
  for (size_t end = first + count; first < end;) {
    size_t room;
    uint8_t* to = writer->reserve((end - first) * kPageBytes, &room);
    size_t pages = std::min(end - first, room / kPageBytes);
    size_t done = readable ? readRuns(tracee, addresses.data() + first, pages, to) : 0;
    if (done == 0) {
      readOnePage(tracee, addresses[first], to);
      done = 1;
    }
    writer->commit(done * kPageBytes);
    first += done;
  }
}

}  // namespace ckpt
