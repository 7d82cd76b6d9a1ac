// SPDX-License-Identifier: GPL-2.0
/*
 * Version 2: the process, its signals, timers and registrations. All of it is
 * checked when it is read; applying it, after the point of no return, cannot
 * fail. Nothing raises what the caller may do: credentials, limits and
 * priorities stay the caller's, no_new_privs is only ever set.
 */
#include <linux/ckpt_hooks.h>
#include <linux/file.h>
#include <linux/fs_struct.h>
#include <linux/futex.h>
#include <linux/personality.h>
#include <linux/rseq.h>
#include <linux/sched/coredump.h>
#include <linux/sched/signal.h>
#include <linux/time64.h>

#include "ckpt.h"

#define INFO_BYTES	128

struct ckpt_proc *ckpt_proc_alloc(void)
{
	struct ckpt_proc *proc = kvzalloc(sizeof(*proc), GFP_KERNEL_ACCOUNT);

	if (proc) {
		INIT_LIST_HEAD(&proc->shared);
		INIT_LIST_HEAD(&proc->own);
		INIT_LIST_HEAD(&proc->posix_timers);
	}
	return proc;
}

static void free_pending(struct list_head *pending)
{
	struct sigqueue *q, *next;

	list_for_each_entry_safe(q, next, pending, list) {
		list_del_init(&q->list);
		sigqueue_free(q);
	}
}

void ckpt_proc_free(struct ckpt_proc *proc)
{
	u32 i;

	if (!proc)
		return;
	for (i = 0; i < proc->file_count; i++)
		if (proc->files[i].file)
			fput(proc->files[i].file);
	kvfree(proc->files);
	ckpt_free_posix_timers(proc);
	if (proc->cwd.dentry)
		path_put(&proc->cwd);
	free_pending(&proc->shared);
	free_pending(&proc->own);
	kvfree(proc);
}

static int skip_record(struct ckpt_target *to, u32 type, void *fixed, u32 len)
{
	u32 more;
	int ret;

	ret = ckpt_expect2(to, type, to->proc->task.pid, fixed, len, &more);
	return ret ? ret : ckpt_skip(&to->stream, more);
}

/* TASK2, and CREDS and RLIMITS, which are for show: a restart raises nothing. */
int ckpt_read_task2(struct ckpt_target *to)
{
	struct cr2_task *task = &to->proc->task;
	struct cr2_rlimits limits;
	struct cr2_creds creds;
	int ret;

	ret = ckpt_next2(to);
	if (ret < 0)
		return ret;
	ret = ckpt_expect2(to, CKPT_REC_TASK2, to->ahead.id, task, sizeof(*task), NULL);
	if (ret)
		return ret;
	if (task->pid != to->ahead.id || !task->thread_count || !valid_signal(task->pdeathsig))
		return -EINVAL;
	if (task->state != CKPT_STATE_RUNNING && task->state != CKPT_STATE_STOPPED)
		return -EINVAL;
	if (task->thread_count != 1) {
		ckpt_say(current, "an image of %u threads", task->thread_count);
		return -EOPNOTSUPP;
	}
	memcpy(to->comm, task->comm, sizeof(to->comm));
	to->comm[TASK_COMM_LEN - 1] = '\0';
	ret = skip_record(to, CKPT_REC_CREDS, &creds, sizeof(creds));
	return ret ? ret : skip_record(to, CKPT_REC_RLIMITS, &limits, sizeof(limits));
}

static int read_actions(struct ckpt_target *to)
{
	struct cr2_sigactions rec;
	u32 more, i;
	int ret;

	ret = ckpt_expect2(to, CKPT_REC_SIGACTIONS, to->proc->task.pid, &rec, sizeof(rec), &more);
	if (ret)
		return ret;
	if (rec.count > _NSIG || more != rec.count * 32)
		return -EINVAL;
	for (i = 0; i < rec.count; i++) {
		struct sigaction *sa = &to->proc->actions[i].sa;
		u64 action[4];

		ret = ckpt_get(&to->stream, action, sizeof(action));
		if (ret)
			return ret;
		if (sig_kernel_only(i + 1) && action[0])
			return -EINVAL;
		sa->sa_handler = (__sighandler_t)action[0];
		sa->sa_flags = action[1] & UAPI_SA_FLAGS;
		sa->sa_restorer = (__sigrestore_t)action[2];
		sa->sa_mask.sig[0] = action[3];
	}
	return 0;
}

/* A signal gets the memory that it takes while it is pending. */
static int read_signal(struct ckpt_target *to, struct list_head *pending)
{
	struct kernel_siginfo *si;
	struct sigqueue *q;
	u8 info[INFO_BYTES];
	int ret;

	ret = ckpt_get(&to->stream, info, sizeof(info));
	if (ret)
		return ret;
	q = sigqueue_alloc();
	if (!q)
		return -EAGAIN;
	list_add_tail(&q->list, pending);
	si = &q->info;
	memcpy(si, info, sizeof(*si));
	if (!valid_signal(si->si_signo) || !si->si_signo || sig_kernel_only(si->si_signo))
		return -EINVAL;
	/* the timer has been set anew by then */
	if (si->si_code == SI_TIMER)
		si->si_sys_private = 0;
	return 0;
}

static int read_pending(struct ckpt_target *to, bool of_thread, struct list_head *pending)
{
	struct cr2_sigpending rec;
	u32 more, i;
	int ret;

	ret = ckpt_expect2(to, CKPT_REC_SIGPENDING, to->proc->task.pid, &rec, sizeof(rec), &more);
	if (ret)
		return ret;
	if (rec.siginfo_bytes != INFO_BYTES || rec.of_thread != of_thread)
		return -EINVAL;
	/* how many there may be, RLIMIT_SIGPENDING says */
	if (more % INFO_BYTES || rec.count != more / INFO_BYTES)
		return -EINVAL;
	for (i = 0; i < rec.count && !ret; i++)
		ret = read_signal(to, pending);
	return ret;
}

static bool timer_ok(const u64 t[4])
{
	return t[0] <= INT_MAX && t[1] < USEC_PER_SEC && t[2] <= INT_MAX && t[3] < USEC_PER_SEC;
}

/* SIGACTIONS, SIGPENDING, ITIMERS, POSIX_TIMERs. */
int ckpt_read_signals2(struct ckpt_target *to)
{
	struct cr2_itimers *t = &to->proc->timers;
	int ret;

	ret = read_actions(to);
	if (!ret)
		ret = read_pending(to, false, &to->proc->shared);
	if (!ret)
		ret = ckpt_expect2(to, CKPT_REC_ITIMERS, to->proc->task.pid, t, sizeof(*t), NULL);
	if (ret)
		return ret;
	if (!timer_ok(t->real) || !timer_ok(t->virtual_) || !timer_ok(t->prof))
		return -EINVAL;
	return ckpt_read_posix_timers(to);
}

static int check_registrations(const struct cr2_thread *t)
{
	if (t->altstack_bytes && (t->altstack_flags & ~(SS_DISABLE | SS_ONSTACK | SS_FLAG_BITS) ||
				  t->altstack_bytes < MINSIGSTKSZ ||
				  t->altstack_sp + t->altstack_bytes < t->altstack_sp))
		return -EINVAL;
	if (t->robust_list_addr && t->robust_list_bytes != sizeof(struct robust_list_head))
		return -EINVAL;
	if (t->robust_list_addr >= TASK_SIZE_MAX || t->clear_child_tid >= TASK_SIZE_MAX)
		return -EINVAL;
	if (!t->rseq_addr)
		return 0;
#ifdef CONFIG_RSEQ
	if (t->rseq_bytes != sizeof(struct rseq) || t->rseq_flags ||
	    !IS_ALIGNED(t->rseq_addr, __alignof__(struct rseq)) ||
	    t->rseq_addr > TASK_SIZE_MAX - sizeof(struct rseq))
		return -EINVAL;
	return 0;
#else
	return -EOPNOTSUPP;
#endif
}

int ckpt_read_thread2(struct ckpt_target *to)
{
	struct cr2_thread *t = &to->proc->thread;
	int ret;

	ret = ckpt_expect2(to, CKPT_REC_THREAD2, to->proc->task.pid, t, sizeof(*t), NULL);
	if (!ret && t->tid != to->proc->task.pid)
		ret = -EINVAL;
	if (!ret)
		ret = check_registrations(t);
	if (!ret)
		ret = ckpt_next2(to);
	if (ret == CKPT_REC_SIGPENDING)
		return read_pending(to, true, &to->proc->own);
	return ret < 0 ? ret : 0;
}

static void load_thread(const struct cr2_thread *t)
{
	struct task_struct *me = current;

	me->robust_list = (struct robust_list_head __user *)t->robust_list_addr;
	me->clear_child_tid = (int __user *)t->clear_child_tid;
	if (t->altstack_bytes) {
		me->sas_ss_sp = t->altstack_sp;
		me->sas_ss_size = t->altstack_bytes;
		me->sas_ss_flags = t->altstack_flags & ~SS_ONSTACK;
	}
#ifdef CONFIG_RSEQ
	if (t->rseq_addr) {
		preempt_disable();
		me->rseq_sig = t->rseq_sig;
		me->rseq = (struct rseq __user *)t->rseq_addr;
		/* its processor number is stale, and it may be inside a critical section */
		rseq_set_notify_resume(me);
		__set_bit(RSEQ_EVENT_MIGRATE_BIT, &me->rseq_event_mask);
		preempt_enable();
	}
#endif
}

static void load_timer(int which, const u64 t[4])
{
	struct itimerspec64 it = {
		.it_interval = { t[0], t[1] * NSEC_PER_USEC },
		.it_value = { t[2], t[3] * NSEC_PER_USEC },
	};

	do_setitimer(which, &it, NULL);
}

static void load_actions(const struct ckpt_proc *proc)
{
	int i;

	spin_lock_irq(&current->sighand->siglock);
	for (i = 0; i < _NSIG; i++) {
		if (sig_kernel_only(i + 1))
			continue;
		current->sighand->action[i] = proc->actions[i];
		sigdelsetmask(&current->sighand->action[i].sa.sa_mask,
			      sigmask(SIGKILL) | sigmask(SIGSTOP));
	}
	spin_unlock_irq(&current->sighand->siglock);
}

static void load_pending(struct list_head *from, struct sigpending *to)
{
	struct sigqueue *q, *next;

	spin_lock_irq(&current->sighand->siglock);
	list_for_each_entry_safe(q, next, from, list) {
		/* from now on like one that was sent: freed when it is taken */
		q->flags &= ~SIGQUEUE_PREALLOC;
		list_move_tail(&q->list, &to->list);
		sigaddset(&to->signal, q->info.si_signo);
	}
	spin_unlock_irq(&current->sighand->siglock);
}

static void load_task(const struct cr2_task *task)
{
	struct task_struct *me = current;

	me->personality = task->personality;
	me->fs->umask = task->umask & 0777;
	if (task->dumpable <= SUID_DUMP_USER)
		set_dumpable(me->mm, task->dumpable);
	if (task->no_new_privs)
		task_set_no_new_privs(me);
	if (task->timerslack_ns)
		me->timer_slack_ns = task->timerslack_ns;
	me->signal->is_child_subreaper = !!task->child_subreaper;
	me->pdeath_signal = task->pdeathsig;
	if (task->thp_disable)
		set_bit(MMF_DISABLE_THP, &me->mm->flags);
	else
		clear_bit(MMF_DISABLE_THP, &me->mm->flags);
}

/* All signals are still blocked here; the image's mask goes in last. */
void ckpt_load_proc(struct ckpt_target *to)
{
	struct ckpt_proc *proc = to->proc;
	sigset_t mask;

	if (!proc)
		return;
	load_task(&proc->task);
	load_thread(&proc->thread);
	load_actions(proc);
	load_timer(ITIMER_REAL, proc->timers.real);
	load_timer(ITIMER_VIRTUAL, proc->timers.virtual_);
	load_timer(ITIMER_PROF, proc->timers.prof);
	ckpt_load_posix_timers(proc);
	load_pending(&proc->shared, &current->signal->shared_pending);
	load_pending(&proc->own, &current->pending);
	mask.sig[0] = proc->thread.sigmask;
	set_current_blocked(&mask);
	if (proc->task.state == CKPT_STATE_STOPPED)
		send_sig(SIGSTOP, current, 0);
}
