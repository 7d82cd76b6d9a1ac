// SPDX-License-Identifier: Apache-2.0
//
// A lot of memory, every page different (and compressible, as real heaps are); one page changes with every round of the loop.
// Arguments: MIB, and optionally a thing to do per round: `churn` rewrites one page in a hundred.
#include <sys/mman.h>

#include "common.h"

#define WORDS 512
static uint64_t* memory;
static uint64_t pages;
static uint64_t* versions_page;  // how often each hundredth was rewritten
static int churn;

static void fill(uint64_t page, uint64_t version) {
  uint64_t* words = memory + page * WORDS;
  for (int i = 0; i < WORDS; i += 64) {
    uint64_t x = mix(page * 8 + i / 64 + (version << 40));
    for (int j = 0; j < 64; j++) words[i + j] = j < 6 ? mix(x + j) : x + (j >> 3);
  }
}

static void check_page(uint64_t page, uint64_t version) {
  const uint64_t* words = memory + page * WORDS;
  for (int i = 0; i < WORDS; i += 64) {
    uint64_t x = mix(page * 8 + i / 64 + (version << 40));
    for (int j = 0; j < 64; j++)
      if (words[i + j] != (j < 6 ? mix(x + j) : x + (j >> 3)))
        BAD("page %lu of %lu changed", (unsigned long)page, (unsigned long)pages);
  }
}

static void check_some(void) {
  static uint64_t turn;
  for (int i = 0; i < 100; i++, turn += 7919) check_page(turn % pages, turn % pages % 100 == 0 ? *versions_page : 0);
  if (!churn) return;
  for (uint64_t page = 0; page < pages; page += 100) fill(page, *versions_page + 1);
  ++*versions_page;
}

int main(int argc, char** argv) {
  program_name = "big";
  MUST(argc >= 2);
  churn = argc > 2 && !strcmp(argv[2], "churn");
  pages = strtoul(argv[1], NULL, 10) * 256;
  memory = mmap(NULL, pages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  MUST(memory != MAP_FAILED);
  static uint64_t versions;
  versions_page = &versions;
  for (uint64_t page = 0; page < pages; page++) fill(page, 0);
  ready("big");
  hold(1, check_some);
  for (uint64_t page = 0; page < pages; page++) check_page(page, page % 100 == 0 ? versions : 0);
  return verdict();
}
