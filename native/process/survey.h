// SPDX-License-Identifier: Apache-2.0
//
// Whether a task can be checkpointed at all: everything that /proc shows and an image cannot carry is refused by name.
// Nothing is changed by looking; the survey is made before the task is stopped, and again when it stands still.
#ifndef CKPT_PROCESS_SURVEY_H
#define CKPT_PROCESS_SURVEY_H

#include <sys/types.h>

#include "process/status.h"

namespace ckpt {

/** Throws ProcessError kCannot, naming the first reason found. `tracedByUs`: being traced is then no reason. */
void surveyTask(pid_t pid, bool tracedByUs, const Status& status);

}  // namespace ckpt

#endif
