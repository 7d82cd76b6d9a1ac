// SPDX-License-Identifier: Apache-2.0
#include "process/landing.h"

#include <cpuid.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "process/pagemap.h"
#include "process/remote.h"

namespace ckpt {
namespace {

constexpr uint8_t kSyscallReturn[] = {0x0f, 0x05, 0xc3};
constexpr uint8_t kSignalReturn[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
constexpr uint8_t kSignalReturnShort[] = {0xb8, 0x0f, 0, 0, 0, 0x0f, 0x05};
constexpr size_t kChunkBytes = 1 << 16;

// The kernel's struct rt_sigframe, up to what rt_sigreturn reads of it.
struct SignalContext {
  uint64_t r8, r9, r10, r11, r12, r13, r14, r15, di, si, bp, bx, dx, ax, cx, sp, ip, flags;
  uint16_t cs, gs, fs, ss;
  uint64_t err, trapno, oldmask, cr2, fpstate, reserved[8];
};
struct Frame {
  uint64_t returnAddress;
  uint64_t ucFlags, ucLink;
  struct {
    uint64_t sp;
    uint32_t flags, pad;
    uint64_t bytes;
  } stack;
  SignalContext context;
  uint64_t mask;
};
static_assert(sizeof(SignalContext) == 256 && sizeof(Frame) == 8 + 40 + 256 + 8, "as the kernel has it");

// The software bytes of an XSAVE area in a signal frame.
struct SoftwareBytes {
  uint32_t magic1, extendedBytes;
  uint64_t xfeatures;
  uint32_t xstateBytes, padding[7];
};
constexpr size_t kSoftwareOffset = 464;
constexpr uint32_t kMagic1 = 0x46505853, kMagic2 = 0x46505845;
constexpr uint64_t kUcFlags = 0x7;              // extended state, ss, strictly restored
constexpr uint32_t kNoStackFlags = 0x7fffffff;  // refused by sigaltstack and therefore without effect
constexpr uint64_t kAmxFeatures = 3ull << 17;   // refused when in use

uint64_t xstateFeatures() {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<uint64_t>(high) << 32 | low) & ~kAmxFeatures;
}

/** End of the last of `features` in an XSAVE area of the standard format. */
size_t xstateEnd(uint64_t features) {
  size_t end = 512 + 64;
  for (unsigned i = 2; i < 63; i++) {
    unsigned a, b, c, d;
    if (features >> i & 1 && __get_cpuid_count(0xd, i, &a, &b, &c, &d)) end = std::max<size_t>(end, a + b);
  }
  return end;
}

bool hasXsave() {
  unsigned a, b, c, d;
  return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_OSXSAVE);
}

template <size_t N>
uint64_t find(const uint8_t* data, size_t bytes, uint64_t address, const uint8_t (&pattern)[N]) {
  const void* at = memmem(data, bytes, pattern, N);
  return at ? address + static_cast<uint64_t>(static_cast<const uint8_t*>(at) - data) : 0;
}

uint64_t findSignalReturn(const uint8_t* data, size_t bytes, uint64_t address) {
  uint64_t at = find(data, bytes, address, kSignalReturn);
  return at ? at : find(data, bytes, address, kSignalReturnShort);
}

/** The file of an executable mapping, read beside the task, whose resident pages stay as they are. */
uint64_t searchFile(const MapEntry& map) {
  Fd fd(open(map.path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return 0;
  std::array<uint8_t, kChunkBytes> chunk;
  for (uint64_t at = map.start; at < map.end; at += kChunkBytes - 16) {  // a pattern may lie across the end of a chunk
    size_t want = std::min<uint64_t>(kChunkBytes, map.end - at);
    ssize_t got = pread(fd.get(), chunk.data(), want, static_cast<off_t>(map.offset + at - map.start));
    if (got <= 0) return 0;
    if (uint64_t found = findSignalReturn(chunk.data(), static_cast<size_t>(got), at)) return found;
  }
  return 0;
}

}  // namespace

Gadgets findGadgets(const Tracee& tracee, const std::vector<MapEntry>& maps) {
  Gadgets gadgets;
  Pagemap pagemap(tracee.pid());
  std::array<uint8_t, kPageBytes> page;
  for (const MapEntry& map : maps) {
    if (!map.exec || !map.read || map.special("[vsyscall]")) continue;
    for (uint64_t at = map.start; at < map.end && !gadgets.complete(); at += kPageBytes) {
      if (!pagemap.entry(at).present || tracee.tryReadMemory(at, page.data(), kPageBytes) != kPageBytes) continue;
      if (!gadgets.syscallReturn) gadgets.syscallReturn = find(page.data(), kPageBytes, at, kSyscallReturn);
      if (!gadgets.signalReturn) gadgets.signalReturn = findSignalReturn(page.data(), kPageBytes, at);
    }
  }
  for (size_t i = 0; i < maps.size() && gadgets.syscallReturn && !gadgets.signalReturn; i++)
    if (maps[i].exec && maps[i].ino != 0 && !maps[i].path.empty() && maps[i].path[0] == '/')
      gadgets.signalReturn = searchFile(maps[i]);
  return gadgets;
}

size_t landingFrameBytes() {
  if (!hasXsave()) return 0;
  return (sizeof(Frame) + 64 + xstateEnd(xstateFeatures()) + sizeof kMagic2 + 63) / 64 * 64;
}

std::vector<uint8_t> landingFrame(uint64_t address, const Gadgets& gadgets, const user_regs_struct& r, uint64_t mask,
                                  const std::vector<uint8_t>& xstate) {
  std::vector<uint8_t> bytes(landingFrameBytes());
  const uint64_t features = xstateFeatures();
  const size_t end = xstateEnd(features);
  const uint64_t area = (address + sizeof(Frame) + 63) / 64 * 64;

  Frame frame = {};
  frame.returnAddress = gadgets.signalReturn;
  frame.ucFlags = kUcFlags;
  frame.stack.flags = kNoStackFlags;
  frame.context = {r.r8,
                   r.r9,
                   r.r10,
                   r.r11,
                   r.r12,
                   r.r13,
                   r.r14,
                   r.r15,
                   r.rdi,
                   r.rsi,
                   r.rbp,
                   r.rbx,
                   r.rdx,
                   r.rax,
                   r.rcx,
                   r.rsp,
                   r.rip,
                   r.eflags,
                   static_cast<uint16_t>(r.cs),
                   static_cast<uint16_t>(r.gs),
                   static_cast<uint16_t>(r.fs),
                   static_cast<uint16_t>(r.ss),
                   0,
                   0,
                   0,
                   0,
                   area,
                   {}};
  frame.mask = mask;
  memcpy(bytes.data(), &frame, sizeof frame);

  uint8_t* to = bytes.data() + (area - address);
  memcpy(to, xstate.data(), std::min(end, xstate.size()));
  SoftwareBytes software = {
      kMagic1, static_cast<uint32_t>(end + sizeof kMagic2), features, static_cast<uint32_t>(end), {}};
  memcpy(to + kSoftwareOffset, &software, sizeof software);
  memcpy(to + end, &kMagic2, sizeof kMagic2);
  return bytes;
}

}  // namespace ckpt
