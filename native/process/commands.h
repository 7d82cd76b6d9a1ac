// SPDX-License-Identifier: Apache-2.0
//
// The commands of ckpt-process. argv[0] is the command's name; the result is the exit code.
#ifndef CKPT_PROCESS_COMMANDS_H
#define CKPT_PROCESS_COMMANDS_H

namespace ckpt {

int runCheckpoint(int argc, char** argv);
int runRestart(int argc, char** argv);
/** Restarts on request, until the end of its control descriptor. */
int runRestarter(int argc, char** argv);
/** Prints one JSON object of what works on this machine. */
int runCheck(int argc, char** argv);

}  // namespace ckpt

#endif
