// SPDX-License-Identifier: GPL-2.0
/*
 * Restart: read the whole image into an address space that nobody uses yet,
 * check everything, and only then become it.
 *
 * While the image is read all signals but SIGKILL are blocked; a caller whose
 * restart fails finds its own mask, its memory and its registers as they were.
 */
#include <linux/sched/signal.h>
#include <linux/sched/task_stack.h>
#include <linux/version.h>

#include "ckpt.h"

static void target_free(struct ckpt_target *to)
{
	ckpt_drop_mm(to);
	ckpt_stream_close(&to->stream);
	ckpt_proc_free(to->proc);
	kvfree(to->xstate);
	kvfree(to->addrs);
	if (to->page)
		free_page((unsigned long)to->page);
	kfree(to);
}

/* The first record is framed alike in both versions. */
int ckpt_read_head(struct ckpt_target *to)
{
	struct cr_head head, own;
	struct cr_hdr hdr;
	int ret;

	ret = ckpt_get(&to->stream, &hdr, sizeof(hdr));
	if (ret)
		return ret;
	if (hdr.type != CKPT_REC_HEAD || hdr.len != sizeof(head))
		return -EINVAL;
	ret = ckpt_get(&to->stream, &head, sizeof(head));
	if (ret)
		return ret;
	to->stream.records++;
	ckpt_fill_head(&own, to->version);
	if (head.magic != own.magic || head.version != own.version || head.flags & ~own.flags)
		return -EINVAL;
	/* version 2 says by itself what it needs of a kernel */
	if (to->version == 1 &&
	    (head.major != own.major || head.minor != own.minor || head.patch != own.patch))
		return -EINVAL;
	return 0;
}

static int read_image(struct ckpt_target *to)
{
	const ckpt_read_step *step = to->version == 1 ? ckpt_read1 : ckpt_read2;
	int ret;

	ret = ckpt_new_mm(to);
	if (!ret && to->version == 2) {
		to->proc = ckpt_proc_alloc();
		ret = to->proc ? 0 : -ENOMEM;
	}
	while (!ret && *step)
		ret = (*step++)(to);
	return ret;
}

static int read_and_commit(struct ckpt_target *to, long *ax)
{
	sigset_t all, old;
	int ret;

	siginitsetinv(&all, sigmask(SIGKILL));
	sigprocmask(SIG_SETMASK, &all, &old);
	ret = read_image(to);
	if (!ret && fatal_signal_pending(current))
		ret = -EINTR;
	if (!ret)
		ret = ckpt_commit(to, ax);
	if (ret || !to->proc) {
		/* version 1 has no mask: the caller's stays, as after execve */
		set_current_blocked(&old);
	}
	return ret;
}

/**
 * ckpt_restart - sys_restart behind its capability check
 * @fd: where the image comes from
 * @flags: 0 or CKPT_FLAG_VERSION2
 *
 * Return: the restored ax, or an error.
 */
long ckpt_restart(int fd, unsigned long flags)
{
	struct ckpt_target *to;
	long ax = 0;
	int ret;

	to = kzalloc(sizeof(*to), GFP_KERNEL_ACCOUNT);
	if (!to)
		return -ENOMEM;
	ret = ckpt_stream_open(&to->stream, fd, FMODE_READ);
	if (ret == -EBADF)
		goto out;
	if (flags & ~(unsigned long)CKPT_FLAG_VERSION2)
		ret = -EINVAL;
	if (!ret && (!ckpt_mm_is_private(current, current->mm) ||
		     refcount_read(&current->sighand->count) != 1))
		ret = -EBUSY;
	if (ret)
		goto out;
	to->version = flags & CKPT_FLAG_VERSION2 ? 2 : 1;
	to->page = (u8 *)__get_free_page(GFP_KERNEL_ACCOUNT);
	ret = to->page ? read_and_commit(to, &ax) : -ENOMEM;
out:
	target_free(to);
	return ret ? ret : ax;
}
