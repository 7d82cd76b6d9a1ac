// SPDX-License-Identifier: GPL-2.0
/*
 * A version-1 image:
 *
 *   HEAD TASK MM (VMA [STR] [addresses] [contents])... MM_CONTEXT [LDT]
 *   THREAD [TLS] CPU TAIL
 */
#include <linux/dcache.h>
#include <linux/fs_struct.h>
#include <linux/sched/cputime.h>
#include <linux/sched/signal.h>
#include <linux/timekeeping.h>
#include <linux/version.h>

#include <asm/desc.h>
#include <asm/vdso.h>

#include "ckpt.h"

void ckpt_fill_head(struct cr_head *head, u16 version)
{
	memset(head, 0, sizeof(*head));
	head->magic = CKPT_HEAD_MAGIC;
	head->major = (LINUX_VERSION_CODE >> 16) & 0xff;
	head->minor = (LINUX_VERSION_CODE >> 8) & 0xff;
	head->patch = LINUX_VERSION_CODE & 0xff;
	head->version = version;
	head->flags = CKPT_CTX_CKPT;
	head->time = ktime_get_real_seconds();
}

static int write_task(struct ckpt_source *src)
{
	struct task_struct *t = src->task;
	struct timespec64 start = ns_to_timespec64(t->start_time);
	struct timespec64 boot = ns_to_timespec64(t->start_boottime);
	struct cr_task rec = {
		.state = READ_ONCE(t->__state),
		.exit_state = t->exit_state,
		.exit_code = t->exit_code,
		.exit_signal = t->exit_signal,
		.pid = task_pid_vnr(t),
		.tgid = task_tgid_vnr(t),
		.utime = t->utime,
		.stime = t->stime,
		.gtime = t->gtime,
		.prev_utime = t->prev_cputime.utime,
		.prev_stime = t->prev_cputime.stime,
		.nvcsw = t->nvcsw,
		.nivcsw = t->nivcsw,
		.start_time_sec = start.tv_sec,
		.start_time_nsec = start.tv_nsec,
		.real_start_time_sec = boot.tv_sec,
		.real_start_time_nsec = boot.tv_nsec,
		.min_flt = t->min_flt,
		.maj_flt = t->maj_flt,
		.task_comm_len = TASK_COMM_LEN,
	};

	get_task_comm(rec.comm, t);
	return ckpt_put1(&src->stream, CKPT_REC_TASK, src->pid, &rec, sizeof(rec));
}

static int write_mm(struct ckpt_source *src)
{
	struct mm_struct *mm = src->mm;
	struct cr_mm rec = { .tag = 1, .map_count = src->records };

	spin_lock(&mm->arg_lock);
	rec.start_code = mm->start_code;
	rec.end_code = mm->end_code;
	rec.start_data = mm->start_data;
	rec.end_data = mm->end_data;
	rec.start_brk = mm->start_brk;
	rec.brk = mm->brk;
	rec.start_stack = mm->start_stack;
	rec.arg_start = mm->arg_start;
	rec.arg_end = mm->arg_end;
	rec.env_start = mm->env_start;
	rec.env_end = mm->env_end;
	spin_unlock(&mm->arg_lock);
	return ckpt_put1(&src->stream, CKPT_REC_MM, src->pid, &rec, sizeof(rec));
}

static int write_name(struct ckpt_source *src, const char *name, int len)
{
	return ckpt_put1(&src->stream, CKPT_REC_STR, 0, name, len);
}

/*
 * The vdso as an anonymous mapping: version 1 knows no better. Its pages are
 * the kernel's own, so they are taken from there and not through the task.
 */
static int write_vdso(struct ckpt_source *src, const struct ckpt_vma *vma)
{
	const struct vdso_image *image;
	struct cr_vma rec = {
		.how = CKPT_VMA_ANON, .vm_start = vma->start, .vm_end = vma->end,
		.vm_page_prot = vma->prot, .vm_flags = vma->flags,
		.npages = (vma->end - vma->start) >> PAGE_SHIFT,
	};
	unsigned long addr;
	int ret;

	ckpt_vdso_image(&image);
	if (vma->end - vma->start != image->size) {
		ckpt_say(src->task, "a vdso that is not mapped whole cannot be carried");
		return -ETXTBSY;
	}
	ret = ckpt_put1(&src->stream, CKPT_REC_VMA, src->pid, &rec, sizeof(rec));
	for (addr = vma->start; !ret && addr < vma->end; addr += PAGE_SIZE) {
		u64 a = addr;

		ret = ckpt_put(&src->stream, &a, sizeof(a));
	}
	if (!ret)
		ret = ckpt_put(&src->stream, image->data, image->size);
	return ret;
}

static int write_segment(struct ckpt_source *src, const struct ckpt_vma *vma,
			 const struct ckpt_segment *seg, const char *name, int len)
{
	struct cr_vma rec = {
		.how = vma->how == CKPT_MAP_FILE ? CKPT_VMA_FILE : CKPT_VMA_ANON,
		.vm_start = seg->start, .vm_end = seg->end,
		.vm_page_prot = vma->prot, .vm_flags = vma->flags,
		.npages = seg->pages, .namelen = len,
	};
	int ret;

	if (vma->how == CKPT_MAP_FILE)
		rec.vm_pgoff = vma->pgoff + ((seg->start - vma->start) >> PAGE_SHIFT);
	ret = ckpt_put1(&src->stream, CKPT_REC_VMA, src->pid, &rec, sizeof(rec));
	if (!ret && len)
		ret = write_name(src, name, len);
	return ret ? ret : ckpt_segment_write(src, vma, seg);
}

static int write_vma(struct ckpt_source *src, const struct ckpt_vma *vma, char *page,
		     long *records)
{
	struct ckpt_segment seg = { .end = vma->start };
	char *name = NULL;
	int ret, len = 0;

	if (vma->how == CKPT_MAP_FILE) {
		name = ckpt_path_of(&vma->file->f_path, page, &len);
		if (IS_ERR(name))
			return PTR_ERR(name);
	}
	do {
		ret = ckpt_segment_find(src, vma, seg.end, &seg);
		if (!ret)
			ret = write_segment(src, vma, &seg, name, len);
		if (ret)
			return ret;
		++*records;
	} while (seg.end < vma->end);
	return 0;
}

static int write_vmas(struct ckpt_source *src, char *page)
{
	unsigned long addr = 0;
	struct ckpt_vma vma;
	long records = 0;
	int ret;

	src->seen = 0;
	while ((ret = ckpt_vma_next(src, addr, &vma)) == 1) {
		addr = vma.end;
		ckpt_seen(&src->seen, &vma);
		if (vma.how == CKPT_MAP_VDSO) {
			ret = write_vdso(src, &vma);
			records++;
		} else if (vma.how != CKPT_MAP_SKIP) {
			ret = write_vma(src, &vma, page, &records);
		} else {
			ret = 0;
		}
		ckpt_vma_put(&vma);
		if (ret)
			return ret;
	}
	if (!ret)
		ret = ckpt_plan_verify(src);
	return !ret && records != src->records ? -EBUSY : ret;
}

static int write_context(struct ckpt_source *src)
{
	struct cr_mm_context rec = { .ldt_entry_size = LDT_ENTRY_SIZE };
	void *ldt;
	int n, ret;

	n = ckpt_read_ldt(src->mm, &ldt);
	if (n < 0)
		return n;
	rec.nldt = n;
	ret = ckpt_put1(&src->stream, CKPT_REC_MM_CONTEXT, src->pid, &rec, sizeof(rec));
	if (!ret && n)
		ret = ckpt_put(&src->stream, ldt, n * LDT_ENTRY_SIZE);
	kvfree(ldt);
	return ret;
}

static int write_thread(struct ckpt_source *src)
{
	struct desc_struct *tls = src->task->thread.tls_array;
	struct cr_thread rec = {
		.gdt_entry_tls_entries = GDT_ENTRY_TLS_ENTRIES,
		.sizeof_tls_array = sizeof(src->task->thread.tls_array),
	};
	int i, ret;

	BUILD_BUG_ON(sizeof(src->task->thread.tls_array) != CKPT_TLS_ENTRIES * LDT_ENTRY_SIZE);
	for (i = 0; i < GDT_ENTRY_TLS_ENTRIES; i++)
		rec.ntls += !desc_empty(&tls[i]);
	ret = ckpt_put1(&src->stream, CKPT_REC_THREAD, src->pid, &rec, sizeof(rec));
	return ret ? ret : ckpt_put(&src->stream, tls, sizeof(src->task->thread.tls_array));
}

static int write_cpu(struct ckpt_source *src)
{
	struct cr2_regs regs;
	struct cr_cpu *rec;
	size_t bytes;
	u8 *area;
	int ret;

	ret = ckpt_read_regs(src->task, &regs);
	if (ret)
		return ret;
	area = ckpt_read_xstate(src->task, &bytes);
	if (IS_ERR(area))
		return PTR_ERR(area);
	rec = kzalloc(sizeof(*rec), GFP_KERNEL_ACCOUNT);
	ret = -ENOMEM;
	if (!rec)
		goto out;
#define COPY(field) (rec->field = regs.field)
	COPY(bx);
	COPY(cx);
	COPY(dx);
	COPY(si);
	COPY(di);
	COPY(bp);
	COPY(ax);
	COPY(ds);
	COPY(es);
	COPY(orig_ax);
	COPY(ip);
	COPY(cs);
	COPY(flags);
	COPY(sp);
	COPY(ss);
	COPY(fs);
	COPY(gs);
	COPY(debugreg0);
	COPY(debugreg1);
	COPY(debugreg2);
	COPY(debugreg3);
	COPY(debugreg6);
	COPY(debugreg7);
	COPY(uses_debug);
#undef COPY
	rec->used_math = 1;
	rec->has_fxsr = 1;
	memcpy(rec->fxsave, area, sizeof(rec->fxsave));
	ret = ckpt_put1(&src->stream, CKPT_REC_CPU, src->pid, rec, sizeof(*rec));
	kfree(rec);
out:
	kvfree(area);
	return ret;
}

static int write_all(struct ckpt_source *src, char *page)
{
	struct cr_tail tail = { .magic = CKPT_TAIL_MAGIC, .cksum = { 1, 1 } };
	struct cr_head head;
	int ret;

	ckpt_fill_head(&head, 1);
	ret = ckpt_put1(&src->stream, CKPT_REC_HEAD, 0, &head, sizeof(head));
	if (!ret)
		ret = write_task(src);
	if (!ret)
		ret = write_mm(src);
	if (!ret)
		ret = write_vmas(src, page);
	if (!ret)
		ret = write_context(src);
	if (!ret)
		ret = write_thread(src);
	if (!ret)
		ret = write_cpu(src);
	if (!ret)
		ret = ckpt_put1(&src->stream, CKPT_REC_TAIL, 0, &tail, sizeof(tail));
	return ret ? ret : ckpt_flush(&src->stream);
}

int ckpt_checkpoint1(struct ckpt_source *src)
{
	char *page;
	int ret;

	ckpt_say_what_version1_loses(src);
	ret = ckpt_plan(src);
	if (ret)
		return ret;
	page = (char *)__get_free_page(GFP_KERNEL_ACCOUNT);
	if (!page)
		return -ENOMEM;
	ret = write_all(src, page);
	free_page((unsigned long)page);
	return ret;
}
