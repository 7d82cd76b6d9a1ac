// SPDX-License-Identifier: Apache-2.0
//
// A small program with much changing state, for the demo: a table of a few hundred MiB that it works on step by step.
// Every tenth step it prints a line: its pid, the step and a checksum that stands for every byte of the table. The
// line of a step is always the same, so a copy that goes on from a checkpoint must repeat it exactly. From time to time, and
// when SIGTERM comes, it sums up the whole table anew and compares.
//
//   counter MIB
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { CELLS_PER_STEP = 256, STEPS_PER_LINE = 10, STEPS_PER_CHECK = 200, STEP_NS = 10 * 1000 * 1000 };

static volatile sig_atomic_t asked_to_end;

static void on_term(int signal_number) {
  (void)signal_number;
  asked_to_end = 1;
}

static uint64_t scramble(uint64_t x) {
  x ^= x >> 31;
  x *= 0x9e3779b97f4a7c15u;
  return x ^ (x >> 29);
}

/** What one cell adds to the checksum: depends on its value and its place. */
static uint64_t weight(uint64_t index, uint64_t value) { return scramble(value + index * 0xd6e8feb86659fd93u); }

static uint64_t sum_up(const uint64_t* table, uint64_t cells) {
  uint64_t sum = 0;
  for (uint64_t i = 0; i < cells; i++) sum += weight(i, table[i]);
  return sum;
}

static void say(const char* what, uint64_t step, uint64_t sum) {
  char line[128];
  const int length = snprintf(line, sizeof line, "%s pid=%d step=%llu memory=%016llx\n", what, (int)getpid(),
                              (unsigned long long)step, (unsigned long long)sum);
  if (write(STDOUT_FILENO, line, (size_t)length) != length) _exit(1);
}

static void check(const uint64_t* table, uint64_t cells, uint64_t step, uint64_t sum) {
  if (sum_up(table, cells) == sum) return;
  say("damaged", step, sum);
  _exit(1);
}

int main(int argc, char** argv) {
  const uint64_t bytes = (argc > 1 ? strtoull(argv[1], NULL, 10) : 256) << 20;
  const uint64_t cells = bytes / sizeof(uint64_t);
  // Terminals and editors leave pipes open in what they start; a program with pipes of others cannot be saved.
  close_range(3, ~0U, 0);
  // Where only ancestors may trace a process, let anyone of the same user do it: whoever saves it is its sibling.
  prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_term;
  sigaction(SIGTERM, &action, NULL);

  uint64_t* table = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (table == MAP_FAILED) {
    perror("counter: mmap");
    return 1;
  }
  // Words with a few meaningful bits each, as in the heap of a program that works.
  for (uint64_t i = 0; i < cells; i++) table[i] = scramble(i) >> 44;
  uint64_t sum = sum_up(table, cells);

  for (uint64_t step = 1; !asked_to_end; step++) {
    const uint64_t first = scramble(step) % (cells - CELLS_PER_STEP);
    for (uint64_t i = first; i < first + CELLS_PER_STEP; i++) {
      sum -= weight(i, table[i]);
      table[i] = scramble(table[i] + step) >> 44;
      sum += weight(i, table[i]);
    }
    if (step % STEPS_PER_LINE == 0) say("at", step, sum);
    if (step % STEPS_PER_CHECK == 0) check(table, cells, step, sum);
    // An interrupted sleep is a shorter one: nothing depends on it.
    const struct timespec pause = {0, STEP_NS};
    nanosleep(&pause, NULL);
    if (asked_to_end) {
      check(table, cells, step, sum);
      say("whole", step, sum);
    }
  }
  return 0;
}
