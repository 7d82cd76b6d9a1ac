// SPDX-License-Identifier: Apache-2.0
//
// Signal state: it holds inside a handler, on the alternate stack, with signals blocked and pending (one of the process, one
// of the thread, queued real-time ones with their values), an interval timer that goes on firing and POSIX timers.
#include <sys/syscall.h>
#include <sys/time.h>

#include <signal.h>

#include "common.h"

static char alternate[65536] __attribute__((aligned(4096)));
static volatile sig_atomic_t ticks, timer_ticks, handled;
static int real_time, timer_signal;
static timer_t often, seldom, idle;

static void on_tick(int number, siginfo_t* info, void* context) {
  (void)context;
  if (number != SIGALRM || info->si_signo != SIGALRM) BAD("a wrong signal at the SIGALRM handler");
  ticks++;
}

static void on_timer(int number, siginfo_t* info, void* context) {
  (void)context;
  if (number != timer_signal || info->si_code != SI_TIMER) BAD("si_code %d at the timer's handler", info->si_code);
  if (info->si_value.sival_ptr != (void*)0x123456789abc) BAD("the timer's value is %p", info->si_value.sival_ptr);
  timer_ticks++;
}

static void on_plain(int number) {
  (void)number;
  BAD("the SIGTERM handler was called");
}

static void check_actions(void) {
  struct sigaction action;
  MUST(sigaction(SIGALRM, NULL, &action) == 0 && action.sa_sigaction == on_tick && (action.sa_flags & SA_SIGINFO));
  MUST(action.sa_flags & SA_RESTART && sigismember(&action.sa_mask, SIGWINCH) == 1 &&
       sigismember(&action.sa_mask, SIGINT) == 0);
  MUST(sigaction(SIGTERM, NULL, &action) == 0 && action.sa_handler == on_plain && !(action.sa_flags & SA_SIGINFO));
  MUST(action.sa_flags & (int)SA_RESETHAND && action.sa_flags & SA_NODEFER);
  MUST(sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_IGN);
  MUST(sigaction(SIGQUIT, NULL, &action) == 0 && action.sa_handler == SIG_DFL);
  sigset_t blocked, pending;
  sigprocmask(SIG_SETMASK, NULL, &blocked);
  MUST(sigismember(&blocked, SIGHUP) && sigismember(&blocked, SIGUSR1) && sigismember(&blocked, real_time));
  MUST(sigismember(&blocked, SIGUSR2) && sigismember(&blocked, SIGCHLD));  // the handler's own signal and its sa_mask
  MUST(!sigismember(&blocked, SIGALRM) && !sigismember(&blocked, SIGINT));
  sigpending(&pending);
  MUST(sigismember(&pending, SIGHUP) && sigismember(&pending, SIGUSR1) && sigismember(&pending, real_time));
  MUST(!sigismember(&pending, SIGTERM));
  stack_t stack;
  MUST(sigaltstack(NULL, &stack) == 0 && stack.ss_sp == alternate && stack.ss_size == sizeof alternate &&
       stack.ss_flags & SS_ONSTACK);
  struct itimerspec left;
  MUST(timer_gettime(seldom, &left) == 0 && left.it_value.tv_sec > 0 && left.it_value.tv_sec <= 100000 &&
       left.it_interval.tv_sec == 7);
  MUST(timer_gettime(idle, &left) == 0 && left.it_value.tv_sec == 0 && left.it_value.tv_nsec == 0);
  struct itimerval profile;
  MUST(getitimer(ITIMER_PROF, &profile) == 0 && profile.it_value.tv_sec > 0 && profile.it_interval.tv_sec == 11);
}

static void on_hold(int number) {
  char here;
  if (&here < alternate || &here >= alternate + sizeof alternate)
    BAD("the handler of signal %d is not on the alternate stack", number);
  ready("signals");
  hold(1, check_actions);
  // Both timers must go on by themselves.
  int ticks_then = ticks, timer_then = timer_ticks;
  double end = seconds() + 20;
  while (ticks < ticks_then + 5 || timer_ticks < timer_then + 5)
    if (seconds() > end) BAD("no ticks: ITIMER_REAL %d, timer_create %d", ticks - ticks_then, timer_ticks - timer_then);
  handled = 1;
}

static void take(const sigset_t* set, int wanted, int code, int value) {
  siginfo_t info;
  struct timespec now = {0, 0};
  int number = syscall(SYS_rt_sigtimedwait, set, &info, &now, 8);  // glibc's own turns SI_TKILL into SI_USER
  if (number != wanted || info.si_code != code || info.si_pid != getpid())
    BAD("pending signal %d (code %d, pid %d) in place of %d (code %d)", number, info.si_code, info.si_pid, wanted,
        code);
  if (code == SI_QUEUE && info.si_value.sival_int != value)
    BAD("the queued value is %d, not %d", info.si_value.sival_int, value);
}

int main(void) {
  program_name = "signals";
  real_time = SIGRTMIN + 1;
  timer_signal = SIGRTMIN + 3;
  struct sigaction action = {.sa_sigaction = on_tick, .sa_flags = SA_SIGINFO | SA_RESTART};
  sigaddset(&action.sa_mask, SIGWINCH);
  sigaction(SIGALRM, &action, NULL);
  action = (struct sigaction){.sa_sigaction = on_timer, .sa_flags = SA_SIGINFO | SA_RESTART};
  sigaction(timer_signal, &action, NULL);
  action = (struct sigaction){.sa_handler = on_plain, .sa_flags = SA_RESETHAND | SA_NODEFER};
  sigaction(SIGTERM, &action, NULL);
  action = (struct sigaction){.sa_handler = on_hold, .sa_flags = SA_ONSTACK};
  sigaddset(&action.sa_mask, SIGCHLD);
  sigaction(SIGUSR2, &action, NULL);
  signal(SIGPIPE, SIG_IGN);

  memset(alternate, 0x5a, sizeof alternate);  // all of it resident: no page more when handlers nest
  stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
  MUST(sigaltstack(&stack, NULL) == 0);
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGHUP);
  sigaddset(&blocked, SIGUSR1);
  sigaddset(&blocked, real_time);
  sigprocmask(SIG_SETMASK, &blocked, NULL);
  for (int value = 11; value <= 33; value += 11) sigqueue(getpid(), real_time, (union sigval){.sival_int = value});
  kill(getpid(), SIGHUP);                                       // pending for the process
  syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1);  // pending for the thread

  struct sigevent event = {
      .sigev_notify = SIGEV_SIGNAL, .sigev_signo = timer_signal, .sigev_value.sival_ptr = (void*)0x123456789abc};
  MUST(timer_create(CLOCK_REALTIME, &event, &idle) == 0);
  timer_t gone;  // leaves a hole in the timers' numbers
  MUST(timer_create(CLOCK_MONOTONIC, &event, &gone) == 0 && timer_delete(gone) == 0);
  MUST(timer_create(CLOCK_MONOTONIC, &event, &often) == 0);
  MUST(timer_create(CLOCK_BOOTTIME, &event, &seldom) == 0);
  struct itimerspec fast = {{0, 10000000}, {0, 10000000}}, slow = {{7, 0}, {100000, 0}};
  MUST(timer_settime(often, 0, &fast, NULL) == 0 && timer_settime(seldom, 0, &slow, NULL) == 0);
  struct itimerval interval = {{0, 10000}, {0, 10000}}, profile = {{11, 0}, {100000, 0}};
  MUST(setitimer(ITIMER_REAL, &interval, NULL) == 0 && setitimer(ITIMER_PROF, &profile, NULL) == 0);

  raise(SIGUSR2);

  MUST(handled);
  MUST(sigaltstack(NULL, &stack) == 0 && stack.ss_sp == alternate && !(stack.ss_flags & SS_ONSTACK));
  take(&blocked, SIGUSR1, SI_TKILL, 0);  // the thread's own come first
  take(&blocked, SIGHUP, SI_USER, 0);
  for (int value = 11; value <= 33; value += 11) take(&blocked, real_time, SI_QUEUE, value);
  siginfo_t info;
  struct timespec now = {0, 0};
  MUST(sigtimedwait(&blocked, &info, &now) == -1 && errno == EAGAIN);
  return verdict();
}
