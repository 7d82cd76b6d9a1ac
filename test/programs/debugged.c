// SPDX-License-Identifier: Apache-2.0
//
// For a debugger: stands three calls deep with variables of known values, a large mostly untouched heap, and known vector registers.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct place {
  int number;
  double length;
  const char* name;
};

static struct place harbour = {42, 2.5, "harbour"};
char* heap;
volatile int going = 1;

__attribute__((noinline)) static void innermost(int depth, struct place* where) {
  long marker = 0x1234567890abcdef;
  __asm__ volatile("pcmpeqd %%xmm5, %%xmm5" ::: "xmm5");
  puts("ready");
  fflush(stdout);
  __asm__ volatile("pcmpeqd %%xmm5, %%xmm5" ::: "xmm5");
  while (going) __asm__ volatile("pause" ::"r"(marker));
  printf("%d %s\n", depth, where->name);
}

__attribute__((noinline)) static void middle(int depth, struct place* where) {
  innermost(depth + 1, where);
  puts("left");
}

int main(void) {
  heap = calloc(1, 200 << 20);
  strcpy(heap + (150 << 20), "deep in the heap");
  memset(heap + (151 << 20), 0, 4096);
  middle(7, &harbour);
  return 0;
}
