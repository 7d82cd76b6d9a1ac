// SPDX-License-Identifier: Apache-2.0
//
// What this process has of rights, against what an image says that its task had.
#ifndef CKPT_PROCESS_CREDENTIALS_H
#define CKPT_PROCESS_CREDENTIALS_H

#include <ckpt_image.h>

#include <cstdint>
#include <vector>

namespace ckpt {

/** One of this process's sets: PR_CAPBSET_READ, or PR_CAP_AMBIENT with PR_CAP_AMBIENT_IS_SET as its argument. */
uint64_t ownCapabilities(int option, unsigned long argument);

std::vector<uint32_t> ownGroups();

/**
 * Whether a task that just went on as this process would be somebody else than it was, or have a right that it had not. Groups are not
 * looked at where users are the same.
 */
bool differsFromOwn(const cr2_creds& creds);

}  // namespace ckpt

#endif  // CKPT_PROCESS_CREDENTIALS_H
