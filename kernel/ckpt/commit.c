// SPDX-License-Identifier: GPL-2.0
/*
 * The point of no return, and what follows it: what execve does to a task,
 * without an executable. Everything that can fail has been done before.
 */
#include <linux/ckpt_hooks.h>
#include <linux/hw_breakpoint.h>
#include <linux/io_uring.h>
#include <linux/mm.h>
#include <linux/perf_event.h>
#include <linux/posix-timers.h>
#include <linux/rseq.h>
#include <linux/sched/coredump.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/syscall_user_dispatch.h>
#include <linux/time64.h>

#include <asm/io_bitmap.h>

#include "ckpt.h"

/* Timers that the caller's old life had armed. */
static void drop_timers(struct task_struct *me)
{
	struct itimerspec64 off = {};

	spin_lock_irq(&me->sighand->siglock);
	posix_cpu_timers_exit(me);
	spin_unlock_irq(&me->sighand->siglock);
	exit_itimers(me);
	do_setitimer(ITIMER_REAL, &off, NULL);
	do_setitimer(ITIMER_VIRTUAL, &off, NULL);
	do_setitimer(ITIMER_PROF, &off, NULL);
	flush_itimer_signals();
}

/* What the old life had registered with the kernel: addresses in memory that is gone. */
static void drop_registrations(struct ckpt_target *to, struct task_struct *me)
{
	rseq_execve(me);
	me->robust_list = NULL;
#ifdef CONFIG_COMPAT
	me->compat_robust_list = NULL;
#endif
	me->clear_child_tid = NULL;
	me->set_child_tid = NULL;
	me->pdeath_signal = 0;
	me->sas_ss_sp = 0;
	me->sas_ss_size = 0;
	me->sas_ss_flags = SS_DISABLE;
	me->restart_block.fn = do_no_restart_syscall;
	clear_syscall_work_syscall_user_dispatch(me);
	if (!to->regs.uses_debug)
		flush_ptrace_hw_breakpoint(me);
	me->thread.iopl_emul = 0;
	io_bitmap_exit(me);
	perf_event_exec();
	arch_setup_new_exec();
	flush_signal_handlers(me, 1);
}

static void restore_mm_flags(struct ckpt_target *to, struct mm_struct *mm)
{
	if (!(to->old_flags & BIT(MMF_DISABLE_THP)))
		clear_bit(MMF_DISABLE_THP, &mm->flags);
}

/**
 * ckpt_commit - become the task that was read
 * @to: complete and checked
 * @ax: set to what the system call must return
 *
 * Return: 0; or an error, with the caller as it was.
 */
int ckpt_commit(struct ckpt_target *to, long *ax)
{
	struct task_struct *me = current;
	struct mm_struct *mm = to->mm;
	int ret;

	ret = ckpt_prepare_files(to);
	if (!ret)
		ret = ckpt_arm_debugregs(to);
	if (ret)
		return ret;

	io_uring_task_cancel();
	restore_mm_flags(to, mm);
	ckpt_uncount_pages(to);
	ret = exec_mmap(mm);
	if (ret) {
		/* only a fatal signal gets here: nobody will see what is half done */
		if (to->regs.uses_debug)
			flush_ptrace_hw_breakpoint(me);
		return ret;
	}
	to->mm = NULL; /* current's now */
	WRITE_ONCE(me->self_exec_id, me->self_exec_id + 1);
	me->flags &= ~PF_FORKNOEXEC;
	drop_registrations(to, me);
	up_write(&me->signal->exec_update_lock);

	drop_timers(me);
	set_task_comm(me, to->comm);
	ckpt_load_xstate(to);
	ckpt_load_files(to);
	*ax = ckpt_load_regs(to);
	ckpt_load_proc(to);
	return 0;
}
