// SPDX-License-Identifier: GPL-2.0
/*
 * Version 2: POSIX timers, which keep their ids, and run on with the time that
 * was left. They are allocated while the image is read and started, which
 * cannot fail, when the caller's own are gone.
 */
#include <linux/ckpt_hooks.h>
#include <linux/err.h>
#include <linux/posix-timers.h>
#include <linux/slab.h>

#include "ckpt.h"

struct ckpt_new_timer {
	struct list_head list;
	struct k_itimer *timer;
	int id;
	struct itimerspec64 setting;
};

/* A clock of the task itself, not of a process with a number, nor of a device. */
static bool own_clock(clockid_t clock)
{
	return clock >= 0 || (CPUCLOCK_PID(clock) == 0 && (clock & CLOCKFD_MASK) != CLOCKFD);
}

static clockid_t portable_clock(struct ckpt_source *src, clockid_t clock)
{
	pid_t pid = task_pid_vnr(src->task);

	if (clock < 0 && (clock & CLOCKFD_MASK) != CLOCKFD && CPUCLOCK_PID(clock) == pid)
		return make_process_cpuclock(0, 0) | (clock & 7);
	return clock;
}

int ckpt_write_posix_timers(struct ckpt_source *src)
{
	struct cr2_posix_timer rec;
	struct ckpt_timer timer;
	unsigned int n;
	int ret = 0;

	for (n = 0; !ret && ckpt_timer_read(src->task, n, &timer); n++) {
		if (!own_clock(portable_clock(src, timer.clock))) {
			ckpt_say(src->task, "a timer on clock %d cannot be carried", timer.clock);
			return -EOPNOTSUPP;
		}
		memset(&rec, 0, sizeof(rec));
		rec.timer_id = timer.id;
		rec.clock_id = portable_clock(src, timer.clock);
		rec.signo = timer.event.sigev_signo;
		rec.notify = timer.event.sigev_notify;
		rec.sigval = (unsigned long)timer.event.sigev_value.sival_ptr;
		if (timer.event.sigev_notify & SIGEV_THREAD_ID)
			rec.notify_tid = timer.event.sigev_notify_thread_id;
		rec.overrun = timer.overrun;
		rec.interval_sec = timer.setting.it_interval.tv_sec;
		rec.interval_nsec = timer.setting.it_interval.tv_nsec;
		rec.value_sec = timer.setting.it_value.tv_sec;
		rec.value_nsec = timer.setting.it_value.tv_nsec;
		ret = ckpt_put2(&src->stream, CKPT_REC_POSIX_TIMER, task_pid_vnr(src->task), &rec,
				sizeof(rec), 0);
	}
	return ret;
}

static bool id_is_new(struct ckpt_proc *proc, int id)
{
	struct ckpt_new_timer *other;

	list_for_each_entry(other, &proc->posix_timers, list)
		if (other->id == id)
			return false;
	return true;
}

static int read_one(struct ckpt_proc *proc, const struct cr2_posix_timer *rec)
{
	struct ckpt_new_timer *new;
	struct sigevent event = {};
	clockid_t clock = rec->clock_id;
	int ret;

	if (rec->timer_id < 0 || !id_is_new(proc, rec->timer_id))
		return -EINVAL;
	if (clock < 0 && CPUCLOCK_PID(clock) == proc->task.pid)
		clock = make_process_cpuclock(0, 0) | (clock & 7);
	if (!own_clock(clock))
		return -EOPNOTSUPP;
	event.sigev_notify = rec->notify;
	event.sigev_signo = rec->signo;
	event.sigev_value.sival_ptr = (void __user *)rec->sigval;
	if (rec->notify & SIGEV_THREAD_ID) {
		if (rec->notify_tid != proc->task.pid)
			return -EINVAL;
		event.sigev_notify_thread_id = task_pid_vnr(current);
	}
	new = kzalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;
	new->id = rec->timer_id;
	new->setting.it_interval.tv_sec = rec->interval_sec;
	new->setting.it_interval.tv_nsec = rec->interval_nsec;
	new->setting.it_value.tv_sec = rec->value_sec;
	new->setting.it_value.tv_nsec = rec->value_nsec;
	new->timer = ERR_PTR(-EINVAL);
	if (timespec64_valid(&new->setting.it_interval) && timespec64_valid(&new->setting.it_value))
		new->timer = ckpt_timer_alloc(clock, &event);
	if (IS_ERR(new->timer)) {
		ret = PTR_ERR(new->timer);
		kfree(new);
		return ret;
	}
	list_add_tail(&new->list, &proc->posix_timers);
	return 0;
}

int ckpt_read_posix_timers(struct ckpt_target *to)
{
	struct cr2_posix_timer rec;
	int ret;

	/* each takes one of RLIMIT_SIGPENDING */
	while ((ret = ckpt_optional2(to, CKPT_REC_POSIX_TIMER, &rec, sizeof(rec), NULL)) > 0) {
		ret = read_one(to->proc, &rec);
		if (ret)
			return ret;
	}
	return ret;
}

void ckpt_load_posix_timers(struct ckpt_proc *proc)
{
	struct ckpt_new_timer *new, *next;

	list_for_each_entry_safe(new, next, &proc->posix_timers, list) {
		ckpt_timer_start(new->timer, new->id, &new->setting);
		list_del(&new->list);
		kfree(new);
	}
}

void ckpt_free_posix_timers(struct ckpt_proc *proc)
{
	struct ckpt_new_timer *new, *next;

	list_for_each_entry_safe(new, next, &proc->posix_timers, list) {
		ckpt_timer_free(new->timer);
		list_del(&new->list);
		kfree(new);
	}
}
