// SPDX-License-Identifier: Apache-2.0
//
// Who a task is, as root restarts it: it must come back as what it was, and above all with no right that it had given up.
// Argument: what it became.
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <grp.h>

#include "common.h"

#define NOBODY 65534

static struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
static struct __user_cap_data_struct sets[2];

static void get_sets(void) { MUST(syscall(SYS_capget, &header, sets) == 0); }
static void put_sets(void) { MUST(syscall(SYS_capset, &header, sets) == 0); }

// root with another group: files that it makes must not change hands.
static void group_set(void) {
  gid_t groups[] = {5, 6};
  MUST(setgroups(2, groups) == 0 && setresgid(7, 8, 9) == 0);
}

static void group_check(void) {
  gid_t groups[8], real, effective, saved;
  MUST(getgroups(8, groups) == 2 && groups[0] == 5 && groups[1] == 6);
  MUST(getresgid(&real, &effective, &saved) == 0 && real == 7 && effective == 8 && saved == 9);
}

// What a program that it executes could get.
static void bounding_set(void) {
  MUST(prctl(PR_CAPBSET_DROP, CAP_NET_RAW) == 0 && prctl(PR_CAPBSET_DROP, CAP_SYS_MODULE) == 0);
  MUST(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED) == 0);
}

static void bounding_check(void) {
  MUST(prctl(PR_CAPBSET_READ, CAP_NET_RAW) == 0 && prctl(PR_CAPBSET_READ, CAP_SYS_MODULE) == 0);
  MUST(prctl(PR_CAPBSET_READ, CAP_CHOWN) == 1);
  MUST(prctl(PR_GET_SECUREBITS) == (SECBIT_NOROOT | SECBIT_NOROOT_LOCKED));
}

// Some of root's rights, one of them to be passed on.
static void some_set(void) {
  get_sets();
  sets[0].permitted = sets[0].inheritable = 1u << CAP_CHOWN | 1u << CAP_KILL;
  sets[0].effective = 1u << CAP_CHOWN;
  sets[1].permitted = sets[1].inheritable = sets[1].effective = 0;
  put_sets();
  MUST(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0) == 0);
}

static void some_check(void) {
  get_sets();
  MUST(sets[0].permitted == (1u << CAP_CHOWN | 1u << CAP_KILL) && sets[0].inheritable == sets[0].permitted);
  MUST(sets[0].effective == 1u << CAP_CHOWN && (sets[1].permitted | sets[1].effective | sets[1].inheritable) == 0);
  MUST(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0) == 1);
  MUST(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0) == 0);
}

// A user who is still root in part, without any of root's rights.
static void given_up_set(void) {
  MUST(setresuid(NOBODY, 0, 0) == 0);
  memset(sets, 0, sizeof sets);
  put_sets();
}

static void given_up_check(void) {
  uid_t real, effective, saved;
  MUST(getresuid(&real, &effective, &saved) == 0 && real == NOBODY && effective == 0 && saved == 0);
  get_sets();
  MUST((sets[0].permitted | sets[0].effective | sets[1].permitted | sets[1].effective) == 0);
}

// Another user, and nothing left in its bounding set.
static void user_set(void) {
  for (int i = 0; i < 64; i++) prctl(PR_CAPBSET_DROP, i);
  MUST(setresgid(NOBODY, NOBODY, NOBODY) == 0 && setresuid(NOBODY, NOBODY, NOBODY) == 0);
}

static void user_check(void) {
  for (int i = 0; i < 64; i++) MUST(prctl(PR_CAPBSET_READ, i) != 1);
  MUST(getuid() == NOBODY && geteuid() == NOBODY && setuid(0) == -1);
}

// A file server's trick: root, but a user where files are concerned.
static void files_set(void) { MUST(setfsgid(7) >= 0 && setfsuid(NOBODY) >= 0 && setfsuid(-1) == NOBODY); }

static void files_check(void) {
  MUST(setfsuid(-1) == NOBODY && setfsgid(-1) == 7 && geteuid() == 0 && getegid() == 0);
  MUST(access("/proc/1/environ", R_OK) == 0);  // asks as the real user, root
}

static const struct {
  const char* name;
  void (*set)(void);
  void (*check)(void);
} identities[] = {
    {"group", group_set, group_check},
    {"bounding", bounding_set, bounding_check},
    {"some-rights", some_set, some_check},
    {"rights-given-up", given_up_set, given_up_check},
    {"user-without-bounds", user_set, user_check},
    {"files", files_set, files_check},
};

int main(int argc, char** argv) {
  MUST(argc == 2);
  for (unsigned i = 0; i < sizeof identities / sizeof identities[0]; i++)
    if (!strcmp(identities[i].name, argv[1])) {
      identities[i].set();
      identities[i].check();
      ready("identity");
      hold(1, identities[i].check);
      return verdict();
    }
  BAD("nobody is called %s", argv[1]);
}
