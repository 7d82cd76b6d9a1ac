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

#include <asm/desc.h>
#include <asm/vdso.h>

#include "ckpt.h"

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
	struct cr_mm rec = { .tag = 1, .map_count = src->records };
	u64 fields[CKPT_MM_FIELDS];

	ckpt_get_mm_fields(src->mm, fields);
	memcpy((u8 *)&rec + offsetof(struct cr_mm, start_code), fields, sizeof(fields));
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

	ret = ckpt_vdso_whole(src, vma->end - vma->start, &image);
	if (!ret)
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

static int write_segments(struct ckpt_source *src, const struct ckpt_vma *vma, long *records)
{
	struct ckpt_segment seg = { .end = vma->start };
	char *name = NULL;
	int ret, len = 0;

	if (vma->how == CKPT_MAP_FILE) {
		name = ckpt_path_of(&vma->file->f_path, src->page, &len);
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

static int write_vma(struct ckpt_source *src, const struct ckpt_vma *vma, long *records)
{
	if (vma->how != CKPT_MAP_VDSO)
		return write_segments(src, vma, records);
	++*records;
	return write_vdso(src, vma);
}

static int write_vmas(struct ckpt_source *src)
{
	return ckpt_write_vmas(src, write_vma);
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
	if (!ret)
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
	int ret;

	BUILD_BUG_ON(sizeof(src->task->thread.tls_array) != CKPT_TLS_ENTRIES * LDT_ENTRY_SIZE);
	rec.ntls = ckpt_tls_used(src->task);
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
	ckpt_cpu_from_regs(rec, &regs);
	rec->used_math = 1;
	rec->has_fxsr = 1;
	memcpy(rec->fxsave, area, sizeof(rec->fxsave));
	ret = ckpt_put1(&src->stream, CKPT_REC_CPU, src->pid, rec, sizeof(*rec));
	kfree(rec);
out:
	kvfree(area);
	return ret;
}

static int write_tail(struct ckpt_source *src)
{
	struct cr_tail tail = { .magic = CKPT_TAIL_MAGIC, .cksum = { 1, 1 } };

	return ckpt_put1(&src->stream, CKPT_REC_TAIL, 0, &tail, sizeof(tail));
}

const ckpt_write_step ckpt_write1[] = {
	ckpt_say_what_version1_loses,
	ckpt_plan,
	ckpt_write_head,
	write_task,
	write_mm,
	write_vmas,
	write_context,
	write_thread,
	write_cpu,
	write_tail,
	NULL,
};
