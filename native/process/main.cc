// SPDX-License-Identifier: Apache-2.0
//
// ckpt-process: the part of ckpt that touches other processes. Its commands are meant for programs; people use `ckpt`.
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>

#include "process/commands.h"

namespace {

const char kUsageText[] =
    "usage: ckpt-process checkpoint --pid N [--fd 1] [--status-fd K] [--control-fd C] [--format 1|2] [--kill | "
    "--stop] [--via kernel|user]\n"
    "       ckpt-process restart ...\n"
    "       ckpt-process restarter ...\n"
    "       ckpt-process check\n";

}  // namespace

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);  // a reader that goes away is an error of the write
  const char* command = argc > 1 ? argv[1] : "";
  try {
    if (!strcmp(command, "checkpoint")) return ckpt::runCheckpoint(argc - 1, argv + 1);
    if (!strcmp(command, "restart")) return ckpt::runRestart(argc - 1, argv + 1);
    if (!strcmp(command, "restarter")) return ckpt::runRestarter(argc - 1, argv + 1);
    if (!strcmp(command, "check")) return ckpt::runCheck(argc - 1, argv + 1);
  } catch (const std::exception& error) {
    fprintf(stderr, "ckpt-process: %s\n", error.what());
    return 1;
  }
  fputs(kUsageText, stderr);
  return 2;
}
