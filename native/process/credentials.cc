// SPDX-License-Identifier: Apache-2.0
#include "process/credentials.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

namespace ckpt {

namespace {

/** The highest capability of this kernel. */
int lastCapability() {
  int last = 0;
  while (last < 63 && prctl(PR_CAPBSET_READ, last + 1, 0, 0, 0) >= 0) last++;
  return last;
}

}  // namespace

uint64_t ownCapabilities(int option, unsigned long argument) {
  uint64_t set = 0;
  for (int i = 0, last = lastCapability(); i <= last; i++) {
    const auto number = static_cast<unsigned long>(i);
    const int is = argument ? prctl(option, argument, number, 0, 0) : prctl(option, number, 0, 0, 0);
    if (is == 1) set |= uint64_t{1} << i;
  }
  return set;
}

std::vector<uint32_t> ownGroups() {
  std::vector<uint32_t> groups(static_cast<size_t>(std::max(0, getgroups(0, nullptr))));
  if (getgroups(static_cast<int>(groups.size()), groups.data()) < 0) groups.clear();
  return groups;
}

bool differsFromOwn(const cr2_creds& creds) {
  uid_t uid[3];
  gid_t gid[3];
  if (getresuid(&uid[0], &uid[1], &uid[2]) != 0 || getresgid(&gid[0], &gid[1], &gid[2]) != 0) return true;
  if (!std::equal(uid, uid + 3, creds.uid) || creds.uid[3] != uid[1]) return true;
  if (!std::equal(gid, gid + 3, creds.gid) || creds.gid[3] != gid[1]) return true;
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (syscall(SYS_capget, &header, data) != 0) return true;
  const uint64_t permitted = data[0].permitted | uint64_t{data[1].permitted} << 32;
  return (permitted & ~creds.cap_permitted) != 0 || (ownCapabilities(PR_CAPBSET_READ, 0) & ~creds.cap_bounding) != 0 ||
         static_cast<uint32_t>(prctl(PR_GET_SECUREBITS)) != creds.securebits;
}

}  // namespace ckpt
