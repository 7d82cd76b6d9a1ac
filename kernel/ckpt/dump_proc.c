// SPDX-License-Identifier: GPL-2.0
/* Version 2: the machine, the process and its thread, signals and timers. */
#include <linux/ckpt_hooks.h>
#include <linux/cred.h>
#include <linux/futex.h>
#include <linux/nsproxy.h>
#include <linux/personality.h>
#include <linux/pid_namespace.h>
#include <linux/rseq.h>
#include <linux/sched/coredump.h>
#include <linux/sched/cputime.h>
#include <linux/sched/prio.h>
#include <linux/sched/signal.h>
#include <linux/time_namespace.h>
#include <linux/timekeeping.h>
#include <linux/utsname.h>
#include <linux/fs_struct.h>

#include <asm/cpufeature.h>

#include "ckpt.h"

int ckpt_write_machine(struct ckpt_source *src)
{
	struct cr2_machine *rec;
	u32 eax, other;
	int ret;

	rec = kzalloc(sizeof(*rec), GFP_KERNEL_ACCOUNT);
	if (!rec)
		return -ENOMEM;
	rec->page_bytes = PAGE_SIZE;
	rec->task_count = 1;
	rec->xfeatures = ckpt_xstate_features();
	rec->xsave_bytes = ckpt_xstate_bytes();
	cpuid(1, &eax, &other, &rec->cpuid[0], &rec->cpuid[1]);
	if (boot_cpu_data.cpuid_level >= 7)
		cpuid_count(7, 0, &eax, &rec->cpuid[2], &rec->cpuid[3], &rec->cpuid[4]);
	cpuid(0x80000001, &eax, &other, &rec->cpuid[5], &other);
	ckpt_boot_id(rec->boot_id);
	rec->realtime_ns = ktime_get_real_ns();
	rec->monotonic_ns = ktime_get_ns();
	rec->boottime_ns = ktime_get_boottime_ns();
	down_read(&uts_sem);
	strscpy(rec->kernel_release, utsname()->release, sizeof(rec->kernel_release));
	strscpy(rec->hostname, utsname()->nodename, sizeof(rec->hostname));
	up_read(&uts_sem);
	strscpy(rec->writer, "sys_checkpoint", sizeof(rec->writer));
	ret = ckpt_put2(&src->stream, CKPT_REC_MACHINE, 0, rec, sizeof(*rec), 0);
	kfree(rec);
	return ret;
}

static int write_creds(struct ckpt_source *src, u32 id)
{
	const struct cred *cred = get_task_cred(src->task);
	struct user_namespace *ns = current_user_ns();
	struct cr2_creds rec = {
		.uid = { from_kuid_munged(ns, cred->uid), from_kuid_munged(ns, cred->euid),
			 from_kuid_munged(ns, cred->suid), from_kuid_munged(ns, cred->fsuid) },
		.gid = { from_kgid_munged(ns, cred->gid), from_kgid_munged(ns, cred->egid),
			 from_kgid_munged(ns, cred->sgid), from_kgid_munged(ns, cred->fsgid) },
		.securebits = cred->securebits,
		.group_count = cred->group_info->ngroups,
	};
	u32 i;
	int ret;

	memcpy(&rec.cap_inheritable, &cred->cap_inheritable, sizeof(u64));
	memcpy(&rec.cap_permitted, &cred->cap_permitted, sizeof(u64));
	memcpy(&rec.cap_effective, &cred->cap_effective, sizeof(u64));
	memcpy(&rec.cap_bounding, &cred->cap_bset, sizeof(u64));
	memcpy(&rec.cap_ambient, &cred->cap_ambient, sizeof(u64));
	ret = ckpt_put2(&src->stream, CKPT_REC_CREDS, id, &rec, sizeof(rec), rec.group_count * 4);
	for (i = 0; i < rec.group_count && !ret; i++) {
		u32 gid = from_kgid_munged(ns, cred->group_info->gid[i]);

		ret = ckpt_put(&src->stream, &gid, sizeof(gid));
	}
	put_cred(cred);
	return ret;
}

static int write_rlimits(struct ckpt_source *src, u32 id)
{
	struct cr2_rlimits rec = { .count = RLIM_NLIMITS };
	struct rlimit limits[RLIM_NLIMITS];
	int ret;

	task_lock(src->task->group_leader);
	memcpy(limits, src->task->signal->rlim, sizeof(limits));
	task_unlock(src->task->group_leader);
	BUILD_BUG_ON(sizeof(limits) != RLIM_NLIMITS * 16);
	ret = ckpt_put2(&src->stream, CKPT_REC_RLIMITS, id, &rec, sizeof(rec), sizeof(limits));
	return ret ? ret : ckpt_put(&src->stream, limits, sizeof(limits));
}

/* TASK2, CREDS, RLIMITS. */
int ckpt_write_process(struct ckpt_source *src)
{
	struct task_struct *t = src->task;
	struct signal_struct *sig = t->signal;
	u32 id = task_pid_vnr(t);
	struct cr2_task rec = {
		.pid = id,
		.thread_count = 1,
		.state = src->stopped_by_signal ? CKPT_STATE_STOPPED : CKPT_STATE_RUNNING,
		.exit_signal = t->exit_signal,
		.personality = t->personality,
		.dumpable = get_dumpable(src->mm),
		.no_new_privs = task_no_new_privs(t),
		.child_subreaper = sig->is_child_subreaper,
		.thp_disable = test_bit(MMF_DISABLE_THP, &src->mm->flags),
		.oom_score_adj = sig->oom_score_adj,
		.pdeathsig = t->pdeath_signal,
		.file_count = src->files,
		.timerslack_ns = t->timer_slack_ns,
		.clock_ticks_per_sec = USER_HZ,
	};
	u64 utime, stime;
	int ret;

	rcu_read_lock();
	rec.parent_pid = task_tgid_vnr(rcu_dereference(t->real_parent));
	rcu_read_unlock();
	rec.pgid = task_pgrp_vnr(t);
	rec.sid = task_session_vnr(t);
	task_cputime_adjusted(t, &utime, &stime);
	rec.utime_ticks = nsec_to_clock_t(utime);
	rec.stime_ticks = nsec_to_clock_t(stime);
	rec.start_ticks = nsec_to_clock_t(timens_add_boottime_ns(t->start_boottime));
	get_task_comm(rec.comm, t);
	task_lock(t);
	if (t->fs)
		rec.umask = t->fs->umask;
	task_unlock(t);
	ret = ckpt_put2(&src->stream, CKPT_REC_TASK2, id, &rec, sizeof(rec), 0);
	if (!ret)
		ret = write_creds(src, id);
	return ret ? ret : write_rlimits(src, id);
}

static int write_actions(struct ckpt_source *src, u32 id)
{
	struct cr2_sigactions rec = { .count = _NSIG };
	int i, ret;

	ret = ckpt_put2(&src->stream, CKPT_REC_SIGACTIONS, id, &rec, sizeof(rec), _NSIG * 32);
	for (i = 0; i < _NSIG && !ret; i++) {
		struct sigaction *sa = &src->task->sighand->action[i].sa;
		u64 action[4] = { (u64)sa->sa_handler, sa->sa_flags, (u64)sa->sa_restorer,
				  sa->sa_mask.sig[0] };

		ret = ckpt_put(&src->stream, action, sizeof(action));
	}
	return ret;
}

#define INFO_BYTES	128
#define INFOS		(PAGE_SIZE / INFO_BYTES)

/*
 * Signals from the @from-th on into a page. A SIGKILL or SIGSTOP that has come
 * while the task is held is for this task, and not for a copy: it is taken for
 * one that was queued. Return: how many.
 */
static int collect(struct task_struct *task, struct sigpending *pending, int from, u8 *page)
{
	sigset_t queued;
	struct sigqueue *q;
	int n = 0, at = 0, sig;

	memset(page, 0, PAGE_SIZE);
	siginitset(&queued, sigmask(SIGKILL) | sigmask(SIGSTOP));
	spin_lock_irq(&task->sighand->siglock);
	list_for_each_entry(q, &pending->list, list) {
		if (sig_kernel_only(q->info.si_signo))
			continue;
		sigaddset(&queued, q->info.si_signo);
		if (at++ >= from && n < INFOS)
			memcpy(page + INFO_BYTES * n++, &q->info, sizeof(q->info));
	}
	/* when memory was short a signal is only a bit */
	for (sig = 1; sig <= _NSIG; sig++) {
		if (!sigismember(&pending->signal, sig) || sigismember(&queued, sig))
			continue;
		if (at++ >= from && n < INFOS)
			*(int *)(page + INFO_BYTES * n++) = sig;
	}
	spin_unlock_irq(&task->sighand->siglock);
	return n;
}

static int count_pending(struct task_struct *task, struct sigpending *pending, u8 *page)
{
	int n, count = 0;

	do {
		n = collect(task, pending, count, page);
		count += n;
	} while (n == INFOS);
	return count;
}

static int write_pending(struct ckpt_source *src, struct sigpending *pending, bool of_thread,
			 u32 id)
{
	struct cr2_sigpending rec = { .siginfo_bytes = INFO_BYTES, .of_thread = of_thread };
	u8 *page = (u8 *)__get_free_page(GFP_KERNEL_ACCOUNT);
	int ret = 0, n, done;

	if (!page)
		return -ENOMEM;
	rec.count = count_pending(src->task, pending, page);
	if (rec.count || !of_thread)
		ret = ckpt_put2(&src->stream, CKPT_REC_SIGPENDING, id, &rec, sizeof(rec),
				rec.count * INFO_BYTES);
	for (done = 0; done < rec.count && !ret; done += n) {
		n = min_t(int, collect(src->task, pending, done, page), rec.count - done);
		ret = n ? ckpt_put(&src->stream, page, n * INFO_BYTES) : -EBUSY;
	}
	free_page((unsigned long)page);
	return ret;
}

static void put_time(u64 *to, u64 interval_ns, u64 value_ns)
{
	to[0] = interval_ns / NSEC_PER_SEC;
	to[1] = interval_ns % NSEC_PER_SEC / NSEC_PER_USEC;
	to[2] = value_ns / NSEC_PER_SEC;
	to[3] = value_ns % NSEC_PER_SEC / NSEC_PER_USEC;
	if (value_ns && !to[2] && !to[3])
		to[3] = 1;
}

static int write_itimers(struct ckpt_source *src, u32 id)
{
	struct signal_struct *sig = src->task->signal;
	struct task_cputime used;
	struct cr2_itimers rec = {};
	u64 left = 0;
	u64 now[2];
	int i;

	thread_group_cputime(src->task, &used);
	now[CPUCLOCK_VIRT] = used.utime;
	now[CPUCLOCK_PROF] = used.utime + used.stime;
	spin_lock_irq(&src->task->sighand->siglock);
	if (hrtimer_active(&sig->real_timer)) {
		s64 ns = ktime_to_ns(hrtimer_get_remaining(&sig->real_timer));

		left = ns > 0 ? ns : 1;
	} else {
		/* fired, and waits for its signal to be taken before it starts again */
		left = sig->it_real_incr;
	}
	put_time(rec.real, sig->it_real_incr, left);
	for (i = 0; i < 2; i++) {
		u64 at = sig->it[i].expires;

		left = at ? max_t(s64, at - now[i], 1) : 0;
		put_time(i == CPUCLOCK_VIRT ? rec.virtual_ : rec.prof, sig->it[i].incr, left);
	}
	spin_unlock_irq(&src->task->sighand->siglock);
	return ckpt_put2(&src->stream, CKPT_REC_ITIMERS, id, &rec, sizeof(rec), 0);
}

/* SIGACTIONS, SIGPENDING of the process, ITIMERS, POSIX_TIMERs. */
int ckpt_write_signals(struct ckpt_source *src)
{
	u32 id = task_pid_vnr(src->task);
	int ret;

	ret = write_actions(src, id);
	if (!ret)
		ret = write_pending(src, &src->task->signal->shared_pending, false, id);
	if (!ret)
		ret = write_itimers(src, id);
	return ret ? ret : ckpt_write_posix_timers(src);
}

/* THREAD2 and the thread's own SIGPENDING. */
int ckpt_write_thread(struct ckpt_source *src)
{
	struct task_struct *t = src->task;
	u32 id = task_pid_vnr(t);
	struct cr2_thread rec = {
		.tid = id,
		.sched_policy = t->policy,
		.nice = task_nice(t),
		.sched_priority = t->rt_priority,
		.altstack_sp = t->sas_ss_sp,
		.altstack_bytes = t->sas_ss_size,
		.altstack_flags = t->sas_ss_flags,
		.robust_list_addr = (u64)t->robust_list,
		.robust_list_bytes = t->robust_list ? sizeof(*t->robust_list) : 0,
		.clear_child_tid = (u64)t->clear_child_tid,
	};
	int ret;

#ifdef CONFIG_RSEQ
	rec.rseq_addr = (u64)t->rseq;
	rec.rseq_sig = t->rseq_sig;
	rec.rseq_bytes = t->rseq ? sizeof(*t->rseq) : 0;
#endif
	get_task_comm(rec.comm, t);
	spin_lock_irq(&t->sighand->siglock);
	/* inside sigsuspend and its kind, the mask that will be back afterwards */
	rec.sigmask = test_tsk_restore_sigmask(t) ? t->saved_sigmask.sig[0] : t->blocked.sig[0];
	spin_unlock_irq(&t->sighand->siglock);
	ret = ckpt_put2(&src->stream, CKPT_REC_THREAD2, id, &rec, sizeof(rec), 0);
	return ret ? ret : write_pending(src, &t->pending, true, id);
}
