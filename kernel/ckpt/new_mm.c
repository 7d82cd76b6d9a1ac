// SPDX-License-Identifier: GPL-2.0
/*
 * The new address space, built beside the caller's own.
 *
 * Mappings are made by do_mmap(), with all of its checks and limits, and that
 * works on current->mm only. So the new mm is current->mm while one mapping is
 * made, never while the stream is read, and never when a function of this file
 * has returned. Contents go in by access_remote_vm(), which needs no such thing
 * and writes into read-only and PROT_NONE mappings without changing them.
 */
#include <linux/binfmts.h>
#include <linux/file.h>
#include <linux/major.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/namei.h>
#include <linux/personality.h>
#include <linux/sched/coredump.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/security.h>
#include <linux/userfaultfd_k.h>

#include <asm/fsgsbase.h>
#include <asm/mmu_context.h>
#include <asm/segment.h>

#include "ckpt.h"

/* Switch current to another user address space, as execve does, without letting go of the first. */
static void use_mm(struct mm_struct *mm)
{
	struct task_struct *tsk = current;
	struct mm_struct *active;

	sync_mm_rss(tsk->mm);
	task_lock(tsk);
	local_irq_disable();
	active = tsk->active_mm;
	tsk->active_mm = mm;
	tsk->mm = mm;
	membarrier_update_current_mm(mm);
	switch_mm_irqs_off(active, mm, tsk);
	local_irq_enable();
	task_unlock(tsk);
}

/**
 * ckpt_enter_mm - make the new mm current's for a moment
 * @to: has it
 * @caller: what ckpt_leave_mm() needs
 *
 * If the task is preempted meanwhile, selectors of the caller's LDT find no
 * descriptor when they are loaded again; therefore they are kept here.
 */
void ckpt_enter_mm(struct ckpt_target *to, struct ckpt_caller *caller)
{
	caller->mm = current->mm;
	/* mappings get the protection that the image says, and not more */
	caller->personality = current->personality;
	current->personality &= ~READ_IMPLIES_EXEC;
	preempt_disable();
	savesegment(ds, caller->ds);
	savesegment(es, caller->es);
	savesegment(fs, caller->fs);
	savesegment(gs, caller->gs);
	caller->fs_base = x86_fsbase_read_cpu();
	caller->gs_base = x86_gsbase_read_cpu_inactive();
	preempt_enable();
	use_mm(to->mm);
}

void ckpt_leave_mm(struct ckpt_caller *caller)
{
	use_mm(caller->mm);
	current->personality = caller->personality;
	if (!caller->mm->context.ldt)
		return;
	preempt_disable();
	loadsegment(ds, caller->ds);
	loadsegment(es, caller->es);
	loadsegment(fs, caller->fs);
	load_gs_index(caller->gs);
	x86_fsbase_write_cpu(caller->fs_base);
	x86_gsbase_write_cpu_inactive(caller->gs_base);
	preempt_enable();
}

static int take_over_from(struct mm_struct *mm, struct mm_struct *old)
{
	struct rlimit stack = current->signal->rlim[RLIMIT_STACK];
	struct file *exe;
	int ret = 0;

	mm->task_size = TASK_SIZE;
	mm->context.flags = MM_CONTEXT_HAS_VSYSCALL;
	arch_pick_mmap_layout(mm, &stack);
	if (old->binfmt && try_module_get(old->binfmt->module))
		mm->binfmt = old->binfmt;
	exe = get_mm_exe_file(old);
	if (exe) {
		ret = set_mm_exe_file(mm, exe);
		fput(exe);
	}
	return ret;
}

int ckpt_new_mm(struct ckpt_target *to)
{
	to->mm = mm_alloc();
	if (!to->mm)
		return -ENOMEM;
	to->old_flags = to->mm->flags;
	/* a huge page where the image has one small page would make the task grow */
	set_bit(MMF_DISABLE_THP, &to->mm->flags);
	return take_over_from(to->mm, current->mm);
}

/*
 * The new memory is nobody's until it is committed, and the OOM killer goes by
 * what tasks have: until then its pages count as the caller's, as those of the
 * arguments of execve do.
 */
static void count_page(struct ckpt_target *to)
{
	add_mm_counter(current->mm, MM_ANONPAGES, 1);
	to->counted++;
}

/* Before the new memory goes, or takes the place of the caller's. */
void ckpt_uncount_pages(struct ckpt_target *to)
{
	if (to->counted)
		add_mm_counter(current->mm, MM_ANONPAGES, -to->counted);
	to->counted = 0;
}

void ckpt_drop_mm(struct ckpt_target *to)
{
	ckpt_uncount_pages(to);
	if (to->mm)
		mmput(to->mm);
	to->mm = NULL;
}

/**
 * ckpt_open_mapped - open a file that an image has mapped
 * @path: absolute
 *
 * With the caller's rights, and without the side effects that opening a device
 * or a FIFO may have: anything but regular files is refused before it is opened.
 */
struct file *ckpt_open_mapped(const char *path)
{
	struct file *file;
	struct path found;
	int ret;

	if (path[0] != '/')
		return ERR_PTR(-EINVAL);
	ret = kern_path(path, LOOKUP_FOLLOW, &found);
	if (ret)
		return ERR_PTR(ret);
	file = ERR_PTR(-EACCES);
	/* what was looked at is opened, whatever has the name by then */
	if (S_ISREG(d_inode(found.dentry)->i_mode))
		file = file_open_root(&found, "", O_RDONLY | O_LARGEFILE, 0);
	path_put(&found);
	return file;
}

/* The new memory's executable, on the terms of prctl(PR_SET_MM_EXE_FILE). */
int ckpt_set_exe(struct ckpt_target *to, struct file *file)
{
	int ret = path_noexec(&file->f_path) ? -EACCES : file_permission(file, MAY_EXEC);

	return ret ? ret : set_mm_exe_file(to->mm, file);
}

static int check_want(const struct ckpt_want *want)
{
	if (!PAGE_ALIGNED(want->start) || !PAGE_ALIGNED(want->end) || want->start >= want->end)
		return -EINVAL;
	if (want->end > TASK_SIZE_MAX)
		return -EINVAL;
	/* CAP_SYS_RAWIO would let do_mmap() go below; an image may not */
	if (want->start < max(mmap_min_addr, PAGE_SIZE))
		return -EPERM;
	if (want->shared && !want->file)
		return -EINVAL;
	return 0;
}

static unsigned long map_flags(const struct ckpt_want *want)
{
	unsigned long flags = MAP_FIXED_NOREPLACE;

	flags |= want->shared ? MAP_SHARED : MAP_PRIVATE;
	if (!want->file)
		flags |= MAP_ANONYMOUS;
	if (want->growsdown)
		flags |= MAP_GROWSDOWN;
	if (want->noreserve)
		flags |= MAP_NORESERVE;
	if (want->locked)
		flags |= MAP_LOCKED;
	return flags;
}

/**
 * ckpt_map - make a mapping in the new address space
 *
 * Nothing is populated, not even what is locked: only the pages that the image
 * brings will be there.
 */
int ckpt_map(struct ckpt_target *to, const struct ckpt_want *want)
{
	unsigned long flags = map_flags(want), populate, at;
	struct ckpt_caller caller;
	LIST_HEAD(uf);
	int ret;

	ret = check_want(want);
	if (!ret)
		ret = security_mmap_file(want->file, want->prot, flags);
	if (ret)
		return ret;
	ckpt_enter_mm(to, &caller);
	if (mmap_write_lock_killable(to->mm)) {
		ret = -EINTR;
	} else {
		if (want->lock_on_fault)
			to->mm->def_flags |= VM_LOCKED | VM_LOCKONFAULT;
		at = do_mmap(want->file, want->start, want->end - want->start, want->prot, flags,
			     want->pgoff, &populate, &uf);
		if (want->lock_on_fault)
			to->mm->def_flags &= ~(VM_LOCKED | VM_LOCKONFAULT);
		mmap_write_unlock(to->mm);
		ret = IS_ERR_VALUE(at) ? (int)at : at == want->start ? 0 : -EINVAL;
	}
	ckpt_leave_mm(&caller);
	return ret;
}

static int read_addrs(struct ckpt_target *to, const struct ckpt_want *want, u32 count)
{
	u64 floor = want->start;
	u32 i;
	int ret;

	if (count > to->addrs_max) {
		kvfree(to->addrs);
		to->addrs_max = 0;
		to->addrs = kvmalloc_array(count, sizeof(u64), GFP_KERNEL_ACCOUNT);
		if (!to->addrs)
			return -ENOMEM;
		to->addrs_max = count;
	}
	ret = ckpt_get(&to->stream, to->addrs, count * sizeof(u64));
	if (ret)
		return ret;
	for (i = 0; i < count; i++) {
		u64 addr = to->addrs[i];

		if (addr < floor || addr >= want->end || !PAGE_ALIGNED(addr))
			return -EINVAL;
		floor = addr + PAGE_SIZE;
	}
	return 0;
}

/* As access_remote_vm() does, which does not say why it fails. */
static int fill_page(struct ckpt_target *to, unsigned long addr)
{
	struct page *page;
	long got;

	if (mmap_read_lock_killable(to->mm))
		return -EINTR;
	got = get_user_pages_remote(to->mm, addr, 1, FOLL_WRITE | FOLL_FORCE, &page, NULL, NULL);
	mmap_read_unlock(to->mm);
	if (got != 1)
		return fatal_signal_pending(current) ? -EINTR : got < 0 ? got : -EFAULT;
	memcpy_to_page(page, 0, to->page, PAGE_SIZE);
	set_page_dirty_lock(page);
	put_page(page);
	count_page(to);
	return 0;
}

/**
 * ckpt_read_pages - addresses and contents of a mapping's pages
 * @to: the mapping has been made
 * @want: the mapping
 * @count: 0..CKPT_PAGES_PER_RECORD_MAX
 */
int ckpt_read_pages(struct ckpt_target *to, const struct ckpt_want *want, u32 count)
{
	u32 i;
	int ret;

	if (count > CKPT_PAGES_PER_RECORD_MAX || count > (want->end - want->start) >> PAGE_SHIFT)
		return -EINVAL;
	if (!count)
		return 0;
	if (want->shared)
		return -EINVAL;
	ret = read_addrs(to, want, count);
	if (ret)
		return ret;
	for (i = 0; i < count; i++) {
		ret = ckpt_get(&to->stream, to->page, PAGE_SIZE);
		if (ret)
			return ret;
		to->stream.pages++;
		ret = fill_page(to, to->addrs[i]);
		if (ret)
			return ret;
	}
	return 0;
}

/**
 * ckpt_set_mm_fields - where code, data, heap, stack, arguments and environment are
 * @to: its new mm
 * @f: start_code to env_end, in the order of cr_mm and cr2_mm
 *
 * Checked as prctl(PR_SET_MM_MAP) does, but that an empty range may be anywhere.
 */
int ckpt_set_mm_fields(struct ckpt_target *to, const u64 f[CKPT_MM_FIELDS])
{
	struct mm_struct *mm = to->mm;
	int i;

	for (i = 0; i < 11; i++)
		if (f[i] >= TASK_SIZE_MAX)
			return -EINVAL;
	if (f[0] > f[1] || f[2] > f[3] || f[4] > f[5] || f[7] > f[8] || f[9] > f[10])
		return -EINVAL;
	if (check_data_rlimit(rlimit(RLIMIT_DATA), f[5], f[4], f[3], f[2]))
		return -ENOMEM;
	mm->start_code = f[0];
	mm->end_code = f[1];
	mm->start_data = f[2];
	mm->end_data = f[3];
	mm->start_brk = f[4];
	mm->brk = f[5];
	mm->start_stack = f[6];
	mm->arg_start = f[7];
	mm->arg_end = f[8];
	mm->env_start = f[9];
	mm->env_end = f[10];
	return 0;
}
