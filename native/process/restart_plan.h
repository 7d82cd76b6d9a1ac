// SPDX-License-Identifier: Apache-2.0
//
// What can be known before anything is made: whether this machine and this user can run the task on.
#ifndef CKPT_PROCESS_RESTART_PLAN_H
#define CKPT_PROCESS_RESTART_PLAN_H

#include "process/status.h"
#include "process/task_image.h"

namespace ckpt {

/** Throws ProcessError kCannot with the first reason against a restart; what is lost without harm is a warning. */
void checkPlan(const TaskImage& image, bool ignoreCpu, const Status& status);

}  // namespace ckpt

#endif
