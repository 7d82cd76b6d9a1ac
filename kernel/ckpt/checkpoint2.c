// SPDX-License-Identifier: GPL-2.0
/*
 * A version-2 image of one task with one thread:
 *
 *   HEAD MACHINE TASK2 CREDS RLIMITS PATH... SIGACTIONS SIGPENDING ITIMERS
 *   [POSIX_TIMER...] [FILE...] MM2 VDSO (VMA2 [PAGES...])... [LDT]
 *   THREAD2 [SIGPENDING] REGS XSTATE [TLS] TAIL2
 */
#include <linux/buildid.h>
#include <linux/dcache.h>
#include <linux/mman.h>
#include <linux/sched/signal.h>
#include <linux/stat.h>

#include <asm/desc.h>
#include <asm/vdso.h>

#include "ckpt.h"

static u32 vma2_flags(unsigned long vm)
{
	static const struct {
		unsigned long vm;
		u32 flag;
	} known[] = {
		{ VM_GROWSDOWN, CKPT_VMA2_F_GROWSDOWN },
		{ VM_LOCKED, CKPT_VMA2_F_LOCKED },
		{ VM_LOCKONFAULT, CKPT_VMA2_F_LOCKONFAULT },
		{ VM_NORESERVE, CKPT_VMA2_F_NORESERVE },
		{ VM_DONTCOPY, CKPT_VMA2_F_DONTFORK },
		{ VM_DONTDUMP, CKPT_VMA2_F_DONTDUMP },
		{ VM_WIPEONFORK, CKPT_VMA2_F_WIPEONFORK },
		{ VM_HUGEPAGE, CKPT_VMA2_F_HUGEPAGE },
		{ VM_NOHUGEPAGE, CKPT_VMA2_F_NOHUGEPAGE },
		{ VM_MERGEABLE, CKPT_VMA2_F_MERGEABLE },
		{ VM_SEQ_READ, CKPT_VMA2_F_SEQUENTIAL },
		{ VM_RAND_READ, CKPT_VMA2_F_RANDOM },
		{ VM_MAYSHARE, CKPT_VMA2_F_MAYSHARE },
	};
	u32 flags = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(known); i++)
		if (vm & known[i].vm)
			flags |= known[i].flag;
	return flags;
}

static int write_mm(struct ckpt_source *src)
{
	struct mm_struct *mm = src->mm;
	struct cr2_mm rec = { .map_count = src->records, .def_flags = vma2_flags(mm->def_flags) };
	u64 fields[CKPT_MM_FIELDS];
	int words = 0, ret;

	ckpt_get_mm_fields(mm, fields);
	memcpy((u8 *)&rec + offsetof(struct cr2_mm, start_code), fields, sizeof(fields));
	do {
		words += 2;
	} while (words < AT_VECTOR_SIZE && mm->saved_auxv[words - 2]);
	rec.auxv_bytes = words * sizeof(mm->saved_auxv[0]);
	ret = ckpt_put2(&src->stream, CKPT_REC_MM2, task_pid_vnr(src->task), &rec, sizeof(rec),
			rec.auxv_bytes);
	return ret ? ret : ckpt_put(&src->stream, mm->saved_auxv, rec.auxv_bytes);
}

/* Where the kernel's own mappings are: moved or taken away by the task, perhaps. */
static int find_vdso(struct ckpt_source *src, struct cr2_vdso *rec)
{
	VMA_ITERATOR(vmi, src->mm, 0);
	struct vm_area_struct *vma;
	const char *name;

	if (mmap_read_lock_killable(src->mm))
		return -EINTR;
	for_each_vma(vmi, vma) {
		name = ckpt_special_name(vma);
		if (name && !strcmp(name, "[vdso]")) {
			rec->vdso_start = vma->vm_start;
			rec->vdso_bytes = vma->vm_end - vma->vm_start;
		} else if (name && !strcmp(name, "[vvar]")) {
			rec->vvar_start = vma->vm_start;
			rec->vvar_bytes = vma->vm_end - vma->vm_start;
		}
	}
	mmap_read_unlock(src->mm);
	return 0;
}

static int write_vdso(struct ckpt_source *src)
{
	const struct vdso_image *image;
	struct cr2_vdso rec = {};
	int ret;

	ret = find_vdso(src, &rec);
	if (ret)
		return ret;
	if (rec.vdso_start) {
		ret = ckpt_vdso_whole(src, rec.vdso_bytes, &image);
		if (ret)
			return ret;
		rec.vdso_crc32c = ~ckpt_crc32c(~0U, image->data, image->size);
		rec.build_id_bytes = ckpt_vdso_build_id(rec.build_id);
	}
	return ckpt_put2(&src->stream, CKPT_REC_VDSO, task_pid_vnr(src->task), &rec, sizeof(rec),
			 0);
}

static u32 prot_of(unsigned long flags, unsigned long r, unsigned long w, unsigned long x)
{
	return (flags & r ? PROT_READ : 0) | (flags & w ? PROT_WRITE : 0) |
	       (flags & x ? PROT_EXEC : 0);
}

static int describe_file(struct ckpt_source *src, const struct ckpt_vma *vma, struct cr2_vma *rec,
			 char **name)
{
	struct kstat stat;
	int len, ret;

	ret = ckpt_describe(src, &vma->file->f_path, &stat, name, &len);
	if (ret)
		return ret;
	rec->kind = vma->flags & VM_MAYSHARE ? CKPT_VMA2_FILE_SHARED : CKPT_VMA2_FILE_PRIVATE;
	rec->pgoff = vma->pgoff;
	rec->dev = new_encode_dev(stat.dev);
	rec->ino = stat.ino;
	rec->file_bytes = stat.size;
	rec->mtime_sec = stat.mtime.tv_sec;
	rec->mtime_nsec = stat.mtime.tv_nsec;
	rec->file_mode = stat.mode;
	rec->path_bytes = len;
	if (!stat.nlink || d_unlinked(vma->file->f_path.dentry)) {
		ckpt_say(src->task, "deleted mapped file %s cannot be carried", *name);
		return -EOPNOTSUPP;
	}
	return 0;
}

/* From the first page of the file, where that is in memory: nothing is read in for it. */
static int read_build_id(struct ckpt_source *src, const struct ckpt_vma *vma, struct cr2_vma *rec)
{
	u32 bytes;
	int ret;

	BUILD_BUG_ON(sizeof(rec->build_id) < BUILD_ID_SIZE_MAX);
	ret = ckpt_vma_lock(src, vma);
	if (ret)
		return ret;
	if (!build_id_parse(find_vma(src->mm, vma->start), rec->build_id, &bytes))
		rec->build_id_bytes = bytes;
	mmap_read_unlock(src->mm);
	return 0;
}

static int write_vma(struct ckpt_source *src, const struct ckpt_vma *vma)
{
	struct mm_struct *mm = src->mm;
	struct cr2_vma rec = { .start = vma->start, .end = vma->end, .kind = CKPT_VMA2_ANON };
	char *name = NULL;
	int ret;

	rec.prot = prot_of(vma->flags, VM_READ, VM_WRITE, VM_EXEC);
	rec.may_prot = prot_of(vma->flags, VM_MAYREAD, VM_MAYWRITE, VM_MAYEXEC);
	rec.flags = vma2_flags(vma->flags);
	if (vma->how == CKPT_MAP_ANON) {
		rec.flags &= ~CKPT_VMA2_F_MAYSHARE;
		if (vma->start <= mm->brk && vma->end >= mm->start_brk)
			rec.flags |= CKPT_VMA2_F_HEAP;
		if (vma->start <= mm->start_stack && vma->end >= mm->start_stack)
			rec.flags |= CKPT_VMA2_F_STACK;
	} else {
		ret = describe_file(src, vma, &rec, &name);
		if (!ret)
			ret = read_build_id(src, vma, &rec);
		if (ret)
			return ret;
	}
	ret = ckpt_put2(&src->stream, CKPT_REC_VMA2, task_pid_vnr(src->task), &rec, sizeof(rec),
			rec.path_bytes);
	return ret ? ret : ckpt_put(&src->stream, name, rec.path_bytes);
}

static int write_pages(struct ckpt_source *src, const struct ckpt_vma *vma)
{
	struct ckpt_segment seg = { .end = vma->start };
	int ret;

	do {
		struct cr2_pages rec = {};

		ret = ckpt_segment_find(src, vma, seg.end, &seg);
		if (ret)
			return ret;
		if (!seg.pages)
			continue;
		rec.count = seg.pages;
		ret = ckpt_put2(&src->stream, CKPT_REC_PAGES, task_pid_vnr(src->task), &rec,
				sizeof(rec), seg.pages * (8 + PAGE_SIZE));
		if (!ret)
			ret = ckpt_segment_write(src, vma, &seg);
		if (ret)
			return ret;
	} while (seg.end < vma->end);
	return 0;
}

static int write_vma_and_pages(struct ckpt_source *src, const struct ckpt_vma *vma, long *records)
{
	int ret;

	++*records;
	ret = write_vma(src, vma);
	return ret ? ret : write_pages(src, vma);
}

static int write_vmas(struct ckpt_source *src)
{
	return ckpt_write_vmas(src, write_vma_and_pages);
}

static int write_ldt(struct ckpt_source *src)
{
	struct cr2_ldt rec = {};
	void *ldt;
	int n, ret = 0;

	n = ckpt_read_ldt(src->mm, &ldt);
	if (n < 0)
		return n;
	rec.count = n;
	if (n)
		ret = ckpt_put2(&src->stream, CKPT_REC_LDT, task_pid_vnr(src->task), &rec,
				sizeof(rec), n * LDT_ENTRY_SIZE);
	if (!ret && n)
		ret = ckpt_put(&src->stream, ldt, n * LDT_ENTRY_SIZE);
	kvfree(ldt);
	return ret;
}

static int write_xstate(struct ckpt_source *src)
{
	struct cr2_xstate rec = { .xfeatures = ckpt_xstate_features() };
	size_t bytes;
	u8 *area;
	int ret;

	area = ckpt_read_xstate(src->task, &bytes);
	if (IS_ERR(area))
		return PTR_ERR(area);
	memcpy(&rec.xstate_bv, area + 512, sizeof(rec.xstate_bv));
	rec.area_bytes = bytes;
	ret = ckpt_put2(&src->stream, CKPT_REC_XSTATE, task_pid_vnr(src->task), &rec, sizeof(rec),
			bytes);
	if (!ret)
		ret = ckpt_put(&src->stream, area, bytes);
	kvfree(area);
	return ret;
}

static int write_regs(struct ckpt_source *src)
{
	struct cr2_regs rec;
	int ret;

	ret = ckpt_read_regs(src->task, &rec);
	return ret ? ret : ckpt_put2(&src->stream, CKPT_REC_REGS, task_pid_vnr(src->task), &rec,
				     sizeof(rec), 0);
}

static int write_tls(struct ckpt_source *src)
{
	struct desc_struct *tls = src->task->thread.tls_array;
	struct cr2_tls rec = { .count = CKPT_TLS_ENTRIES, .first_entry = GDT_ENTRY_TLS_MIN };
	int ret;

	if (!ckpt_tls_used(src->task))
		return 0;
	ret = ckpt_put2(&src->stream, CKPT_REC_TLS, task_pid_vnr(src->task), &rec, sizeof(rec),
			sizeof(src->task->thread.tls_array));
	return ret ? ret : ckpt_put(&src->stream, tls, sizeof(src->task->thread.tls_array));
}

static int write_tail(struct ckpt_source *src)
{
	struct ckpt_stream *s = &src->stream;
	struct cr2_tail rec = {
		.magic = CKPT_TAIL2_MAGIC, .crc32c = ~s->crc, .bytes = s->bytes,
		.pages = s->pages, .records = s->records,
	};

	return ckpt_put2(s, CKPT_REC_TAIL2, 0, &rec, sizeof(rec), 0);
}

/* What cannot be carried is refused before the first byte. */
static int check_regs(struct ckpt_source *src)
{
	struct cr2_regs regs;

	return ckpt_read_regs(src->task, &regs);
}

const ckpt_write_step ckpt_write2[] = {
	check_regs,
	ckpt_refuse_what_version2_loses,
	ckpt_plan,
	ckpt_count_files,
	ckpt_write_head,
	ckpt_write_machine,
	ckpt_write_process,
	ckpt_write_paths,
	ckpt_write_signals,
	ckpt_write_files,
	write_mm,
	write_vdso,
	write_vmas,
	write_ldt,
	ckpt_write_thread,
	write_regs,
	write_xstate,
	write_tls,
	write_tail,
	NULL,
};
