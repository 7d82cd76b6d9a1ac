// SPDX-License-Identifier: Apache-2.0
//
// The work on another process is done by a child of ours in a session of its own. Whoever kills us, or our process
// group, with SIGKILL does not kill that child: it is told (kKeeperDied), puts the task back as it was and lets go of it.
#ifndef CKPT_PROCESS_KEEPER_H
#define CKPT_PROCESS_KEEPER_H

#include <csignal>
#include <functional>

#include "process/status.h"

namespace ckpt {

/** What the child gets when its keeper has died. From elsewhere it does not come: the keeper passes SIGHUP on as SIGTERM. */
constexpr int kKeeperDied = SIGHUP;

/**
 * Runs `work` in the child and returns its result. SIGINT, SIGTERM and SIGHUP reach the child as SIGTERM; they are
 * blocked there until `work` has set its handlers and unblocks them. `descriptors` are closed in the parent, so that
 * the child alone decides when they end.
 */
int runKept(const std::function<int()>& work, std::initializer_list<int> descriptors, const Status& status);

}  // namespace ckpt

#endif
