// SPDX-License-Identifier: GPL-2.0
/*
 * Registers of an image into current, whose user registers are in its pt_regs
 * and, for segments and bases, in the processor. The setters of ptrace refuse
 * current; the checks here are theirs.
 */
#include <linux/hw_breakpoint.h>
#include <linux/sched/task_stack.h>

#include <asm/ckpt_hooks.h>
#include <asm/debugreg.h>
#include <asm/desc.h>
#include <asm/fsgsbase.h>
#include <asm/segment.h>
#include <asm/syscall.h>

#include "ckpt.h"

/* What user space may have in eflags: arch/x86/kernel/ptrace.c has the same. */
#define FLAG_MASK	(X86_EFLAGS_CF | X86_EFLAGS_PF | X86_EFLAGS_AF | X86_EFLAGS_ZF |	\
			 X86_EFLAGS_SF | X86_EFLAGS_TF | X86_EFLAGS_DF | X86_EFLAGS_OF |	\
			 X86_EFLAGS_RF | X86_EFLAGS_AC | X86_EFLAGS_NT)

static bool selector_ok(u64 value, bool null_ok)
{
	if (value > 0xffff)
		return false;
	return value ? (value & SEGMENT_RPL_MASK) == USER_RPL : null_ok;
}

/**
 * ckpt_check_regs - would ptrace take these registers?
 *
 * Also settles, in @to->regs, what becomes of a system call that the task was
 * in: restart codes must not meet the signal code of another kernel entry.
 */
int ckpt_check_regs(struct ckpt_target *to)
{
	struct cr2_regs *r = &to->regs;

	if (!selector_ok(r->cs, false) || !selector_ok(r->ss, false) ||
	    !selector_ok(r->ds, true) || !selector_ok(r->es, true) ||
	    !selector_ok(r->fs, true) || !selector_ok(r->gs, true))
		return -EINVAL;
	if (to->has_bases && (r->fs_base >= TASK_SIZE_MAX || r->gs_base >= TASK_SIZE_MAX))
		return -EINVAL;
	if ((long)r->orig_ax >= 0) {
		switch ((long)r->ax) {
		case -ERESTARTSYS:
		case -ERESTARTNOINTR:
		case -ERESTARTNOHAND:
			r->ax = r->orig_ax;
			r->ip -= 2;
			break;
		case -ERESTART_RESTARTBLOCK:
			r->ax = -EINTR; /* what there was to go on with is not in an image */
			break;
		}
	}
	r->orig_ax = -1;
	if (r->cs != __USER_CS || r->ip >= TASK_SIZE_MAX)
		return -EINVAL;
	/* within its old vdso a task can go on only if the code is the same, byte for byte */
	if (to->vdso_at && !to->vdso_same && r->ip - to->vdso_at < 16 * PAGE_SIZE) {
		ckpt_say(current, "the task was inside a vdso that this kernel does not have");
		return -EOPNOTSUPP;
	}
	return 0;
}

/**
 * ckpt_arm_debugregs - hardware breakpoints, while failing is still possible
 *
 * Return: 0; -EBUSY when the caller is being watched by a debugger itself.
 */
int ckpt_arm_debugregs(struct ckpt_target *to)
{
	struct cr2_regs *r = &to->regs;
	u64 value[4] = { r->debugreg0, r->debugreg1, r->debugreg2, r->debugreg3 };
	int i, ret = 0;

	if (!r->uses_debug)
		return 0;
	for (i = 0; i < HBP_NUM; i++)
		if (current->thread.ptrace_bps[i])
			return -EBUSY;
	for (i = 0; i < HBP_NUM && !ret; i++)
		if (value[i])
			ret = ptrace_set_debugreg(current, i, value[i]);
	if (!ret)
		ret = ptrace_set_debugreg(current, 7, r->debugreg7);
	if (ret) {
		flush_ptrace_hw_breakpoint(current);
		return ret == -ENOMEM || ret == -ENOSPC ? ret : -EINVAL;
	}
	ptrace_set_debugreg(current, 6, r->debugreg6);
	return 0;
}

static void load_segments(struct ckpt_target *to)
{
	struct cr2_regs *r = &to->regs;

	preempt_disable();
	memcpy(current->thread.tls_array, to->tls, sizeof(to->tls));
	load_TLS(&current->thread, smp_processor_id());
	/* a selector whose descriptor is not there loads as null: the fixups of loadsegment() */
	loadsegment(ds, r->ds);
	loadsegment(es, r->es);
	loadsegment(fs, r->fs);
	load_gs_index(r->gs);
	if (to->has_bases || r->fs <= USER_RPL)
		x86_fsbase_write_cpu(to->has_bases ? r->fs_base : 0);
	if (to->has_bases || r->gs <= USER_RPL)
		x86_gsbase_write_cpu_inactive(to->has_bases ? r->gs_base : 0);
	current->thread.ds = r->ds;
	current->thread.es = r->es;
	current->thread.fsindex = r->fs;
	current->thread.gsindex = r->gs;
	savesegment(ds, current->thread.ds);
	savesegment(es, current->thread.es);
	savesegment(fs, current->thread.fsindex);
	savesegment(gs, current->thread.gsindex);
	current->thread.fsbase = x86_fsbase_read_cpu();
	current->thread.gsbase = x86_gsbase_read_cpu_inactive();
	preempt_enable();
}

/* After the new memory has taken its place. Return: ax, for the system call to return. */
long ckpt_load_regs(struct ckpt_target *to)
{
	struct pt_regs *regs = current_pt_regs();
	struct cr2_regs *r = &to->regs;

	load_segments(to);
	regs->r15 = r->r15;
	regs->r14 = r->r14;
	regs->r13 = r->r13;
	regs->r12 = r->r12;
	regs->bp = r->bp;
	regs->bx = r->bx;
	regs->r11 = r->r11;
	regs->r10 = r->r10;
	regs->r9 = r->r9;
	regs->r8 = r->r8;
	regs->ax = r->ax;
	regs->cx = r->cx;
	regs->dx = r->dx;
	regs->si = r->si;
	regs->di = r->di;
	regs->orig_ax = -1;
	regs->ip = r->ip;
	regs->cs = r->cs;
	regs->flags = (r->flags & FLAG_MASK) | X86_EFLAGS_IF | X86_EFLAGS_FIXED;
	regs->sp = r->sp;
	regs->ss = r->ss;
	return r->ax;
}
