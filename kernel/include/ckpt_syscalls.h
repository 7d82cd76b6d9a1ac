/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR Apache-2.0 */
/*
 * How user space reaches sys_checkpoint and sys_restart.
 *
 *   crid = syscall(CKPT_NR_CHECKPOINT, pid, fd, flags);
 *   errno = syscall(CKPT_NR_RESTART, crid, fd, flags);	does not return on success
 *
 * The numbers are x86-64's and far above those that kernel releases hand out
 * one by one: 451 and 452 of the first attempts are other calls today.
 */
#ifndef _UAPI_LINUX_CKPT_SYSCALLS_H
#define _UAPI_LINUX_CKPT_SYSCALLS_H

#define CKPT_NR_CHECKPOINT	600
#define CKPT_NR_RESTART		601

/*
 * flags: 0 writes and reads version 1 of the image format, this one version 2.
 * Bits 0 and 1 stay free: the 2008 patch used them in its own context flags.
 */
#define CKPT_FLAG_VERSION2	0x4

#endif /* _UAPI_LINUX_CKPT_SYSCALLS_H */
