/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Functions of core kernel files that kernel/checkpoint/ calls and that are
 * static in Linux 6.1; hooks.patch takes the static away.
 */
#ifndef _LINUX_CKPT_HOOKS_H
#define _LINUX_CKPT_HOOKS_H

struct itimerspec64;
struct mm_struct;

/* fs/exec.c: returns with signal->exec_update_lock held for writing */
int exec_mmap(struct mm_struct *mm);

/* kernel/time/itimer.c */
int do_setitimer(int which, struct itimerspec64 *value,
		 struct itimerspec64 *ovalue);

#endif /* _LINUX_CKPT_HOOKS_H */
