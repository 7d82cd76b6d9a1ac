// SPDX-License-Identifier: Apache-2.0
#include "process/restart_plan.h"

#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "codec/crc32c.h"
#include "process/capture.h"
#include "process/kernel_mappings.h"
#include "process/open_as_task.h"

namespace ckpt {
namespace {

/** Features that a program in user space may have found and goes on using: word of MACHINE.cpuid, bit, name. */
constexpr struct {
  int word, bit;
  const char* name;
} kFeatures[] = {
    {0, 0, "sse3"},
    {0, 1, "pclmulqdq"},
    {0, 9, "ssse3"},
    {0, 12, "fma"},
    {0, 13, "cx16"},
    {0, 19, "sse4_1"},
    {0, 20, "sse4_2"},
    {0, 22, "movbe"},
    {0, 23, "popcnt"},
    {0, 25, "aes"},
    {0, 26, "xsave"},
    {0, 28, "avx"},
    {0, 29, "f16c"},
    {0, 30, "rdrand"},
    {1, 15, "cmov"},
    {1, 23, "mmx"},
    {1, 24, "fxsr"},
    {1, 25, "sse"},
    {1, 26, "sse2"},
    {2, 0, "fsgsbase"},
    {2, 3, "bmi1"},
    {2, 4, "hle"},
    {2, 5, "avx2"},
    {2, 8, "bmi2"},
    {2, 9, "erms"},
    {2, 11, "rtm"},
    {2, 16, "avx512f"},
    {2, 17, "avx512dq"},
    {2, 18, "rdseed"},
    {2, 19, "adx"},
    {2, 21, "avx512ifma"},
    {2, 23, "clflushopt"},
    {2, 24, "clwb"},
    {2, 28, "avx512cd"},
    {2, 29, "sha_ni"},
    {2, 30, "avx512bw"},
    {2, 31, "avx512vl"},
    {3, 1, "avx512_vbmi"},
    {3, 4, "ospke"},
    {3, 5, "waitpkg"},
    {3, 6, "avx512_vbmi2"},
    {3, 8, "gfni"},
    {3, 9, "vaes"},
    {3, 10, "vpclmulqdq"},
    {3, 11, "avx512_vnni"},
    {3, 12, "avx512_bitalg"},
    {3, 14, "avx512_vpopcntdq"},
    {3, 22, "rdpid"},
    {3, 25, "cldemote"},
    {3, 27, "movdiri"},
    {3, 28, "movdir64b"},
    {4, 2, "avx512_4vnniw"},
    {4, 3, "avx512_4fmaps"},
    {4, 8, "avx512_vp2intersect"},
    {4, 14, "serialize"},
    {4, 22, "amx_bf16"},
    {4, 23, "avx512_fp16"},
    {4, 24, "amx_tile"},
    {4, 25, "amx_int8"},
    {5, 0, "lahf_lm"},
    {5, 5, "abm"},
    {5, 6, "sse4a"},
    {5, 8, "3dnowprefetch"},
    {5, 11, "xop"},
    {5, 16, "fma4"},
    {5, 21, "tbm"},
};

bool hasCapability(int capability) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  return syscall(SYS_capget, &header, data) == 0 && (data[capability / 32].effective >> (capability % 32) & 1);
}

void checkProcessor(const TaskImage& image, bool ignoreCpu) {
  const cr2_machine here = describeMachine();
  std::string missing;
  for (const auto& feature : kFeatures) {
    const uint32_t bit = uint32_t{1} << feature.bit;
    if ((image.machine.cpuid[feature.word] & bit) && !(here.cpuid[feature.word] & bit))
      missing += std::string(missing.empty() ? "" : ", ") + feature.name;
  }
  if (!missing.empty() && !ignoreCpu) {
    throw ProcessError(kCannot, "this processor lacks what the task may have found where it was saved: " + missing,
                       "restart it on such a processor, or with --ignore-cpu if the task does not use them");
  }
  const uint64_t components = image.machine.xfeatures & ~here.xfeatures;
  if (components != 0 && !ignoreCpu) {
    char text[32];
    snprintf(text, sizeof text, "0x%lx", static_cast<unsigned long>(components));
    throw ProcessError(kCannot,
                       std::string("this machine has switched off XSAVE state components ") + text +
                           " that were on where the task was saved",
                       "restart it on such a machine, or with --ignore-cpu if the task does not use them");
  }
  if (image.machine.xfeatures == here.xfeatures && image.machine.xsave_bytes != here.xsave_bytes) {
    throw ProcessError(kCannot,
                       "this machine's XSAVE area has " + std::to_string(here.xsave_bytes) + " bytes, the image's " +
                           std::to_string(image.machine.xsave_bytes),
                       "the two processors lay their state out differently");
  }
}

void checkVdso(const TaskImage& image) {
  const cr2_vdso& was = image.vdso;
  if (was.vdso_bytes == 0) return;
  const KernelMappings here = KernelMappings::of(getpid());
  const char* kHint = "the task calls into the vdso at fixed places: restart it under the kernel it was saved under";
  if (was.vdso_bytes != here.vdso.bytes || was.vvar_bytes != here.vvar.bytes ||
      was.vvar_vclock_bytes != here.vvarVclock.bytes) {
    throw ProcessError(kCannot,
                       "this kernel's vdso, vvar and vvar_vclock have " + std::to_string(here.vdso.bytes) + ", " +
                           std::to_string(here.vvar.bytes) + " and " + std::to_string(here.vvarVclock.bytes) +
                           " bytes, the image's " + std::to_string(was.vdso_bytes) + ", " +
                           std::to_string(was.vvar_bytes) + " and " + std::to_string(was.vvar_vclock_bytes),
                       kHint);
  }
  const KernelMappings there = here.at(was.vdso_start);
  if ((was.vvar_bytes != 0 && was.vvar_start != there.vvar.start) ||
      (was.vvar_vclock_bytes != 0 && was.vvar_vclock_start != there.vvarVclock.start))
    throw ProcessError(kCannot, "this kernel's vvar has another distance to the vdso than in the image", kHint);
  const std::vector<uint8_t> code = ownVdso();
  if (crc32c(0, code.data(), code.size()) != was.vdso_crc32c)
    throw ProcessError(kCannot,
                       "this kernel's vdso differs from the image's (saved under Linux " +
                           std::string(image.machine.kernel_release,
                                       strnlen(image.machine.kernel_release, sizeof image.machine.kernel_release)) +
                           ")",
                       kHint);
}

void checkCredentials(const TaskImage& image, const Status& status) {
  if (changesUser(image)) {
    if (image.creds.cap_permitted != 0 && image.creds.uid[1] != 0)
      status.warning("the task had capabilities of its own; it goes on without them");
    return;
  }
  uid_t uid[3];
  gid_t gid[3];
  getresuid(&uid[0], &uid[1], &uid[2]);
  getresgid(&gid[0], &gid[1], &gid[2]);
  for (int i = 0; i < 3; i++) {
    if (image.creds.uid[i] != uid[i])
      throw ProcessError(
          kCannot,
          "the task ran as user " + std::to_string(image.creds.uid[i]) + ", this is user " + std::to_string(uid[i]),
          "restart it as that user or as root");
    if (uid[1] != 0 && image.creds.gid[i] != gid[i])
      throw ProcessError(
          kCannot,
          "the task ran with group " + std::to_string(image.creds.gid[i]) + ", this is group " + std::to_string(gid[i]),
          "restart it with that group (newgrp) or as root");
  }
  if (uid[1] == 0) return;
  std::vector<uint32_t> had = image.groups, have(static_cast<size_t>(std::max(0, getgroups(0, nullptr))));
  if (getgroups(static_cast<int>(have.size()), have.data()) < 0) have.clear();
  std::sort(had.begin(), had.end());
  std::sort(have.begin(), have.end());
  if (had != have) status.warning("the task gets this process's supplementary groups, which are others than it had");
}

void checkLimits(const TaskImage& image, const Status& status) {
  // root inside a container often has no CAP_SYS_RESOURCE.
  const bool mayRaise = hasCapability(CAP_SYS_RESOURCE);
  for (size_t i = 0; i < image.limits.size() && i < RLIM_NLIMITS; i++) {
    rlimit ours;
    if (mayRaise || getrlimit(static_cast<__rlimit_resource>(i), &ours) != 0 || image.limits[i].hard <= ours.rlim_max)
      continue;
    const std::string name = "resource limit " + std::to_string(i);
    if (image.limits[i].soft > ours.rlim_max)
      throw ProcessError(kCannot,
                         "the task's " + name + " is " + std::to_string(image.limits[i].soft) +
                             ", this process's hard limit " + std::to_string(ours.rlim_max),
                         "raise the hard limit, or restart as root");
    status.warning("the hard " + name + " becomes " + std::to_string(ours.rlim_max) + ", this process's own");
  }
}

void checkKernel(const TaskImage& image, const Status& status) {
  utsname name;
  unsigned major = 0, minor = 0, patch = 0;
  if (uname(&name) != 0 || sscanf(name.release, "%u.%u.%u", &major, &minor, &patch) < 2) return;
  const cr_head& head = image.head;
  if (head.major != (major & 0xff) || head.minor != (minor & 0xff) || head.patch != (patch & 0xff)) {
    status.warning("the image was made under Linux " + std::to_string(head.major) + "." + std::to_string(head.minor) +
                   "." + std::to_string(head.patch) + ", this is " + name.release);
  }
}

}  // namespace

void checkPlan(const TaskImage& image, bool ignoreCpu, const Status& status) {
  checkKernel(image, status);
  std::string text;
  if (readWhole("/proc/sys/vm/max_map_count", &text) && image.mm.map_count > strtoull(text.c_str(), nullptr, 10))
    throw ProcessError(kCannot, "the task has " + std::to_string(image.mm.map_count) + " mappings",
                       "raise vm.max_map_count");
  if (image.version == 1) return;  // says nothing of the rest
  checkProcessor(image, ignoreCpu);
  checkVdso(image);
  checkCredentials(image, status);
  checkLimits(image, status);
}

}  // namespace ckpt
