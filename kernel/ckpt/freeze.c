// SPDX-License-Identifier: GPL-2.0
/*
 * Another task, held while it is dumped.
 *
 * The task must already be stopped. Its state becomes TASK_FROZEN, which
 * nobody but the freezer wakes: SIGCONT, SIGKILL, a tracer's PTRACE_CONT or
 * detach find no task in a state that they wake. All of them clear
 * JOBCTL_STOPPED or JOBCTL_TRACED, though, or leave a fatal signal behind, and
 * so ckpt_thaw() can tell that it has to do the waking in their place.
 */
#include <linux/sched/jobctl.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "ckpt.h"

/**
 * ckpt_mm_is_private - does no other task use this address space?
 * @task: owner of @mm
 * @mm: a reference is held by the caller, so that mm_users alone cannot tell
 */
bool ckpt_mm_is_private(struct task_struct *task, struct mm_struct *mm)
{
	struct task_struct *p, *t;
	bool ret = false;

	if (atomic_read(&task->signal->live) != 1 || !thread_group_empty(task))
		return false;
	rcu_read_lock();
	for_each_process(p) {
		if (p->flags & PF_KTHREAD || p == task->group_leader)
			continue;
		for_each_thread(p, t) {
			if (READ_ONCE(t->mm) == mm)
				goto out;
			if (t->mm)
				break;
			smp_rmb(); /* as in current_is_single_threaded() */
		}
	}
	ret = true;
out:
	rcu_read_unlock();
	return ret;
}

static void set_state(struct task_struct *task, unsigned int state)
{
	raw_spin_lock(&task->pi_lock);
	WRITE_ONCE(task->__state, state);
	raw_spin_unlock(&task->pi_lock);
}

/**
 * ckpt_freeze - keep a stopped task stopped
 * @task: not current
 * @state: what ckpt_thaw() needs
 *
 * Return: 0; -EBUSY when the task is not stopped, or somebody else holds it
 * already; -ESRCH when it is gone.
 */
int ckpt_freeze(struct task_struct *task, unsigned int *state)
{
	unsigned long flags;
	int ret = -EBUSY;

	if (!lock_task_sighand(task, &flags))
		return -ESRCH;
	*state = READ_ONCE(task->__state);
	if ((*state == TASK_STOPPED || *state == TASK_TRACED) &&
	    !(task->jobctl & JOBCTL_PTRACE_FROZEN) && !__fatal_signal_pending(task)) {
		set_state(task, TASK_FROZEN);
		ret = 0;
	}
	unlock_task_sighand(task, &flags);
	if (ret)
		return ret;
	/* it may still be on its way into schedule(): registers are not in memory before */
	if (!wait_task_inactive(task, TASK_FROZEN)) {
		ckpt_thaw(task, *state);
		return -EBUSY;
	}
	return 0;
}

void ckpt_thaw(struct task_struct *task, unsigned int state)
{
	unsigned long bit = state == TASK_STOPPED ? JOBCTL_STOPPED : JOBCTL_TRACED;
	unsigned long flags;

	if (!lock_task_sighand(task, &flags))
		return;
	if (READ_ONCE(task->__state) == TASK_FROZEN) {
		set_state(task, state);
		if (__fatal_signal_pending(task))
			task->jobctl &= ~bit;
		if (!(task->jobctl & bit))
			wake_up_state(task, __TASK_STOPPED | __TASK_TRACED);
	}
	unlock_task_sighand(task, &flags);
}
