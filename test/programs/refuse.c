// SPDX-License-Identifier: Apache-2.0
//
// A task in a state that cannot be carried. Argument: the state; then DIRECTORY. It prints `ready`, holds, and ends well when told to:
// a refusal must leave it as it was.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include "common.h"

static char path[4096];
static volatile char* memory;
static int fd = -1;

static void* second_thread(void* unused) {
  (void)unused;
  while (!control.go) usleep(2000);
  return NULL;
}

/** A grandchild with our working directory, which is nobody's child when its parent has ended. It ends when we have. */
static void share_directory(void) {
  pid_t self = getpid(), parent = syscall(SYS_clone, CLONE_FS | SIGCHLD, NULL, NULL, NULL, 0);
  if (parent == 0) {
    if (syscall(SYS_clone, CLONE_FS | SIGCHLD, NULL, NULL, NULL, 0) == 0)
      while (kill(self, 0) == 0) usleep(10000);
    _exit(0);
  }
  MUST(waitpid(parent, NULL, 0) == parent);
}

static void check(void) {
  if (memory) MUST(memory[0] == 'x' && memory[8191] == 0);
  if (fd >= 0) MUST(fcntl(fd, F_GETFD) >= 0);
}

static volatile char* mapped(int flags, int file) {
  char* address = mmap(NULL, 8192, PROT_READ | PROT_WRITE, flags, file, 0);
  MUST(address != MAP_FAILED);
  address[0] = 'x';
  return address;
}

static int new_file(void) {
  int file = open(path, O_CREAT | O_TRUNC | O_RDWR, 0600);
  MUST(file >= 0 && ftruncate(file, 8192) == 0);
  return file;
}

int main(int argc, char** argv) {
  program_name = "refuse";
  MUST(argc == 3);
  const char* how = argv[1];
  snprintf(path, sizeof path, "%s/refuse-%s", argv[2], how);
  pthread_t thread;
  pid_t child = 0;
  int ends[2];
  if (!strcmp(how, "threads")) MUST(pthread_create(&thread, NULL, second_thread, NULL) == 0);
  else if (!strcmp(how, "shared-anonymous")) memory = mapped(MAP_SHARED | MAP_ANONYMOUS, -1);
  else if (!strcmp(how, "shared-file")) memory = mapped(MAP_SHARED, new_file());
  else if (!strcmp(how, "shared-system-v")) {
    int id = shmget(IPC_PRIVATE, 8192, IPC_CREAT | 0600);
    memory = shmat(id, NULL, 0);
    MUST(shmctl(id, IPC_RMID, NULL) == 0 && memory != (void*)-1);
    memory[0] = 'x';
  } else if (!strcmp(how, "shared-directory")) share_directory();
  else if (!strcmp(how, "shared-file-closed")) {
    int file = new_file();
    memory = mapped(MAP_SHARED, file);
    close(file);
  } else if (!strcmp(how, "socket")) fd = socket(AF_INET, SOCK_STREAM, 0);
  else if (!strcmp(how, "socketpair")) MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0), fd = ends[0];
  else if (!strcmp(how, "pipe")) MUST(pipe(ends) == 0), fd = ends[1];
  else if (!strcmp(how, "fifo")) MUST(mkfifo(path, 0600) == 0 || errno == EEXIST), fd = open(path, O_RDWR);
  else if (!strcmp(how, "child")) {
    child = fork();
    if (!child)
      for (;;) pause();
  } else if (!strcmp(how, "zombie")) {
    child = fork();
    if (!child) _exit(0);
    siginfo_t info;
    MUST(waitid(P_PID, child, &info, WEXITED | WNOWAIT) == 0);
  } else if (!strcmp(how, "seccomp")) {
    struct sock_filter allow[] = {{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
    struct sock_fprog program = {1, allow};
    MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
  } else if (!strcmp(how, "trap-tsc")) MUST(prctl(PR_SET_TSC, PR_TSC_SIGSEGV) == 0);
  else if (!strcmp(how, "trap-cpuid")) MUST(syscall(SYS_arch_prctl, 0x1012 /* ARCH_SET_CPUID */, 0) == 0);
  else if (!strcmp(how, "key")) MUST(pkey_alloc(0, PKEY_DISABLE_WRITE) > 0);
  else if (!strcmp(how, "key-memory")) {
    memory = mapped(MAP_PRIVATE | MAP_ANONYMOUS, -1);
    MUST(pkey_mprotect((void*)memory, 8192, PROT_READ | PROT_WRITE, pkey_alloc(0, 0)) == 0);
  } else if (!strcmp(how, "flock")) fd = new_file(), MUST(flock(fd, LOCK_SH) == 0);
  else if (!strcmp(how, "lease")) fd = new_file(), MUST(fcntl(fd, F_SETLEASE, F_WRLCK) == 0);
  else if (!strcmp(how, "epoll")) fd = epoll_create1(0);
  else if (!strcmp(how, "eventfd")) fd = eventfd(0, 0);
  else if (!strcmp(how, "timerfd")) fd = timerfd_create(CLOCK_MONOTONIC, 0);
  else if (!strcmp(how, "inotify")) fd = inotify_init();
  else if (!strcmp(how, "memfd")) fd = syscall(SYS_memfd_create, "memory", 0);
  else if (!strcmp(how, "pidfd")) fd = syscall(SYS_pidfd_open, getpid(), 0);
  else if (!strcmp(how, "userfaultfd")) fd = syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
  else if (!strcmp(how, "io_uring")) {
    char params[256] = {0};
    fd = syscall(SYS_io_uring_setup, 4, params);
  } else if (!strcmp(how, "signalfd")) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    fd = signalfd(-1, &set, 0);
  } else if (!strcmp(how, "terminal")) fd = open("/dev/ptmx", O_RDWR | O_NOCTTY);
  else if (!strcmp(how, "deleted-file")) fd = new_file(), MUST(unlink(path) == 0);
  else if (!strcmp(how, "deleted-mapping")) {
    int file = new_file();
    memory = mapped(MAP_PRIVATE, file);
    close(file);
    MUST(unlink(path) == 0);
  } else if (!strcmp(how, "replaced-file"))
    fd = new_file(), MUST(unlink(path) == 0), close(new_file() /* another inode */);
  else if (!strcmp(how, "proc-file")) fd = open("/proc/self/status", O_RDONLY);
  else BAD("no such state: %s", how);
  const int wants_fd = strncmp(how, "shared", 6) && strncmp(how, "trap", 4) && strncmp(how, "key", 3) &&
                       strcmp(how, "threads") && strcmp(how, "child") && strcmp(how, "zombie") &&
                       strcmp(how, "seccomp") && strcmp(how, "deleted-mapping");
  if (wants_fd && fd < 0) {
    say("skip: this kernel or user cannot make the state %s: errno %d", how, errno);
    return 77;
  }
  ready("refuse");
  hold(1, check);
  if (!strcmp(how, "threads")) MUST(pthread_join(thread, NULL) == 0);
  if (child) {
    kill(child, SIGKILL);
    MUST(waitpid(child, NULL, 0) == child);
  }
  unlink(path);
  return verdict();
}
