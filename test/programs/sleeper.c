// SPDX-License-Identifier: Apache-2.0
//
// Asleep in nanosleep. Without arguments it sleeps a day at a time and says so when a sleep was interrupted, which is what a copy
// sees right after its restart; SIGUSR1 with the control word set ends it. Argument SECONDS: it sleeps that long, and the
// sleep must be whole and uninterrupted, which is what the original has to see.
#include <signal.h>

#include "common.h"

static void on_wake(int number) { (void)number; }

int main(int argc, char** argv) {
  struct sigaction action = {.sa_handler = on_wake};
  sigaction(SIGUSR1, &action, NULL);
  int once = argc > 1 ? atoi(argv[1]) : 0;
  struct timespec wanted = {once ? once : 86400, 0}, left;
  double start = seconds();
  ready("sleeper");
  while (!control.go) {
    int result = nanosleep(&wanted, &left);
    if (once) {
      if (result != 0) BAD("the sleep was interrupted, errno %d", errno);
      if (seconds() - start < once) BAD("the sleep was %.3f s short", once - (seconds() - start));
      say("slept");
      return verdict();
    }
    if (result == 0) BAD("a day has passed");
    if (errno != EINTR) BAD("nanosleep: errno %d", errno);
    say("interrupted");
  }
  return verdict();
}
