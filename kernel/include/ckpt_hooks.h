/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What kernel/checkpoint/ needs of core kernel files: functions that are static
 * in Linux 6.1, which hooks.patch makes known, and a few that it adds because
 * what they touch is private to their file.
 */
#ifndef _LINUX_CKPT_HOOKS_H
#define _LINUX_CKPT_HOOKS_H

#include <linux/signal_types.h>
#include <linux/time64.h>
#include <linux/uuid.h>

struct k_itimer;
struct mm_struct;
struct task_struct;

/* fs/exec.c: returns with signal->exec_update_lock held for writing */
int exec_mmap(struct mm_struct *mm);

/* kernel/time/itimer.c */
int do_setitimer(int which, struct itimerspec64 *value,
		 struct itimerspec64 *ovalue);

/* drivers/char/random.c: as in /proc/sys/kernel/random/boot_id */
void ckpt_boot_id(u8 uuid[UUID_SIZE]);

/**
 * struct ckpt_timer - a POSIX timer as its task sees it
 * @clock: what timer_create was given
 * @event: the same
 * @setting: as from timer_gettime
 * @overrun: as from timer_getoverrun
 */
struct ckpt_timer {
	int id;
	clockid_t clock;
	struct sigevent event;
	struct itimerspec64 setting;
	int overrun;
};

/* kernel/time/posix-timers.c */
bool ckpt_timer_read(struct task_struct *task, unsigned int n,
		     struct ckpt_timer *out);
struct k_itimer *ckpt_timer_alloc(clockid_t clock, struct sigevent *event);
void ckpt_timer_free(struct k_itimer *timer);
void ckpt_timer_start(struct k_itimer *timer, timer_t id,
		      struct itimerspec64 *setting);

#endif /* _LINUX_CKPT_HOOKS_H */
