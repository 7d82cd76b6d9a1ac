// SPDX-License-Identifier: Apache-2.0
//
// Credentials: the restarter's own, lowered to what the image says. An image is untrusted, so nothing is raised: user and groups
// change only where root restarts, and each set of capabilities becomes the recorded one as far as the restarter has it.
//
//   groups -> bounding set, secure bits -> user -> capabilities      each step takes away what those before it need

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "process/credentials.h"
#include "process/open_as_task.h"
#include "process/restart_state.h"

namespace ckpt {
namespace {

bool has(uint64_t set, int capability) { return set >> capability & 1; }

}  // namespace

void RestartState::credentials() {
  if (image_.version == 1) return;
  const bool asRoot = geteuid() == 0;
  if (asRoot) groups();
  boundingSet();
  if (asRoot) user();
  capabilities();
}

void RestartState::groups() {
  const cr2_creds& creds = image_.creds;
  std::vector<uint32_t> had = image_.groups, have = ownGroups();
  std::sort(had.begin(), had.end());
  std::sort(have.begin(), have.end());
  if (had != have)
    child_.must("set the groups", SYS_setgroups, image_.groups.size(),
                child_.put(image_.groups.data(), image_.groups.size() * sizeof(uint32_t)));
  gid_t gid[3];
  getresgid(&gid[0], &gid[1], &gid[2]);
  if (!std::equal(gid, gid + 3, creds.gid))
    child_.must("set the group", SYS_setresgid, creds.gid[0], creds.gid[1], creds.gid[2]);
  if (creds.gid[3] != creds.gid[1]) child_.tracee().call(SYS_setfsgid, creds.gid[3]);
}

/** What a program that the task executes may get: a copy must not be able to get back what the task had given up. */
void RestartState::boundingSet() {
  const uint64_t drop = ownCapabilities(PR_CAPBSET_READ, 0) & ~image_.creds.cap_bounding;
  for (int i = 0; i <= 63; i++) {
    if (!has(drop, i)) continue;
    if (attempt("drop capabilities from the bounding set", SYS_prctl, PR_CAPBSET_DROP, static_cast<uint64_t>(i)) < 0)
      break;
  }
  if (static_cast<uint32_t>(prctl(PR_GET_SECUREBITS)) != image_.creds.securebits)
    attempt("set the secure bits", SYS_prctl, PR_SET_SECUREBITS, image_.creds.securebits);
}

void RestartState::user() {
  if (!changesUser(image_)) return;
  const cr2_creds& creds = image_.creds;
  child_.must("set the user", SYS_setresuid, creds.uid[0], creds.uid[1], creds.uid[2]);
  if (creds.uid[3] == creds.uid[1]) return;
  child_.tracee().call(SYS_setfsuid, creds.uid[3]);
  if (child_.tracee().call(SYS_setfsuid, ~0u) != creds.uid[3])
    throw ProcessError(kCannot, "cannot give the task its file system user " + std::to_string(creds.uid[3]));
}

/** Takes away what the task had not; what the change of user took stays away. */
void RestartState::capabilities() {
  const cr2_creds& creds = image_.creds;
  const __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  const uint64_t at = child_.put(&header, sizeof header), dataAt = at + sizeof header;
  child_.must("read its capabilities", SYS_capget, at, dataAt);
  child_.tracee().readMemory(dataAt, data, sizeof data);
  const auto both = [](uint32_t low, uint32_t high) { return low | uint64_t{high} << 32; };
  const uint64_t permitted = both(data[0].permitted, data[1].permitted);
  const uint64_t inheritable = both(data[0].inheritable, data[1].inheritable);

  const uint64_t kept = permitted & creds.cap_permitted, effective = kept & creds.cap_effective;
  const uint64_t inherited = creds.cap_inheritable & (inheritable | (permitted & creds.cap_bounding));
  if (kept != permitted || effective != both(data[0].effective, data[1].effective) || inherited != inheritable) {
    for (int i = 0; i < 2; i++) {
      data[i].permitted = static_cast<uint32_t>(kept >> (32 * i));
      data[i].effective = static_cast<uint32_t>(effective >> (32 * i));
      data[i].inheritable = static_cast<uint32_t>(inherited >> (32 * i));
    }
    child_.must("give up capabilities", SYS_capset, at, child_.put(data, sizeof data, sizeof header));
  }

  const uint64_t ambient = creds.cap_ambient & kept & inherited;
  const uint64_t change = ownCapabilities(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET) | ambient;
  for (int i = 0; i <= 63; i++)
    if (has(change, i))
      attempt("set the ambient capabilities", SYS_prctl, PR_CAP_AMBIENT,
              has(ambient, i) ? PR_CAP_AMBIENT_RAISE : PR_CAP_AMBIENT_LOWER, static_cast<uint64_t>(i));
}

}  // namespace ckpt
