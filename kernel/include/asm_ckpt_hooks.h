/* SPDX-License-Identifier: GPL-2.0 */
/* The x86 half of linux/ckpt_hooks.h. */
#ifndef _ASM_X86_CKPT_HOOKS_H
#define _ASM_X86_CKPT_HOOKS_H

#include <linux/types.h>

struct mm_struct;
struct task_struct;
struct user_desc;

/* arch/x86/kernel/ptrace.c */
unsigned long ptrace_get_debugreg(struct task_struct *tsk, int n);
int ptrace_set_debugreg(struct task_struct *tsk, int n, unsigned long val);

/* arch/x86/kernel/tls.c */
bool tls_desc_okay(const struct user_desc *info);

/* arch/x86/kernel/ldt.c */
int ckpt_install_ldt(struct mm_struct *mm, const struct user_desc *info,
		     unsigned int count);

#endif /* _ASM_X86_CKPT_HOOKS_H */
