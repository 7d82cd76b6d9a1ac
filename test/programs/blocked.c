// SPDX-License-Identifier: Apache-2.0
//
// Blocked in a system call that has no end of its own. Argument: the call. Per signal(7) a stop leaves some of them blocked (pause,
// sigsuspend, poll, select, futex and their like restart by themselves), and where a copy cannot know the rest of a timeout its call
// returns EINTR. SIGUSR1 with the control word set ends it; another return than EINTR is wrong.
#include <linux/futex.h>
#include <sys/select.h>
#include <sys/syscall.h>

#include <poll.h>
#include <signal.h>

#include "common.h"

static volatile sig_atomic_t woken;

static void on_wake(int number) {
  (void)number;
  woken++;
}

static int word;

static long block(const char* how, const sigset_t* none) {
  struct timespec day = {86400, 0};
  sigset_t usr2;
  sigemptyset(&usr2);
  sigaddset(&usr2, SIGUSR2);
  if (!strcmp(how, "pause")) return pause();
  if (!strcmp(how, "sigsuspend")) return sigsuspend(none);
  if (!strcmp(how, "poll")) return poll(NULL, 0, -1);
  if (!strcmp(how, "poll-timeout")) return poll(NULL, 0, 86400000);
  if (!strcmp(how, "ppoll")) return ppoll(NULL, 0, NULL, none);
  if (!strcmp(how, "select")) return select(0, NULL, NULL, NULL, NULL);
  if (!strcmp(how, "pselect")) return pselect(0, NULL, NULL, NULL, NULL, none);
  if (!strcmp(how, "futex")) return syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
  if (!strcmp(how, "futex-timeout")) return syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &day, NULL, 0);
  if (!strcmp(how, "clock_nanosleep")) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += 86400;
    errno = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    return errno ? -1 : 0;
  }
  if (!strcmp(how, "sigwaitinfo")) return sigwaitinfo(&usr2, NULL);
  BAD("no such call: %s", how);
}

int main(int argc, char** argv) {
  program_name = "blocked";
  MUST(argc == 2);
  struct sigaction action = {.sa_handler = on_wake};
  sigaction(SIGUSR1, &action, NULL);
  sigset_t usr1, none;
  sigemptyset(&none);
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  // Those that take a mask wait with SIGUSR1 let through, and blocked outside: a copy must know both masks.
  int masked = !strcmp(argv[1], "sigsuspend") || !strcmp(argv[1], "ppoll") || !strcmp(argv[1], "pselect");
  if (masked) sigprocmask(SIG_BLOCK, &usr1, NULL);
  ready("blocked");
  while (!control.go) {
    int woken_then = woken;
    long result = block(argv[1], &none);
    if (result != -1 || errno != EINTR) BAD("%s returned %ld, errno %d", argv[1], result, errno);
    if (woken == woken_then) say("interrupted");
    sigset_t now;
    sigprocmask(SIG_SETMASK, NULL, &now);
    MUST(sigismember(&now, SIGUSR1) == masked);
  }
  MUST(woken);
  return verdict();
}
