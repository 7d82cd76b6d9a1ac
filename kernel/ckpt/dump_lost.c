// SPDX-License-Identifier: GPL-2.0
/*
 * Version 1 is the format of 2008: it has no place for half of what a task of
 * today is. It is written all the same, as the original would, and this says
 * in the kernel log what the restarted copy will miss.
 */
#include <linux/sched/signal.h>
#include <linux/seq_buf.h>
#include <linux/userfaultfd_k.h>

#include <asm/fpu/types.h>

#include "ckpt.h"

static bool has_handlers(struct task_struct *task)
{
	int i;

	for (i = 0; i < _NSIG; i++)
		if (task->sighand->action[i].sa.sa_handler != SIG_DFL)
			return true;
	return false;
}

static bool has_timers(struct task_struct *task)
{
	struct signal_struct *sig = task->signal;

	return hrtimer_active(&sig->real_timer) || !list_empty(&sig->posix_timers) ||
	       sig->it[0].expires || sig->it[1].expires;
}

static u64 xstate_of(struct task_struct *task)
{
	size_t bytes;
	u64 features = 0;
	u8 *area = ckpt_read_xstate(task, &bytes);

	if (IS_ERR(area))
		return 0;
	if (bytes >= 520)
		memcpy(&features, area + 512, sizeof(features));
	kvfree(area);
	return features & ~(XFEATURE_MASK_FPSSE | XFEATURE_MASK_PKRU);
}

static unsigned long advice_of(struct mm_struct *mm)
{
	struct vm_area_struct *vma;
	unsigned long flags = 0;

	if (mmap_read_lock_killable(mm))
		return 0;
	{
		VMA_ITERATOR(vmi, mm, 0);

		for_each_vma(vmi, vma)
			if (!ckpt_special_name(vma))
				flags |= vma->vm_flags;
	}
	mmap_read_unlock(mm);
	return flags;
}

/* Return: 0. It refuses nothing: whoever writes the registers will. */
int ckpt_say_what_version1_loses(struct ckpt_source *src)
{
	struct task_struct *task = src->task;
	struct cr2_regs regs;
	unsigned long flags;
	char text[256];
	struct seq_buf lost;

	if (ckpt_read_regs(task, &regs))
		return 0;
	seq_buf_init(&lost, text, sizeof(text));
	if (regs.r8 | regs.r9 | regs.r10 | regs.r12 | regs.r13 | regs.r14 | regs.r15)
		seq_buf_puts(&lost, ", r8 to r15");
	if (regs.fs_base)
		seq_buf_puts(&lost, ", fs base");
	if (regs.gs_base)
		seq_buf_puts(&lost, ", gs base");
	if (xstate_of(task))
		seq_buf_puts(&lost, ", extended FPU state");
	if (has_handlers(task))
		seq_buf_puts(&lost, ", signal handlers");
	if (!sigisemptyset(&task->blocked))
		seq_buf_puts(&lost, ", signal mask");
	if (has_timers(task))
		seq_buf_puts(&lost, ", timers");
	if (task->sas_ss_size)
		seq_buf_puts(&lost, ", alternate stack");
#ifdef CONFIG_RSEQ
	if (task->rseq)
		seq_buf_puts(&lost, ", rseq area");
#endif
	if (task->robust_list)
		seq_buf_puts(&lost, ", robust list");
	flags = advice_of(src->mm);
	if (flags & (VM_DONTCOPY | VM_WIPEONFORK | VM_HUGEPAGE | VM_NOHUGEPAGE | VM_MERGEABLE |
		     VM_SEQ_READ | VM_RAND_READ))
		seq_buf_puts(&lost, ", advice on memory");
	if (flags & (VM_UFFD_MISSING | VM_UFFD_WP))
		seq_buf_puts(&lost, ", userfaultfd");
	if (seq_buf_used(&lost) > 2)
		ckpt_say(task, "version 1 does not carry: %.*s", (int)seq_buf_used(&lost) - 2,
			 text + 2);
	return 0;
}
