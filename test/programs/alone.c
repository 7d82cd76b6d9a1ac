// SPDX-License-Identifier: Apache-2.0
//
// Runs a program with the three standard descriptors and nothing else: test runners leak pipes and sockets of their own, which a
// checkpoint would rightly refuse. Arguments: PROGRAM [ARGUMENT...].
#include <stdio.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  close_range(3, ~0u, 0);
  execvp(argv[1], argv + 1);
  perror(argv[1]);
  return 127;
}
