// SPDX-License-Identifier: Apache-2.0
//
// A task that an image of version 1 can carry: no libc, r8 to r15 and the bases of fs and gs zero, no live AVX state. Built with
// -nostdlib -static -ffixed-r8 ... -ffixed-r15 -mno-avx. The kernel leaves flags in r11 at every system call, so each is followed by a
// zeroing, and the hold is a loop without calls.
#define PAGE 4096ul

typedef unsigned long u64;

volatile unsigned control[2];                              // go, rounds: as in common.h
static u64 heap[64 * 512] __attribute__((aligned(4096)));  // .bss, some pages of it written
static u64 data[1024] = {1, 2, 3};

static long call6(long number, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f) {
  struct {
    u64 d, e, f;
  } more = {d, e, f};
  long result;
  __asm__ volatile(
      "mov 0(%5), %%r10\n mov 8(%5), %%r8\n mov 16(%5), %%r9\n syscall\n"
      "xor %%r8d, %%r8d\n xor %%r9d, %%r9d\n xor %%r10d, %%r10d\n xor %%r11d, %%r11d\n"
      : "=a"(result)
      : "a"(number), "D"(a), "S"(b), "d"(c), "b"(&more)
      : "rcx", "memory");
  return result;
}

static void put(const char* text) {
  u64 length = 0;
  while (text[length]) length++;
  call6(1, 1, (u64)text, length, 0, 0, 0);
}

static char* hex(char* out, u64 value) {
  for (int shift = 60; shift >= 0; shift -= 4) *out++ = "0123456789abcdef"[value >> shift & 15];
  return out;
}

static u64 mix(u64 x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ul;
  return x ^ (x >> 27);
}

static void quit(int status) {
  for (;;) call6(231, status, 0, 0, 0, 0, 0);
}

static void bad(const char* why) {
  put("bad v1: ");
  put(why);
  put("\n");
  quit(1);
}

/** r8 to r15 must be zero all the time, and the bases too. */
static void check_registers(void) {
  u64 all;
  __asm__ volatile(
      "mov %%r8, %0\n or %%r9, %0\n or %%r10, %0\n or %%r11, %0\n or %%r12, %0\n or %%r13, %0\n or %%r14, %0\n or "
      "%%r15, %0"
      : "=&r"(all));
  if (all) bad("r8 to r15 are not zero");
}

static void check_memory(u64* map, u64 pages) {
  for (u64 page = 0; page < 64; page += 3)
    for (u64 i = 0; i < 512; i += 100)
      if (heap[page * 512 + i] != mix(page * 512 + i + 1)) bad(".bss changed");
  if (heap[512] || data[0] != 1 || data[2] != 3 || data[1023] != 77) bad(".data changed");
  for (u64 i = 0; i < pages * 512; i += 64)
    if (map[i] != mix(i + 5)) bad("the mapping changed");
}

/** With an argument the mapping has more pages than a record of version 1 holds. */
__attribute__((used, noreturn)) void run(u64 argc) {
  const u64 pages = argc > 1 ? 40000 : 16;
  for (u64 page = 0; page < 64; page += 3)
    for (u64 i = 0; i < 512; i += 100) heap[page * 512 + i] = mix(page * 512 + i + 1);
  data[1023] = 77;
  u64* map = (u64*)call6(9, 0, pages * PAGE, 3, 0x22, -1ul, 0);  // mmap, read and write, private and anonymous
  if ((long)map < 0 && (long)map > -4096) bad("mmap");
  for (u64 i = 0; i < pages * 512; i += 64) map[i] = mix(i + 5);
  call6(10, (u64)map + (pages - 1) * PAGE, PAGE, 1, 0, 0, 0);  // mprotect: the last page is read-only

  static char line[80] = "ready control=0x";
  char* end = hex(line + 16, (u64)control);
  u64 pid = call6(39, 0, 0, 0, 0, 0, 0), place = 1000000000;
  for (const char* text = " pid="; *text;) *end++ = *text++;
  while (place > pid) place /= 10;
  for (; place; place /= 10) *end++ = '0' + pid / place % 10;
  *end = '\n';
  put(line);

  double half = 0.5;  // an SSE register live across the checkpoint: version 1 carries those
  double seen;
  unsigned failed;
  __asm__ volatile(
      "movsd %2, %%xmm5\n fld1\n"
      "1: xor %%eax, %%eax\n mov %%r8, %%rcx\n or %%r9, %%rcx\n or %%r10, %%rcx\n or %%r11, %%rcx\n"
      "or %%r12, %%rcx\n or %%r13, %%rcx\n or %%r14, %%rcx\n or %%r15, %%rcx\n setnz %%al\n jnz 2f\n"
      "incl 4+%3\n cmpl $0, %3\n je 1b\n 2: movsd %%xmm5, %1\n fstp %%st(0)\n"
      : "=&a"(failed), "=m"(seen)
      : "m"(half), "m"(control[0])
      : "rcx", "cc", "memory", "xmm5");
  if (failed) bad("r8 to r15 changed in the loop");
  if (seen != 0.5) bad("xmm5 changed");
  check_registers();
  check_memory(map, pages);
  put("ok v1\n");
  quit(0);
  __builtin_unreachable();
}

__asm__(
    ".globl _start\n_start:\n xor %ebp, %ebp\n mov (%rsp), %rdi\n and $-16, %rsp\n"
    "xor %r8d, %r8d\n xor %r9d, %r9d\n xor %r10d, %r10d\n xor %r11d, %r11d\n"
    "xor %r12d, %r12d\n xor %r13d, %r13d\n xor %r14d, %r14d\n xor %r15d, %r15d\n call run\n");
