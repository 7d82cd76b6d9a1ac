// SPDX-License-Identifier: Apache-2.0
//
// What a task is besides its memory and registers: limits, working directory, umask, personality, name, nice value, prctl settings, and
// what mmap and madvise were told about mappings. Arguments: DIRECTORY.
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <limits.h>

#include "common.h"

static char directory[PATH_MAX];
static char* map;
static unsigned long auxv_sum;
static unsigned long command_sum;

static unsigned long sum_of(const char* path) {
  FILE* file = fopen(path, "r");
  MUST(file);
  unsigned long sum = 0;
  for (int c; (c = getc(file)) != EOF;) sum = sum * 31 + c;
  fclose(file);
  return sum;
}

/** The VmFlags of the mapping that starts at an address. */
static void flags_of(void* address, char flags[256]) {
  FILE* file = fopen("/proc/self/smaps", "r");
  MUST(file);
  char line[4352];
  int here = 0;
  flags[0] = 0;
  while (fgets(line, sizeof line, file)) {
    unsigned long start, end;
    if (sscanf(line, "%lx-%lx ", &start, &end) == 2) here = start == (unsigned long)address;
    if (here && !strncmp(line, "VmFlags:", 8)) snprintf(flags, 256, "%.200s", line + 8);
  }
  fclose(file);
}

static void need_flag(int page, const char* flag) {
  char flags[256];
  flags_of(map + page * 4096, flags);
  if (!strstr(flags, flag)) BAD("the mapping of page %d lacks the flag%s: %s", page, flag, flags);
}

static void check(void) {
  struct rlimit limit;
  MUST(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == 123 && limit.rlim_max == 456);
  MUST(getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == 0 && limit.rlim_max == 8192);
  char here[PATH_MAX], name[17] = {0};
  MUST(getcwd(here, sizeof here));
  if (strcmp(here, directory)) BAD("the working directory is %s, not %s", here, directory);
  mode_t mask = umask(0);
  umask(mask);
  if (mask != 0137) BAD("the umask is %o", mask);
  MUST(personality(0xffffffff) == (ADDR_NO_RANDOMIZE | SHORT_INODE));
  MUST(prctl(PR_GET_NAME, name) == 0);
  if (strcmp(name, "a (new) name")) BAD("the name is '%s'", name);
  MUST(getpriority(PRIO_PROCESS, 0) == 7);
  MUST(prctl(PR_GET_DUMPABLE) == 1);
  MUST(prctl(PR_GET_CHILD_SUBREAPER, &mask) == 0 && mask == 1);
  MUST(prctl(PR_GET_TIMERSLACK) == 77777);
  MUST(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1);
  MUST(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
}

int main(int argc, char** argv) {
  program_name = "state";
  if (argc == 2) {  // personality takes effect from the next execve on
    MUST(personality(ADDR_NO_RANDOMIZE | SHORT_INODE) != -1);
    execl("/proc/self/exe", argv[0], argv[1], "again", NULL);
    BAD("execve");
  }
  MUST(argc == 3);
  setrlimit(RLIMIT_NOFILE, &(struct rlimit){123, 456});
  setrlimit(RLIMIT_CORE, &(struct rlimit){0, 8192});
  MUST(chdir(argv[1]) == 0 && getcwd(directory, sizeof directory));
  umask(0137);
  prctl(PR_SET_NAME, "a (new) name");
  setpriority(PRIO_PROCESS, 0, 7);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  prctl(PR_SET_TIMERSLACK, 77777);
  prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  // Pages 0, 2, 4, ... of their own: neighbours of other kinds must not be merged with them.
  map = mmap(NULL, 32 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  MUST(map != MAP_FAILED);
  for (int page = 0; page < 32; page++) map[page * 4096 + 5] = page + 1;
  for (int page = 1; page < 16; page += 2) munmap(map + page * 4096, 4096);
  MUST(madvise(map + 2 * 4096, 4096, MADV_DONTFORK) == 0 && madvise(map + 4 * 4096, 4096, MADV_DONTDUMP) == 0);
  MUST(madvise(map + 6 * 4096, 4096, MADV_WIPEONFORK) == 0 && madvise(map + 8 * 4096, 4096, MADV_SEQUENTIAL) == 0);
  MUST(madvise(map + 10 * 4096, 4096, MADV_RANDOM) == 0 && mlock(map + 12 * 4096, 4096) == 0);
  char* grows = mmap(NULL, 16 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0);
  MUST(grows != MAP_FAILED);
  memset(grows, 7, 16 * 4096);
  auxv_sum = sum_of("/proc/self/auxv");
  command_sum = sum_of("/proc/self/cmdline") + sum_of("/proc/self/environ");
  ready("state");
  hold(1, check);
  // Not in check(): an open file of /proc is refused, and the checkpoint may come at any time of the hold.
  MUST(sum_of("/proc/self/auxv") == auxv_sum);
  MUST(sum_of("/proc/self/cmdline") + sum_of("/proc/self/environ") == command_sum);
  for (int page = 0; page < 32; page++)
    if (page > 15 || page % 2 == 0) MUST(map[page * 4096 + 5] == page + 1);
  for (int i = 0; i < 16 * 4096; i++) MUST(grows[i] == 7);
  need_flag(2, " dc");
  need_flag(4, " dd");
  need_flag(6, " wf");
  need_flag(8, " sr");
  need_flag(10, " rr");
  need_flag(12, " lo");
  char flags[256];
  flags_of(grows, flags);
  if (!strstr(flags, " gd")) BAD("the growing mapping's flags are%s", flags);
  char exe[PATH_MAX] = {0};
  MUST(readlink("/proc/self/exe", exe, sizeof exe - 1) > 0);
  if (!strstr(exe, "state")) BAD("/proc/self/exe is %s", exe);
  return verdict();
}
