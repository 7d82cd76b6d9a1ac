// SPDX-License-Identifier: Apache-2.0
//
// What a lazily restarted task may do while its memory is not there yet. Arguments: WHAT GOFILE MIB. It builds its memory, says
// `ready`, and begins as soon as GOFILE exists: a test that makes the file before the restart finds the copy at work with its first step.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common.h"

#define PAGE 4096ul
static char* memory;
static uint64_t pages;
static uint64_t seed = 1;

static uint64_t next(void) { return seed = mix(seed); }

static uint64_t word(uint64_t page, int i) { return i % 8 < 2 ? mix(page * 512 + i) : page; }

static void fill(void) {
  for (uint64_t page = 0; page < pages; page++) {
    uint64_t* at = (uint64_t*)(memory + page * PAGE);
    for (int i = 0; i < 512; i++) at[i] = word(page, i);
  }
}

/** `from` now holds what was built at `page`. */
static void check(const char* from, uint64_t page, const char* what) {
  const uint64_t* at = (const uint64_t*)from;
  for (int i = 0; i < 512; i++)
    if (at[i] != word(page, i))
      BAD("%s: page %lu, word %d is %lx, not %lx", what, (unsigned long)page, i, (unsigned long)at[i],
          (unsigned long)word(page, i));
}

static void check_zero(const char* from, const char* what) {
  const uint64_t* at = (const uint64_t*)from;
  for (int i = 0; i < 512; i++)
    if (at[i] != 0) BAD("%s: word %d is %lx, not 0", what, i, (unsigned long)at[i]);
}

/** Every page, in an order of its own. */
static void check_all(const char* what) {
  const uint64_t start = next() % pages;
  const uint64_t step = next() | 1;  // odd, and the number of pages is a power of two: every page is met
  for (uint64_t i = 0; i < pages; i++) {
    const uint64_t page = (start + i * step) % pages;
    check(memory + page * PAGE, page, what);
  }
}

static void do_fork(void) {
  check(memory + 7 * PAGE, 7, "before the fork");
  pid_t children[2];
  for (int i = 0; i < 2; i++) {
    children[i] = fork();
    MUST(children[i] >= 0);
    if (children[i]) continue;
    seed += i + 1;
    // The second child's own child too.
    if (i == 1) {
      const pid_t grandchild = fork();
      MUST(grandchild >= 0);
      if (grandchild) {
        int status;
        MUST(waitpid(grandchild, &status, 0) == grandchild && status == 0);
      }
    }
    check_all("child");
    memset(memory, 0xee, pages / 2 * PAGE);
    _exit(0);
  }
  check_all("parent");
  for (int i = 0; i < 2; i++) {
    int status;
    MUST(waitpid(children[i], &status, 0) == children[i]);
    if (status) BAD("a child ended with status %x", status);
  }
  check_all("parent, after its children have written");
}

static void do_moves(void) {
  const uint64_t part = pages / 8;
  // Moved, half of it not yet touched.
  char* to = mmap(NULL, part * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  check(memory + 3 * PAGE, 3, "before it moves");
  MUST(mremap(memory, part * PAGE, part * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
  // Moved again, one page at a time, in part over each other.
  char* again = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int i = 0; i < 4; i++)
    MUST(mremap(to + (2 * i) * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, again + i * PAGE) == again + i * PAGE);
  for (int i = 0; i < 4; i++) check(again + i * PAGE, 2 * i, "moved twice");
  for (int i = 0; i < 4; i++) check(to + (2 * i + 1) * PAGE, 2 * i + 1, "left behind");
  for (uint64_t i = 8; i < part; i++) check(to + i * PAGE, i, "moved");
  // Something new where it was.
  char* fresh =
      mmap(memory, part * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  MUST(fresh == memory);
  for (uint64_t i = 0; i < part; i++) check_zero(memory + i * PAGE, "fresh memory in an old place");

  // Given up: zeros, also where it was never touched; and it stays writable.
  char* second = memory + part * PAGE;
  check(second + 5 * PAGE, part + 5, "before it is given up");
  MUST(madvise(second, part / 2 * PAGE, MADV_DONTNEED) == 0);
  for (uint64_t i = 0; i < part / 2; i++) check_zero(second + i * PAGE, "given up");
  memset(second, 0x11, PAGE);
  for (uint64_t i = part / 2; i < part; i++) check(second + i * PAGE, part + i, "beside what was given up");

  // Unmapped, in the middle, and mapped again.
  char* third = memory + 2 * part * PAGE;
  MUST(munmap(third + 10 * PAGE, 100 * PAGE) == 0);
  MUST(mmap(third + 10 * PAGE, 50 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
            0) == third + 10 * PAGE);
  for (uint64_t i = 10; i < 60; i++) check_zero(third + i * PAGE, "mapped anew");
  for (uint64_t i = 110; i < part; i++) check(third + i * PAGE, 2 * part + i, "behind a hole");

  // Mapped over.
  char* fourth = memory + 3 * part * PAGE;
  MUST(mmap(fourth, 20 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == fourth);
  for (uint64_t i = 0; i < 20; i++) check_zero(fourth + i * PAGE, "mapped over");
  for (uint64_t i = 20; i < part; i++) check(fourth + i * PAGE, 3 * part + i, "beside what was mapped over");

  // Grown: it moves, and what is new is zero.
  char* fifth = memory + 4 * part * PAGE;
  char* grown = mremap(fifth, part * PAGE, 2 * part * PAGE, MREMAP_MAYMOVE);
  MUST(grown != MAP_FAILED);
  for (uint64_t i = part; i > 0; i--) check(grown + (i - 1) * PAGE, 4 * part + i - 1, "grown");
  for (uint64_t i = part; i < 2 * part; i++) check_zero(grown + i * PAGE, "growth");
  // Moved, its old place kept: that is empty then.
  char* sixth = memory + 5 * part * PAGE;
  char* elsewhere = mremap(sixth, part * PAGE, part * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
  MUST(elsewhere != MAP_FAILED);
  for (uint64_t i = 0; i < part; i++) check_zero(sixth + i * PAGE, "left empty");
  for (uint64_t i = 0; i < part; i++) check(elsewhere + i * PAGE, 5 * part + i, "moved out");
  // Protected and opened again before it was touched.
  char* seventh = memory + 6 * part * PAGE;
  MUST(mprotect(seventh, part * PAGE, PROT_READ) == 0);
  MUST(mprotect(seventh + 8 * PAGE, 8 * PAGE, PROT_READ | PROT_WRITE) == 0);
  for (uint64_t i = 0; i < part; i++) check(seventh + i * PAGE, 6 * part + i, "protected");
  for (uint64_t i = 7 * part; i < 8 * part; i++) check(memory + i * PAGE, i, "the rest");
}

/** The kernel reads and writes pages that the task never touched. */
static void do_calls(const char* gofile) {
  char path[4096];
  snprintf(path, sizeof path, "%s.data", gofile);
  const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  MUST(fd >= 0);
  const uint64_t half = pages / 2;
  for (uint64_t done = 0; done < half * PAGE;) {
    const ssize_t n = write(fd, memory + done, half * PAGE - done);
    MUST(n > 0);
    done += n;
  }
  MUST(lseek(fd, 0, SEEK_SET) == 0);
  // Into the middle of pages: what is around it has to be there.
  const uint64_t at = half + 9, count = half / 2;
  MUST(pread(fd, memory + at * PAGE + 100, 50, 0) == 50);
  char saved[50];
  memcpy(saved, memory + at * PAGE + 100, 50);
  uint64_t expected[512];
  for (int i = 0; i < 512; i++) expected[i] = word(at, i);
  uint64_t first[512];
  for (int i = 0; i < 512; i++) first[i] = word(0, i);
  memcpy((char*)expected + 100, first, 50);
  if (memcmp(expected, memory + at * PAGE, PAGE)) BAD("read(2) into a part of a page");
  for (uint64_t i = 1; i < count; i++) {
    MUST(pread(fd, memory + (at + i) * PAGE, PAGE, (off_t)(i * PAGE)) == (ssize_t)PAGE);
    check(memory + (at + i) * PAGE, i, "read(2) into a page");
  }
  int ends[2];
  MUST(pipe(ends) == 0);
  const char* far = memory + (pages - 20) * PAGE;
  MUST(write(ends[1], far, 3 * PAGE) == (ssize_t)(3 * PAGE));
  char back[3 * PAGE];
  MUST(read(ends[0], back, sizeof back) == (ssize_t)sizeof back);
  for (uint64_t i = 0; i < 3; i++) check(back + i * PAGE, pages - 20 + i, "through a pipe");
  struct stat* status = (struct stat*)(memory + (pages - 5) * PAGE + 4000);  // over the edge of a page
  MUST(fstat(fd, status) == 0 && status->st_size == (off_t)(half * PAGE));
  MUST(close(fd) == 0 && unlink(path) == 0);
}

int main(int argc, char** argv) {
  MUST(argc == 4);
  static char name[32], gofile[2000];
  snprintf(name, sizeof name, "lazy %s", argv[1]);
  snprintf(gofile, sizeof gofile, "%s", argv[2]);
  pages = strtoul(argv[3], NULL, 10) * 256;
  memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  MUST(memory != MAP_FAILED);
  fill();
  ready(name);
  struct stat status;
  while (stat(gofile, &status) != 0) {
    struct timespec pause = {0, 1000000};
    nanosleep(&pause, NULL);
  }
  if (!strcmp(argv[1], "random")) check_all("random");
  else if (!strcmp(argv[1], "fork")) do_fork();
  else if (!strcmp(argv[1], "moves")) do_moves();
  else if (!strcmp(argv[1], "calls")) do_calls(gofile);
  else BAD("no such thing to do");
  return verdict();
}
