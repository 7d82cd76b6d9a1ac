// SPDX-License-Identifier: GPL-2.0
/*
 * What images do not carry. Version 1 is the format of 2008: it has no place
 * for half of what a task of today is. It is written all the same, as the
 * original would, and this says in the kernel log what the restarted copy will
 * miss. What version 2 has no place for is refused: a task must not come back
 * without the filters that confined it.
 */
#include <linux/dcache.h>
#include <linux/fdtable.h>
#include <linux/sched/coredump.h>
#include <linux/sched/signal.h>
#include <linux/seccomp.h>
#include <linux/seq_buf.h>
#include <linux/thread_info.h>
#include <linux/userfaultfd_k.h>

#include <asm/fpu/types.h>
#include <asm/segment.h>

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

/* Is the memory of a file that has no name any more? */
static bool is_deleted(struct vm_area_struct *vma)
{
	return !vma_is_anonymous(vma) && vma->vm_file && d_unlinked(vma->vm_file->f_path.dentry);
}

/* The flags of all mappings together. @deleted: whether one is of a deleted file */
static unsigned long flags_of(struct mm_struct *mm, bool *deleted)
{
	struct vm_area_struct *vma;
	unsigned long flags = 0;

	*deleted = false;
	if (mmap_read_lock_killable(mm))
		return 0;
	{
		VMA_ITERATOR(vmi, mm, 0);

		for_each_vma(vmi, vma) {
			if (ckpt_special_name(vma))
				continue;
			flags |= vma->vm_flags;
			*deleted |= is_deleted(vma);
		}
	}
	mmap_read_unlock(mm);
	return flags;
}

static bool has_files(struct task_struct *task)
{
	unsigned int fd = 3;
	bool found;

	rcu_read_lock();
	found = task_lookup_next_fd_rcu(task, &fd);
	rcu_read_unlock();
	return found;
}

static void say_state(struct seq_buf *lost, struct task_struct *task)
{
	if (has_handlers(task))
		seq_buf_puts(lost, ", signal handlers");
	if (!sigisemptyset(&task->blocked))
		seq_buf_puts(lost, ", signal mask");
	if (!sigisemptyset(&task->pending.signal) ||
	    !sigisemptyset(&task->signal->shared_pending.signal))
		seq_buf_puts(lost, ", pending signals");
	if (has_timers(task))
		seq_buf_puts(lost, ", timers");
	if (task->sas_ss_size)
		seq_buf_puts(lost, ", alternate stack");
#ifdef CONFIG_RSEQ
	if (task->rseq)
		seq_buf_puts(lost, ", rseq area");
#endif
	if (task->robust_list)
		seq_buf_puts(lost, ", robust list");
	if (task->clear_child_tid)
		seq_buf_puts(lost, ", clear_child_tid");
	if (has_files(task))
		seq_buf_puts(lost, ", open files");
}

static void say_memory(struct seq_buf *lost, struct mm_struct *mm)
{
	bool deleted;
	unsigned long flags = flags_of(mm, &deleted);

	if (flags & (VM_DONTCOPY | VM_WIPEONFORK | VM_HUGEPAGE | VM_NOHUGEPAGE | VM_MERGEABLE |
		     VM_SEQ_READ | VM_RAND_READ))
		seq_buf_puts(lost, ", advice on memory");
	if (flags & (VM_UFFD_MISSING | VM_UFFD_WP))
		seq_buf_puts(lost, ", userfaultfd");
	if (deleted)
		seq_buf_puts(lost, ", deleted mapped files");
}

/* What neither version has a place for. */
static void say_refused(struct seq_buf *lost, struct ckpt_source *src)
{
	if (seccomp_mode(&src->task->seccomp))
		seq_buf_puts(lost, ", seccomp");
	if (test_task_syscall_work(src->task, SYSCALL_USER_DISPATCH))
		seq_buf_puts(lost, ", system call dispatch");
	if (xstate_of(src->task) & XFEATURE_MASK_XTILE)
		seq_buf_puts(lost, ", AMX tiles");
	if (test_bit(MMF_HAS_UPROBES, &src->mm->flags))
		seq_buf_puts(lost, ", code with uprobes");
}

/* Return: -EOPNOTSUPP for what version 2 does not carry either. */
int ckpt_refuse_what_version2_loses(struct ckpt_source *src)
{
	struct seq_buf lost;
	char text[128];

	seq_buf_init(&lost, text, sizeof(text));
	say_refused(&lost, src);
	if (!seq_buf_used(&lost))
		return 0;
	ckpt_say(src->task, "%.*s cannot be carried", (int)seq_buf_used(&lost) - 2, text + 2);
	return -EOPNOTSUPP;
}

/* Return: 0. It refuses nothing: whoever writes the registers will. */
int ckpt_say_what_version1_loses(struct ckpt_source *src)
{
	struct task_struct *task = src->task;
	struct cr2_regs regs;
	struct seq_buf lost;
	char text[384];

	if (ckpt_read_regs(task, &regs))
		return 0;
	seq_buf_init(&lost, text, sizeof(text));
	/* in a system call r11 has the flags, and nobody misses them */
	if (regs.r8 | regs.r9 | regs.r10 | regs.r12 | regs.r13 | regs.r14 | regs.r15 ||
	    ((long)regs.orig_ax < 0 && regs.r11))
		seq_buf_puts(&lost, ", r8 to r15");
	/* with a selector the base comes out of a descriptor, which version 1 has */
	if (regs.fs_base && regs.fs <= USER_RPL)
		seq_buf_puts(&lost, ", fs base");
	if (regs.gs_base && regs.gs <= USER_RPL)
		seq_buf_puts(&lost, ", gs base");
	if (xstate_of(task))
		seq_buf_puts(&lost, ", extended FPU state");
	say_state(&lost, task);
	say_memory(&lost, src->mm);
	say_refused(&lost, src);
	if (seq_buf_used(&lost) > 2)
		ckpt_say(task, "version 1 does not carry: %.*s", (int)seq_buf_used(&lost) - 2,
			 text + 2);
	return 0;
}
