// SPDX-License-Identifier: Apache-2.0
//
// Corners that are easy to get wrong, one per run. Arguments: CORNER DIRECTORY.
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/rseq.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>

#include "common.h"

#define PAGE 4096ul
static char path[4096];
static char* memory;
static int fd;

static void nothing(void) {}

static int new_file(int pages) {
  int file = open(path, O_CREAT | O_TRUNC | O_RDWR, 0600);
  MUST(file >= 0);
  for (int i = 0; i < pages * 512; i++) {
    uint64_t word = mix(i);
    MUST(write(file, &word, 8) == 8);
  }
  return file;
}

// Limits below what is in use already: they must not be in the way of a restart.
static void limits_set(void) {
  fd = fcntl(open("/dev/null", O_RDONLY), F_DUPFD, 300);
  memory = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(memory, 3, 64 << 20);
  MUST(mlock(memory, 1 << 20) == 0);
  MUST(setrlimit(RLIMIT_NOFILE, &(struct rlimit){64, 64}) == 0 &&
       setrlimit(RLIMIT_AS, &(struct rlimit){1 << 20, 1 << 20}) == 0);
  MUST(setrlimit(RLIMIT_DATA, &(struct rlimit){4096, 1 << 20}) == 0 &&
       setrlimit(RLIMIT_STACK, &(struct rlimit){65536, 1 << 20}) == 0);
  MUST(setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){0, 0}) == 0 && setrlimit(RLIMIT_FSIZE, &(struct rlimit){0, 0}) == 0);
  MUST(setrlimit(RLIMIT_NPROC, &(struct rlimit){1, 1}) == 0 &&
       setrlimit(RLIMIT_SIGPENDING, &(struct rlimit){0, 0}) == 0);
}

static void limits_check(void) {
  struct rlimit limit;
  MUST(getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur == 1 << 20);
  MUST(getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur == 65536 && limit.rlim_max == 1 << 20);
  MUST(fcntl(fd, F_GETFD) == 0 && memory[0] == 3 && memory[(64 << 20) - 1] == 3);
  MUST(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
}

// A private mapping of /dev/zero is anonymous memory with a file's name.
static void dev_zero_set(void) {
  int zero = open("/dev/zero", O_RDWR);
  memory = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);
  MUST(memory != MAP_FAILED);
  memory[PAGE] = 5;
  close(zero);
}

static void dev_zero_check(void) { MUST(memory[0] == 0 && memory[PAGE] == 5 && memory[7 * PAGE] == 0); }

static sigjmp_buf out;
static volatile int fault;

static void on_fault(int number) {
  fault = number;
  siglongjmp(out, 1);
}

static int fault_at(volatile char* address) {
  fault = 0;
  if (!sigsetjmp(out, 1)) (void)*address;
  return fault;
}

// A mapping that is longer than its file: reads beyond the end are SIGBUS, before and after.
static void beyond_set(void) {
  int file = new_file(1);
  memory = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
  MUST(memory != MAP_FAILED);
  close(file);
  memory[8] = 99;
  signal(SIGBUS, on_fault);
}

static void beyond_check(void) {
  MUST(memory[8] == 99 && *(uint64_t*)(memory + 16) == mix(2));
  MUST(fault_at(memory + PAGE) == SIGBUS);
}

static void shared_read_only_set(void) {
  close(new_file(2));
  int file = open(path, O_RDONLY);
  memory = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, file, 0);
  MUST(memory != MAP_FAILED);
  close(file);
}

static void shared_read_only_check(void) {
  MUST(*(uint64_t*)(memory + 8) == mix(1));
  MUST(mprotect(memory, PAGE, PROT_READ | PROT_WRITE) == -1 && errno == EACCES);
}

// Many mappings: neighbours differ in their protection and are not merged.
#define MANY 8000
static void many_set(void) {
  memory = mmap(NULL, MANY * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  MUST(memory != MAP_FAILED);
  for (unsigned i = 0; i < MANY; i++) *(uint64_t*)(memory + i * PAGE) = mix(i);
  for (unsigned i = 0; i < MANY; i += 2) MUST(mprotect(memory + i * PAGE, PAGE, PROT_READ) == 0);
}

static void many_check(void) {
  for (unsigned i = 0; i < MANY; i++) MUST(*(uint64_t*)(memory + i * PAGE) == mix(i));
}

static void huge_set(void) {
  memory = mmap(NULL, 16 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  MUST(memory != MAP_FAILED);
  madvise(memory, 16 << 20, MADV_HUGEPAGE);
  for (unsigned i = 0; i < 16 << 20; i += 8) *(uint64_t*)(memory + i) = mix(i);
}

static void huge_check(void) {
  for (unsigned i = 0; i < 16 << 20; i += 8 * 97) MUST(*(uint64_t*)(memory + i) == mix(i));
}

static void locked_set(void) {
  memory = malloc(1 << 20);
  memset(memory, 9, 1 << 20);
  MUST(mlockall(MCL_CURRENT | MCL_FUTURE) == 0);
}

static void locked_check(void) {
  MUST(memory[77777] == 9);
  char* more = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  unsigned char resident;
  MUST(more != MAP_FAILED && mincore(more, PAGE, &resident) == 0 && (resident & 1));  // MCL_FUTURE is still in force
  MUST(munmap(more, PAGE) == 0);
}

// Memory that may become zero at any time. What is in it, the state of random number generators as a rule, is not for copies.
static pid_t first_parent;
static int is_copy(void) { return getppid() != first_parent; }
static int droppable(void* address) {
  FILE* smaps = fopen("/proc/self/smaps", "r");
  char line[4352];
  unsigned long start, end;
  int inside = 0, found = 0;
  while (fgets(line, sizeof line, smaps)) {
    if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
      inside = start <= (unsigned long)address && (unsigned long)address < end;
    if (inside && !strncmp(line, "VmFlags:", 8)) found = strstr(line, " dp") != NULL;
  }
  fclose(smaps);
  return found;
}

static void droppable_set(void) {
  first_parent = getppid();
  memory = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, 8 /* MAP_DROPPABLE */ | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;  // a kernel before 6.11 has none
  MUST(droppable(memory));
  strcpy(memory, "secret");
}

static void droppable_check(void) {
  static int seen;
  if (memory == MAP_FAILED || !is_copy()) return;
  // Once: a checkpoint that finds a file of /proc open refuses the task.
  if (!seen) MUST(droppable(memory));
  seen = 1;
  MUST(memory[0] == 0);
}

// A task without a vdso: it must not get one.
static unsigned long vdso_start, vdso_end;
static void no_vdso_set(void) {
  FILE* maps = fopen("/proc/self/maps", "r");
  char line[4352];
  while (fgets(line, sizeof line, maps))
    if (strstr(line, "[vdso]")) MUST(sscanf(line, "%lx-%lx", &vdso_start, &vdso_end) == 2);
  fclose(maps);
  MUST(munmap((void*)vdso_start, vdso_end - vdso_start) == 0);
}

static void no_vdso_check(void) {
  unsigned char resident;
  MUST(mincore((void*)vdso_start, PAGE, &resident) == -1 && errno == ENOMEM);
}

// Restartable sequences: sections that commit one of two words; a section that is cut in its middle must go to its abort handler.
static volatile long committed[2], started, aborted;

static void rseq_once(void) {
  struct rseq* area = (struct rseq*)((char*)__builtin_thread_pointer() + __rseq_offset);
  long before = committed[0];
  started++;
  __asm__ goto volatile(
      ".pushsection __rseq_cs, \"aw\"\n .balign 32\n 3: .long 0, 0\n .quad 1f, 2f-1f, 4f\n .popsection\n"
      "leaq 3b(%%rip), %%rax\n movq %%rax, %0\n 1:\n"
      "movq %1, %%rcx\n incq %%rcx\n mov $2000, %%eax\n 5: dec %%eax\n jnz 5b\n"  // long enough to be cut now and then
      "movq %%rcx, %1\n 2:\n"
      ".pushsection __rseq_failure, \"ax\"\n .byte 0x0f, 0xb9, 0x3d\n .long 0x53053053\n 4: jmp %l[cut]\n .popsection\n"
      :
      : "m"(area->rseq_cs), "m"(committed[0])
      : "rax", "rcx", "memory", "cc"
      : cut);
  MUST(committed[0] == before + 1);
  committed[1]++;
  return;
cut:
  MUST(committed[0] == before);
  aborted++;
}

static void rseq_set(void) { MUST(__rseq_size > 0); }

static void rseq_check(void) {
  for (int i = 0; i < 5000; i++) rseq_once();
  MUST(committed[0] == committed[1] && started == committed[0] + aborted);
  struct rseq* area = (struct rseq*)((char*)__builtin_thread_pointer() + __rseq_offset);
  unsigned cpu = area->cpu_id;
  MUST(cpu < 4096);  // still registered: the kernel keeps it up to date
}

// System calls back to back, and sleeps that no checkpoint may interrupt in the original.
static int zero_fd, null_fd;
static void hammer_set(void) {
  first_parent = getppid();
  zero_fd = open("/dev/zero", O_RDONLY);
  null_fd = open("/dev/null", O_WRONLY);
}

static void hammer_check(void) {
  char buffer[4096];
  pid_t pid = getpid();
  for (int i = 0; i < 300; i++) {
    memset(buffer, 1, sizeof buffer);
    MUST(read(zero_fd, buffer, sizeof buffer) == sizeof buffer && buffer[0] == 0 && buffer[4095] == 0);
    MUST(write(null_fd, buffer, 100) == 100);
    MUST((syscall(SYS_getpid) == pid || is_copy()) && lseek(zero_fd, 0, SEEK_CUR) == 0);
    struct stat status;
    MUST(stat("/dev/null", &status) == 0 && S_ISCHR(status.st_mode));
    MUST(stat("/dev/nothing-there", &status) == -1 && errno == ENOENT);
  }
  struct timespec pause = {0, 200000};
  MUST(nanosleep(&pause, NULL) == 0 || (errno == EINTR && is_copy()));
}

// Timers of other kinds.
static timer_t cpu_timer, none_timer, thread_timer;
static void timers_set(void) {
  signal(SIGUSR2, SIG_IGN);
  struct sigevent none = {.sigev_notify = SIGEV_NONE};
  struct sigevent thread = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR2};
  thread._sigev_un._tid = syscall(SYS_gettid);
  struct sigevent plain = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
  MUST(timer_create(CLOCK_PROCESS_CPUTIME_ID, &plain, &cpu_timer) == 0);
  MUST(timer_create(CLOCK_REALTIME, &none, &none_timer) == 0);
  MUST(timer_create(CLOCK_MONOTONIC, &thread, &thread_timer) == 0);
  struct itimerspec slow = {{3, 5}, {100000, 0}};
  MUST(timer_settime(cpu_timer, 0, &slow, NULL) == 0 && timer_settime(none_timer, 0, &slow, NULL) == 0);
  MUST(timer_settime(thread_timer, 0, &slow, NULL) == 0);
}

static void timers_check(void) {
  timer_t all[] = {cpu_timer, none_timer, thread_timer};
  for (int i = 0; i < 3; i++) {
    struct itimerspec left;
    MUST(timer_gettime(all[i], &left) == 0);
    if (left.it_value.tv_sec < 90000 || left.it_value.tv_sec > 100000 || left.it_interval.tv_sec != 3 ||
        left.it_interval.tv_nsec != 5)
      BAD("timer %d has %ld s left, interval %ld.%09ld", i, (long)left.it_value.tv_sec, (long)left.it_interval.tv_sec,
          (long)left.it_interval.tv_nsec);
  }
}

static void batch_set(void) {
  struct sched_param parameters = {0};
  MUST(sched_setscheduler(0, SCHED_BATCH | SCHED_RESET_ON_FORK, &parameters) == 0);
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(0, &one);
  MUST(sched_setaffinity(0, sizeof one, &one) == 0);
}

static void batch_check(void) { MUST(sched_getscheduler(0) == (SCHED_BATCH | SCHED_RESET_ON_FORK)); }

// A process of another user, as root restarts it: it must not come back with root's rights.
static void user_set(void) { MUST(setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0); }

static void user_check(void) {
  uid_t real, effective, saved;
  MUST(getresuid(&real, &effective, &saved) == 0);
  if (real != 65534 || effective != 65534 || saved != 65534) BAD("the user is %u, %u, %u", real, effective, saved);
}

static void cwd_set(void) { MUST(mkdir(path, 0700) == 0 && chdir(path) == 0 && rmdir(path) == 0); }

static void exe_set(void) {
  char copy[4200];
  if (strstr(program_name, "again")) {
    MUST(readlink("/proc/self/exe", copy, sizeof copy) > 0 && unlink(path) == 0);
    return;
  }
  int from = open("/proc/self/exe", O_RDONLY), to = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0700);
  for (ssize_t n; (n = read(from, copy, 4096)) > 0;) MUST(write(to, copy, n) == n);
  close(from), close(to);
  char* directory = strdup(path);
  *strrchr(directory, '/') = 0;
  execl(path, "again", "exe-deleted", directory, NULL);
  BAD("execve");
}

static const struct {
  const char* name;
  void (*set)(void);
  void (*check)(void);
} corners[] = {
    {"limits", limits_set, limits_check},
    {"dev-zero", dev_zero_set, dev_zero_check},
    {"beyond-the-end", beyond_set, beyond_check},
    {"shared-read-only", shared_read_only_set, shared_read_only_check},
    {"many-mappings", many_set, many_check},
    {"huge-pages", huge_set, huge_check},
    {"mlockall", locked_set, locked_check},
    {"droppable", droppable_set, droppable_check},
    {"no-vdso", no_vdso_set, no_vdso_check},
    {"rseq", rseq_set, rseq_check},
    {"hammer", hammer_set, hammer_check},
    {"timers", timers_set, timers_check},
    {"batch", batch_set, batch_check},
    {"user", user_set, user_check},
    {"cwd-deleted", cwd_set, nothing},
    {"exe-deleted", exe_set, nothing},
};

int main(int argc, char** argv) {
  program_name = argv[0];
  MUST(argc == 3);
  snprintf(path, sizeof path, "%s/odd-%s", argv[2], argv[1]);
  for (unsigned i = 0; i < sizeof corners / sizeof corners[0]; i++)
    if (!strcmp(corners[i].name, argv[1])) {
      corners[i].set();
      ready("odd");
      hold(1, corners[i].check);
      return verdict();
    }
  BAD("no such corner: %s", argv[1]);
}
