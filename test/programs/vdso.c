// SPDX-License-Identifier: Apache-2.0
//
// Reads the clocks through the vdso in a loop. They never go backwards, the vdso stays where the auxiliary vector and libc's own
// pointers say, and the calls stay in user space: under the loop's bound on time no system call would fit.
#include <sys/auxv.h>
#include <sys/time.h>

#include <sched.h>

#include "common.h"

static unsigned long vdso_address(void) {
  FILE* maps = fopen("/proc/self/maps", "r");
  char line[4352];
  unsigned long start = 0;
  while (fgets(line, sizeof line, maps))
    if (strstr(line, "[vdso]")) sscanf(line, "%lx-", &start);
  fclose(maps);
  return start;
}

static int64_t last[16];

static void check(void) {
  static const clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME, CLOCK_MONOTONIC_COARSE};
  for (int round = 0; round < 1000; round++)
    for (unsigned i = 0; i < sizeof clocks / sizeof clocks[0]; i++) {
      struct timespec now;
      MUST(clock_gettime(clocks[i], &now) == 0);
      int64_t ns = now.tv_sec * 1000000000l + now.tv_nsec;
      if (ns < last[i]) BAD("clock %d went back by %ld ns", (int)clocks[i], (long)(last[i] - ns));
      last[i] = ns;
    }
  struct timeval day;
  MUST(gettimeofday(&day, NULL) == 0 && day.tv_sec > 1600000000 && labs(time(NULL) - day.tv_sec) <= 1);
  unsigned cpu, node;
  MUST(getcpu(&cpu, &node) == 0);
}

int main(void) {
  unsigned long at = getauxval(AT_SYSINFO_EHDR);
  program_name = "vdso";
  MUST(at && at == vdso_address());
  MUST(!memcmp((void*)at, "\177ELF", 4));
  ready("vdso");
  while (!control.go) {
    check();
    control.rounds++;
  }
  check();
  MUST(getauxval(AT_SYSINFO_EHDR) == at);
  if (vdso_address() != at) BAD("the vdso is at %lx, not %lx", vdso_address(), at);
  return verdict();
}
