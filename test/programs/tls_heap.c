// SPDX-License-Identifier: Apache-2.0
//
// Kinds of memory: thread-local storage, a large brk heap, an mmap heap with holes, guard pages without and with contents,
// data that is read-only by now, an untouched gibibyte, and a private file mapping with some copied pages. Arguments: DIRECTORY.
#include <sys/mman.h>

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>

#include "common.h"

#define PAGE 4096ul
#define BLOCKS 3000
#define MAPS 256
#define MAP_BYTES (16 * PAGE)
#define FILE_PAGES 64
#define GIB (1ul << 30)

static __thread __attribute__((tls_model("initial-exec"))) uint64_t tls_words[600] = {7, 8, 9};
static __thread int tls_zero[100];
static uint64_t* blocks[BLOCKS];
static char* maps;
static uint64_t *guarded, *constants, *file_map;
static char *gib, *no_contents;
static void* brk_then;
static uint64_t* brk_words;
static sigjmp_buf out;

static void on_fault(int number) {
  (void)number;
  siglongjmp(out, 1);
}

static int faults(volatile char* address, int write) {
  if (sigsetjmp(out, 1)) return 1;
  if (write) *address = 1;
  else (void)*address;
  return 0;
}

static void check(void) {
  for (int i = 0; i < 600; i++) MUST(tls_words[i] == (i < 3 ? 7u + i : mix(i)));
  for (int i = 0; i < 100; i++) MUST(tls_zero[i] == i * 3);
  for (int i = 0; i < BLOCKS; i++)
    if (blocks[i])
      for (int j = 0; j < 400; j += 37) MUST(blocks[i][j] == mix(i * 1000 + j));
  MUST(sbrk(0) == brk_then);
  for (unsigned i = 0; i < 8 * 1024 * 1024 / 8; i += 512) MUST(brk_words[i] == mix(i ^ 0xbbb));
  for (int i = 0; i < MAPS; i++)
    if (i % 3 != 1)
      for (unsigned page = 0; page < MAP_BYTES / PAGE; page += 2) {
        uint64_t* words = (uint64_t*)(maps + i * MAP_BYTES + page * PAGE);
        MUST(words[5] == mix(i * 100 + page) && words[511] == ~mix(i * 100 + page));
        MUST(*(uint64_t*)((char*)words + PAGE) == 0);  // the page after it was never written
      }
  for (int i = 0; i < 4 * 512; i++) MUST(constants[i] == mix(i ^ 0xccc));
  for (int page = 0; page < FILE_PAGES; page++) {
    uint64_t* words = file_map + page * 512;
    MUST(words[1] == mix(page * 512 + 1));
    MUST(words[0] == (page % 3 == 0 ? 0x777u + page : mix(page * 512)));
  }
}

static int deep(int depth) {
  volatile char room[4096];
  memset((char*)room, depth, sizeof room);
  int below = depth ? deep(depth - 1) : 0;
  return below + (room[17] == (char)depth);
}

int main(int argc, char** argv) {
  program_name = "tls_heap";
  MUST(argc == 2);
  for (int i = 3; i < 600; i++) tls_words[i] = mix(i);
  for (int i = 0; i < 100; i++) tls_zero[i] = i * 3;
  for (int i = 0; i < BLOCKS; i++) {
    blocks[i] = malloc(3200 + i % 7 * 100);
    for (int j = 0; j < 400; j++) blocks[i][j] = mix(i * 1000 + j);
  }
  for (int i = 0; i < BLOCKS; i += 5) free(blocks[i]), blocks[i] = NULL;
  brk_words = sbrk(8 * 1024 * 1024 + 16);
  MUST(brk_words != (void*)-1);
  brk_words = (uint64_t*)(((uintptr_t)brk_words + 15) & ~15ul);
  for (unsigned i = 0; i < 8 * 1024 * 1024 / 8; i += 512) brk_words[i] = mix(i ^ 0xbbb);
  brk_then = sbrk(0);

  maps = mmap(NULL, MAPS * MAP_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  MUST(maps != MAP_FAILED);
  for (int i = 0; i < MAPS; i++)
    for (unsigned page = 0; page < MAP_BYTES / PAGE; page += 2) {
      uint64_t* words = (uint64_t*)(maps + i * MAP_BYTES + page * PAGE);
      words[5] = mix(i * 100 + page);
      words[511] = ~mix(i * 100 + page);
    }
  for (int i = 1; i < MAPS; i += 3) MUST(munmap(maps + i * MAP_BYTES, MAP_BYTES) == 0);

  no_contents = mmap(NULL, 4 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  guarded = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int i = 0; i < 3 * 512; i++) guarded[i] = mix(i ^ 0xaaa);
  MUST(mprotect(guarded, 3 * PAGE, PROT_NONE) == 0);
  constants = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int i = 0; i < 4 * 512; i++) constants[i] = mix(i ^ 0xccc);
  MUST(mprotect(constants, 4 * PAGE, PROT_READ) == 0);
  gib = mmap(NULL, GIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  MUST(gib != MAP_FAILED);
  MUST(madvise(gib, GIB, MADV_NOHUGEPAGE) == 0);

  char path[4096];
  snprintf(path, sizeof path, "%s/mapped-%d", argv[1], (int)getpid());
  int fd = open(path, O_CREAT | O_TRUNC | O_RDWR, 0600);
  for (int i = 0; i < FILE_PAGES * 512; i++) {
    uint64_t word = mix(i);
    MUST(write(fd, &word, 8) == 8);
  }
  file_map = mmap(NULL, FILE_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  MUST(file_map != MAP_FAILED && close(fd) == 0);
  for (int page = 0; page < FILE_PAGES; page += 3) file_map[page * 512] = 0x777 + page;

  ready("tls_heap");
  hold(1, check);

  signal(SIGSEGV, on_fault);
  MUST(faults(no_contents, 0) && faults(no_contents + 4 * PAGE - 1, 0) && faults((char*)guarded, 0) &&
       faults((char*)guarded, 1));
  MUST(faults((char*)constants, 1) && !faults((char*)constants, 0));
  MUST(faults(maps + MAP_BYTES, 0));
  MUST(mprotect(guarded, 3 * PAGE, PROT_READ) == 0);
  for (int i = 0; i < 3 * 512; i++) MUST(guarded[i] == mix(i ^ 0xaaa));
  static unsigned char resident[GIB / PAGE];
  MUST(mincore(gib, GIB, resident) == 0);
  for (unsigned long i = 0; i < GIB / PAGE; i++) MUST(!(resident[i] & 1));
  gib[GIB / 2] = 1;
  MUST(gib[0] == 0 && gib[GIB - 1] == 0 && gib[GIB / 2] == 1);
  MUST(deep(1000) == 1001);  // the stack still grows: 4 MiB down
  brk_words = sbrk(1 << 20);
  MUST(brk_words == brk_then);
  memset(brk_words, 1, 1 << 20);  // and so does the heap
  char* more = malloc(100000);
  MUST(more && more[0] == more[0]);
  free(more);
  return verdict();
}
