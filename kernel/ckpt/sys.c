// SPDX-License-Identifier: GPL-2.0
/* The two system calls: who may, whom, and what they return. */
#include <linux/atomic.h>
#include <linux/capability.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/syscalls.h>
#include <linux/sysctl.h>

#include "ckpt.h"

static_assert(__NR_checkpoint == CKPT_NR_CHECKPOINT);
static_assert(__NR_restart == CKPT_NR_RESTART);

static atomic_t last_crid;

/*
 * /proc/sys/kernel/checkpoint_formats: the versions of the image format that
 * this kernel writes and reads. Programs look here before they try the calls,
 * whose numbers may be something else's on another kernel.
 */
static const char formats[] = "1 2";
static struct ctl_table checkpoint_sysctl[] = {
	{
		.procname = "checkpoint_formats",
		.data = (void *)formats,
		.maxlen = sizeof(formats),
		.mode = 0444,
		.proc_handler = proc_dostring,
	},
	{}
};

static int __init checkpoint_init(void)
{
	register_sysctl_init("kernel", checkpoint_sysctl);
	return 0;
}
fs_initcall(checkpoint_init);

/* Unique since boot, positive; 2^31 checkpoints later it starts again. */
static int new_crid(void)
{
	int crid;

	do {
		crid = atomic_inc_return(&last_crid) & INT_MAX;
	} while (!crid);
	return crid;
}

static struct task_struct *find_task(pid_t pid)
{
	struct task_struct *task;

	if (!pid)
		return get_task_struct(current);
	rcu_read_lock();
	task = find_task_by_vpid(pid);
	if (task)
		get_task_struct(task);
	rcu_read_unlock();
	return task;
}

static int dump(struct ckpt_source *src)
{
	if (!ckpt_mm_is_private(src->task, src->mm)) {
		ckpt_say(src->task, "memory that several tasks share cannot be carried");
		return -EBUSY;
	}
	return ckpt_checkpoint(src);
}

static int dump_other(struct ckpt_source *src)
{
	unsigned int state;
	int ret;

	ret = ckpt_freeze(src->task, &state);
	if (ret)
		return ret;
	/* also when a tracer holds it: its stop goes on when the tracer lets go */
	src->stopped_by_signal = READ_ONCE(src->task->signal->flags) & SIGNAL_STOP_STOPPED;
	/* an execve since mm_access() has made it a program that the caller may not see */
	ret = READ_ONCE(src->task->mm) == src->mm ? dump(src) : -EBUSY;
	ckpt_thaw(src->task, state);
	return ret;
}

static int checkpoint_task(struct ckpt_source *src)
{
	int ret;

	src->task = find_task(src->pid);
	if (!src->task)
		return -ESRCH;
	src->mm = mm_access(src->task, PTRACE_MODE_ATTACH_REALCREDS);
	if (IS_ERR_OR_NULL(src->mm)) {
		/* without an mm: it exits, or is a kernel thread */
		ret = src->mm ? PTR_ERR(src->mm) : -ESRCH;
		goto out;
	}
	ret = src->task == current ? dump(src) : dump_other(src);
	mmput(src->mm);
out:
	put_task_struct(src->task);
	return ret;
}

/**
 * sys_checkpoint - write the image of a task
 * @pid: 0 or the caller's own: the caller; else a task that is stopped
 * @fd: where to, open for writing
 * @flags: 0 or CKPT_FLAG_VERSION2
 *
 * Return: a number unique since boot (the caller's copy, restarted, sees 0).
 * -EPERM without CAP_SYS_ADMIN; -EBADF; -EINVAL for flags, or a file that
 * cannot be written from the kernel; -ESRCH; -EACCES as for ptrace; -EBUSY for
 * a task that runs, shares its memory or was changed meanwhile; -ETXTBSY for
 * memory that no image can hold; -EOPNOTSUPP for other state that it cannot;
 * -E2BIG, -ENOMEM, -EINTR, -EIO and whatever writing gives.
 */
SYSCALL_DEFINE3(checkpoint, pid_t, pid, int, fd, unsigned long, flags)
{
	struct ckpt_source src = { .pid = pid };
	int ret;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	ret = ckpt_stream_open(&src.stream, fd, FMODE_WRITE);
	if (ret == -EBADF)
		return ret;
	if (flags & ~(unsigned long)CKPT_FLAG_VERSION2)
		ret = -EINVAL;
	src.version = flags & CKPT_FLAG_VERSION2 ? 2 : 1;
	if (!ret)
		ret = checkpoint_task(&src);
	ckpt_stream_close(&src.stream);
	return ret ? ret : new_crid();
}

/**
 * sys_restart - become the task of an image
 * @crid: not used: it is not in the image
 * @fd: where from, open for reading; read up to the image's tail and no further
 * @flags: as for sys_checkpoint, and the image must be of that version
 *
 * Return: never on success. On failure the caller goes on as it was:
 * -EPERM, -EBADF, -EINVAL for flags and for anything in the image that is
 * wrong, -EBUSY for a caller that is not alone in its memory, -EIO at the end
 * of the stream before the tail, -EOPNOTSUPP for what this kernel or machine
 * cannot give back, -EINTR, -ENOMEM, and whatever reading the image, opening
 * its files and making its mappings gives.
 */
SYSCALL_DEFINE3(restart, int, crid, int, fd, unsigned long, flags)
{
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	return ckpt_restart(fd, flags);
}
