// SPDX-License-Identifier: GPL-2.0
/*
 * Registers of a task that does not run, or of current inside its system call,
 * through the register sets that ptrace and core dumps use: they know where
 * live values are.
 */
#include <linux/elf.h>
#include <linux/regset.h>
#include <linux/sched/task_stack.h>

#include <asm/ckpt_hooks.h>
#include <asm/debugreg.h>
#include <asm/desc.h>
#include <asm/mmu_context.h>
#include <asm/user.h>

#include "ckpt.h"

static_assert(offsetof(struct cr2_regs, debugreg0) == sizeof(struct user_regs_struct));
static_assert(offsetof(struct cr2_regs, orig_ax) == offsetof(struct user_regs_struct, orig_ax));
static_assert(offsetof(struct cr2_regs, gs) == offsetof(struct user_regs_struct, gs));

static const struct user_regset *regset_of(struct task_struct *task, unsigned int type)
{
	const struct user_regset_view *view = task_user_regset_view(task);
	unsigned int i;

	for (i = 0; i < view->n; i++)
		if (view->regsets[i].core_note_type == type)
			return &view->regsets[i];
	return NULL;
}

/**
 * ckpt_read_regs - general, segment and debug registers
 * @task: does not run, or is current
 * @regs: filled in
 *
 * Return: 0; -EOPNOTSUPP for a task that does not run 64-bit code.
 */
int ckpt_read_regs(struct task_struct *task, struct cr2_regs *regs)
{
	const struct user_regset *set;
	int ret;

	if (!user_64bit_mode(task_pt_regs(task)) || test_tsk_thread_flag(task, TIF_ADDR32)) {
		ckpt_say(task, "32-bit code cannot be carried");
		return -EOPNOTSUPP;
	}
	memset(regs, 0, sizeof(*regs));
	set = regset_of(task, NT_PRSTATUS);
	ret = regset_get(task, set, sizeof(struct user_regs_struct), regs);
	if (ret < 0)
		return ret;
	regs->debugreg0 = ptrace_get_debugreg(task, 0);
	regs->debugreg1 = ptrace_get_debugreg(task, 1);
	regs->debugreg2 = ptrace_get_debugreg(task, 2);
	regs->debugreg3 = ptrace_get_debugreg(task, 3);
	regs->debugreg6 = ptrace_get_debugreg(task, 6);
	regs->debugreg7 = ptrace_get_debugreg(task, 7);
	regs->uses_debug = regs->debugreg7 != 0;
	if (task == current) /* the copy goes on where this very call returns, with 0 */
		regs->ax = 0;
	return 0;
}

/**
 * ckpt_read_xstate - the XSAVE area in the standard format
 * @task: does not run, or is current
 * @bytes: set to its size
 *
 * Return: the area, for kvfree(), or an error pointer.
 */
void *ckpt_read_xstate(struct task_struct *task, size_t *bytes)
{
	const struct user_regset *set = regset_of(task, NT_X86_XSTATE);
	void *area = NULL;
	int ret;

	if (!set || !boot_cpu_has(X86_FEATURE_XSAVE))
		return ERR_PTR(-ENODEV);
	ret = regset_get_alloc(task, set, set->n * set->size, &area);
	if (ret < 0)
		return ERR_PTR(ret);
	*bytes = ret;
	return area;
}

/**
 * ckpt_read_ldt - a copy of the LDT
 * @mm: of the task
 * @entries: set to the descriptors, for kvfree()
 *
 * Return: how many, 0 without an LDT, or an error.
 */
int ckpt_read_ldt(struct mm_struct *mm, void **entries)
{
	int n = 0;

	*entries = NULL;
	down_read(&mm->context.ldt_usr_sem);
	if (mm->context.ldt) {
		n = mm->context.ldt->nr_entries;
		*entries = kvmalloc_array(n, LDT_ENTRY_SIZE, GFP_KERNEL_ACCOUNT);
		if (*entries)
			memcpy(*entries, mm->context.ldt->entries, n * LDT_ENTRY_SIZE);
		else
			n = -ENOMEM;
	}
	up_read(&mm->context.ldt_usr_sem);
	return n;
}
