// SPDX-License-Identifier: Apache-2.0
//
// In a blocking read on its standard input. It answers every line `add N` with the sum so far, and `end` with the verdict; `exit N` and
// `die N` end it with a status of its own, or by a signal. A read is not on signal(7)'s list of calls that a stop interrupts: neither
// the original nor a copy may see EINTR.
#include <signal.h>

#include "common.h"

int main(void) {
  long sum = 0;
  char line[256];
  int length = 0;
  ready("reader");
  for (;;) {
    ssize_t n = read(0, line + length, 1);
    if (n < 0) BAD("read: errno %d", errno);
    if (n == 0) BAD("end of input");
    if (line[length] != '\n') {
      MUST(++length < (int)sizeof line);
      continue;
    }
    line[length] = 0;
    length = 0;
    if (!strcmp(line, "end")) return verdict();
    int number;
    if (sscanf(line, "exit %d", &number) == 1) return number;
    if (sscanf(line, "die %d", &number) == 1) kill(getpid(), number);
    long add;
    if (sscanf(line, "add %ld", &add) != 1) BAD("the line '%s'", line);
    say("sum %ld", sum += add);
  }
}
