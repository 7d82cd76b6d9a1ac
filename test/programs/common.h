// SPDX-License-Identifier: Apache-2.0
//
// What every program to be checkpointed shares. The protocol:
//   1. the program builds its state and prints `ready control=0xADDRESS pid=N`
//   2. it holds its state, checking it over and over and counting the rounds at ADDRESS + 4, until the word at ADDRESS is not zero
//      (the test writes it through /proc/PID/mem: no signal, no system call, nothing timed)
//   3. it checks everything once more, prints `ok NAME` and exits 0, or `bad NAME: reason` and exits 1
// Lines go straight to write(2): no buffer that a copy could print twice.
#ifndef CKPT_TEST_PROGRAMS_COMMON_H
#define CKPT_TEST_PROGRAMS_COMMON_H

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/** What the test writes, and what it may read. */
static struct {
  volatile uint32_t go;      // 0: hold; otherwise the phase that the test has allowed
  volatile uint32_t rounds;  // goes up while the program holds: proof that it runs
} control;
static const char* program_name = "program";

__attribute__((format(printf, 1, 2))) static void say(const char* format, ...) {
  char line[512];
  va_list args;
  va_start(args, format);
  int length = vsnprintf(line, sizeof line - 1, format, args);
  va_end(args);
  if (length > (int)sizeof line - 2) length = sizeof line - 2;
  line[length++] = '\n';
  for (int done = 0; done < length;) {
    ssize_t n = write(1, line + done, length - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) _exit(3);
    done += n;
  }
}

/** Says why the program is wrong, and ends it with 1. */
__attribute__((noreturn, format(printf, 2, 3))) static void fail(int line, const char* format, ...) {
  char reason[400];
  va_list args;
  va_start(args, format);
  vsnprintf(reason, sizeof reason, format, args);
  va_end(args);
  say("bad %s: %s (line %d)", program_name, reason, line);
  _exit(1);
}

#define BAD(...) fail(__LINE__, __VA_ARGS__)

/** Fails the program, with the condition's own text and errno, when a condition does not hold. */
#define MUST(condition) ((condition) ? (void)0 : fail(__LINE__, "%s (errno %d)", #condition, errno))

static inline void ready(const char* name) {
  program_name = name;
  say("ready control=0x%lx pid=%d", (unsigned long)(uintptr_t)&control, (int)getpid());
}

/** Holds until the test allows `phase`, calling check() (may be NULL) over and over. Gives the processor away between two checks. */
static inline void hold(uint32_t phase, void (*check)(void)) {
  while (control.go < phase) {
    control.rounds++;
    if (check) check();
    struct timespec pause = {0, 2000000};
    nanosleep(&pause, NULL);  // EINTR after a restart: no matter here
  }
  if (check) check();
}

static inline int verdict(void) {
  say("ok %s", program_name);
  return 0;
}

/** A word that depends on where it stands: tells one page or file block from all others. */
static inline uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

static inline double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec + now.tv_nsec / 1e9;
}

#endif
