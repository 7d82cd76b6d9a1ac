// SPDX-License-Identifier: GPL-2.0
/* A version-2 image, record by record: see checkpoint2.c for the order. */
#include <linux/file.h>
#include <linux/mman.h>
#include <linux/sched/coredump.h>
#include <linux/stat.h>

#include <asm/desc.h>
#include <asm/fpu/types.h>
#include <asm/vdso.h>

#include "ckpt.h"

static bool known(u32 type)
{
	switch (type) {
	case CKPT_REC_MACHINE:
	case CKPT_REC_TASK2:
	case CKPT_REC_CREDS:
	case CKPT_REC_RLIMITS:
	case CKPT_REC_PATH:
	case CKPT_REC_SIGACTIONS:
	case CKPT_REC_SIGPENDING:
	case CKPT_REC_ITIMERS:
	case CKPT_REC_POSIX_TIMER:
	case CKPT_REC_FILE:
	case CKPT_REC_MM2:
	case CKPT_REC_VDSO:
	case CKPT_REC_VMA2:
	case CKPT_REC_PAGES:
	case CKPT_REC_LDT:
	case CKPT_REC_THREAD2:
	case CKPT_REC_REGS:
	case CKPT_REC_XSTATE:
	case CKPT_REC_TLS:
	case CKPT_REC_TAIL2:
		return true;
	}
	return false;
}

/**
 * ckpt_next2 - look at the next record that this kernel knows
 * @to: gets its header in @to->ahead
 *
 * Return: its type; -EOPNOTSUPP for an unknown one that must not be ignored.
 */
int ckpt_next2(struct ckpt_target *to)
{
	int ret;

	while (!to->has_ahead) {
		to->bytes_before = to->stream.bytes;
		to->crc_before = to->stream.crc;
		ret = ckpt_get(&to->stream, &to->ahead, sizeof(to->ahead));
		if (ret)
			return ret;
		to->stream.records++;
		if (known(to->ahead.type)) {
			to->has_ahead = true;
			break;
		}
		if (!(to->ahead.flags & CKPT_REC_OPTIONAL)) {
			ckpt_say(current, "the image needs a record of type %u", to->ahead.type);
			return -EOPNOTSUPP;
		}
		ret = ckpt_skip(&to->stream, to->ahead.len);
		if (ret)
			return ret;
	}
	return to->ahead.type;
}

/**
 * ckpt_expect2 - take the fixed part of the next record
 * @to: where from
 * @type: what it must be
 * @id: what its id must be
 * @payload: gets @fixed bytes
 * @fixed: size that this kernel knows
 * @more: set to the bytes that follow; NULL when none may
 */
int ckpt_expect2(struct ckpt_target *to, u32 type, u32 id, void *payload, u32 fixed, u32 *more)
{
	int ret;

	ret = ckpt_next2(to);
	if (ret < 0)
		return ret;
	if (to->ahead.type != type || to->ahead.id != id || to->ahead.len < fixed)
		return -EINVAL;
	if (!more && to->ahead.len != fixed)
		return -EINVAL;
	if (more)
		*more = to->ahead.len - fixed;
	to->has_ahead = false;
	return ckpt_get(&to->stream, payload, fixed);
}

/* The same for a record of the task that may be missing. Return: 1 if it is there, 0 if not. */
int ckpt_optional2(struct ckpt_target *to, u32 type, void *payload, u32 fixed, u32 *more)
{
	int ret = ckpt_next2(to);

	if (ret != type)
		return ret < 0 ? ret : 0;
	ret = ckpt_expect2(to, type, to->proc->task.pid, payload, fixed, more);
	return ret ? ret : 1;
}

static int read_machine(struct ckpt_target *to)
{
	struct cr2_machine *rec = kmalloc(sizeof(*rec), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!rec)
		return -ENOMEM;
	ret = ckpt_expect2(to, CKPT_REC_MACHINE, 0, rec, sizeof(*rec), NULL);
	if (!ret && rec->page_bytes != PAGE_SIZE)
		ret = -EINVAL;
	if (!ret && rec->task_count != 1)
		ret = rec->task_count ? -EOPNOTSUPP : -EINVAL;
	kfree(rec);
	return ret;
}

static int read_mm(struct ckpt_target *to)
{
	struct cr2_mm rec;
	u64 fields[CKPT_MM_FIELDS];
	u32 more;
	int ret;

	ret = ckpt_expect2(to, CKPT_REC_MM2, to->proc->task.pid, &rec, sizeof(rec), &more);
	if (ret)
		return ret;
	if (more != rec.auxv_bytes || more % 16 || more > sizeof(to->mm->saved_auxv))
		return -EINVAL;
	ret = ckpt_get(&to->stream, to->mm->saved_auxv, more);
	if (ret)
		return ret;
	/* whoever walks it needs its end */
	to->mm->saved_auxv[AT_VECTOR_SIZE - 2] = AT_NULL;
	to->mm->saved_auxv[AT_VECTOR_SIZE - 1] = 0;
	memcpy(fields, (u8 *)&rec + offsetof(struct cr2_mm, start_code), sizeof(fields));
	to->map_count = rec.map_count;
	if (rec.map_count > INT_MAX)
		return -EINVAL;
	if (rec.def_flags & ~(u64)(CKPT_VMA2_F_LOCKED | CKPT_VMA2_F_LOCKONFAULT))
		return -EOPNOTSUPP;
	if (rec.def_flags && !can_do_mlock())
		return -EPERM;
	to->lock_future = rec.def_flags & CKPT_VMA2_F_LOCKED;
	to->lock_on_fault = rec.def_flags & CKPT_VMA2_F_LOCKONFAULT;
	return ckpt_set_mm_fields(to, fields);
}

static int read_vdso(struct ckpt_target *to)
{
	const struct vdso_image *image;
	struct cr2_vdso rec;
	u8 id[32];
	u32 own;
	int n, ret;

	ret = ckpt_expect2(to, CKPT_REC_VDSO, to->proc->task.pid, &rec, sizeof(rec), NULL);
	if (ret)
		return ret;
	if (rec.build_id_bytes > sizeof(rec.build_id))
		return -EINVAL;
	if (!rec.vdso_bytes)
		return 0;
	ret = ckpt_vdso_image(&image);
	if (ret)
		return ret;
	own = ~ckpt_crc32c(~0U, image->data, image->size);
	n = ckpt_vdso_build_id(id);
	to->vdso_same = rec.vdso_bytes == image->size && rec.vdso_crc32c == own;
	/* code that was patched for another processor is still the same entry points */
	if (!to->vdso_same && (rec.vdso_bytes != image->size || !n || rec.build_id_bytes != n ||
			       memcmp(rec.build_id, id, n))) {
		ckpt_say(current, "this kernel's vdso is not the image's");
		return -EOPNOTSUPP;
	}
	return ckpt_vdso_place(to, rec.vdso_start);
}

/* A mapped file that is not what it was would give the task other bytes than it had. */
static int check_file(struct ckpt_target *to, const struct cr2_vma *rec, struct file *file)
{
	struct kstat stat;
	int ret;

	ret = ckpt_stat(&file->f_path, &stat);
	if (ret)
		return ret;
	if (stat.size == rec->file_bytes && stat.mtime.tv_sec == rec->mtime_sec &&
	    stat.mtime.tv_nsec == rec->mtime_nsec)
		return 0;
	ckpt_say(current, "mapped file %pD has changed since the checkpoint", file);
	return -ESTALE;
}

static int advise(struct ckpt_target *to, const struct ckpt_want *want, u32 flags)
{
	static const struct {
		u32 flag;
		int advice;
	} known_advice[] = {
		{ CKPT_VMA2_F_DONTFORK, MADV_DONTFORK },
		{ CKPT_VMA2_F_DONTDUMP, MADV_DONTDUMP },
		{ CKPT_VMA2_F_WIPEONFORK, MADV_WIPEONFORK },
		{ CKPT_VMA2_F_HUGEPAGE, MADV_HUGEPAGE },
		{ CKPT_VMA2_F_NOHUGEPAGE, MADV_NOHUGEPAGE },
		{ CKPT_VMA2_F_MERGEABLE, MADV_MERGEABLE },
		{ CKPT_VMA2_F_SEQUENTIAL, MADV_SEQUENTIAL },
		{ CKPT_VMA2_F_RANDOM, MADV_RANDOM },
	};
	int i, ret;

	for (i = 0; i < ARRAY_SIZE(known_advice); i++) {
		if (!(flags & known_advice[i].flag))
			continue;
		ret = do_madvise(to->mm, want->start, want->end - want->start,
				 known_advice[i].advice);
		if (ret)
			return ret;
	}
	return 0;
}

static int read_pages(struct ckpt_target *to, struct ckpt_want *want)
{
	struct cr2_pages rec;
	u32 more;
	int ret;

	while ((ret = ckpt_optional2(to, CKPT_REC_PAGES, &rec, sizeof(rec), &more)) > 0) {
		if (!rec.count || rec.count > CKPT_PAGES_PER_RECORD_MAX ||
		    more != rec.count * (sizeof(u64) + PAGE_SIZE))
			return -EINVAL;
		ret = ckpt_read_pages(to, want, rec.count);
		if (ret)
			return ret;
		/* addresses ascend across all records of a mapping */
		want->start = to->addrs[rec.count - 1] + PAGE_SIZE;
	}
	return ret;
}

static int map_and_fill(struct ckpt_target *to, const struct cr2_vma *rec, struct ckpt_want *want)
{
	int ret;

	want->start = rec->start;
	want->end = rec->end;
	want->prot = rec->prot;
	want->growsdown = rec->flags & CKPT_VMA2_F_GROWSDOWN;
	want->locked = rec->flags & CKPT_VMA2_F_LOCKED;
	want->lock_on_fault = rec->flags & CKPT_VMA2_F_LOCKONFAULT;
	want->noreserve = rec->flags & CKPT_VMA2_F_NORESERVE;
	ret = ckpt_map(to, want);
	if (!ret)
		ret = advise(to, want, rec->flags);
	return ret ? ret : read_pages(to, want);
}

static int read_vma(struct ckpt_target *to)
{
	struct ckpt_want want = {};
	struct cr2_vma rec;
	u32 more;
	int ret;

	ret = ckpt_expect2(to, CKPT_REC_VMA2, to->proc->task.pid, &rec, sizeof(rec), &more);
	if (ret)
		return ret;
	if (more != rec.path_bytes || rec.prot & ~7 || rec.build_id_bytes > sizeof(rec.build_id))
		return -EINVAL;
	switch (rec.kind) {
	case CKPT_VMA2_ANON:
		return more ? -EINVAL : map_and_fill(to, &rec, &want);
	case CKPT_VMA2_FILE_SHARED:
		if (rec.prot & PROT_WRITE)
			return -EINVAL;
		want.shared = true;
		break;
	case CKPT_VMA2_FILE_PRIVATE:
		break;
	default:
		return -EOPNOTSUPP;
	}
	ret = ckpt_read_path2(to, more);
	if (ret)
		return ret;
	want.pgoff = rec.pgoff;
	want.file = ckpt_open_mapped(to->page);
	if (IS_ERR(want.file)) {
		ckpt_say(current, "cannot open %s for a mapping: %ld", to->page,
			 PTR_ERR(want.file));
		return PTR_ERR(want.file);
	}
	ret = check_file(to, &rec, want.file);
	if (!ret)
		ret = map_and_fill(to, &rec, &want);
	fput(want.file);
	return ret;
}

static int read_vmas(struct ckpt_target *to)
{
	int ret = 0;
	u32 i;

	for (i = 0; i < to->map_count && !ret; i++)
		ret = read_vma(to);
	/* mlockall(MCL_FUTURE): not for the mappings that are made here */
	if (to->lock_future)
		to->mm->def_flags |= VM_LOCKED;
	if (to->lock_on_fault)
		to->mm->def_flags |= VM_LOCKONFAULT;
	return ret;
}

static int read_ldt(struct ckpt_target *to)
{
	struct cr2_ldt rec;
	u32 more;
	int ret;

	ret = ckpt_optional2(to, CKPT_REC_LDT, &rec, sizeof(rec), &more);
	if (ret <= 0)
		return ret;
	if (rec.count > LDT_ENTRIES || more != rec.count * LDT_ENTRY_SIZE)
		return -EINVAL;
	return ckpt_read_descriptors(to, rec.count);
}

static int read_xstate(struct ckpt_target *to)
{
	u32 own = ckpt_xstate_bytes(), more, use;
	struct cr2_xstate rec;
	u64 features;
	u8 *area;
	int ret;

	ret = ckpt_expect2(to, CKPT_REC_XSTATE, to->proc->task.pid, &rec, sizeof(rec), &more);
	if (ret)
		return ret;
	if (more != rec.area_bytes || more < 576 || more > SZ_64K)
		return -EINVAL;
	area = kvzalloc(max(own, more), GFP_KERNEL_ACCOUNT);
	if (!area)
		return -ENOMEM;
	ret = ckpt_get(&to->stream, area, more);
	memcpy(&features, area + 512, sizeof(features));
	if (!ret)
		ret = ckpt_xstate_fits(features, more);
	use = min(own, more);
	memset(area + use, 0, max(own, more) - use);
	if (!ret)
		ret = ckpt_check_xstate(to, area);
	if (!(rec.xfeatures & XFEATURE_MASK_PKRU))
		ckpt_default_pkru(to);
	kvfree(area);
	return ret;
}

static int read_tls(struct ckpt_target *to)
{
	u64 tls[CKPT_TLS_ENTRIES];
	struct cr2_tls rec;
	u32 more;
	int ret;

	ret = ckpt_optional2(to, CKPT_REC_TLS, &rec, sizeof(rec), &more);
	if (ret <= 0)
		return ret;
	if (rec.count != CKPT_TLS_ENTRIES || rec.first_entry != GDT_ENTRY_TLS_MIN ||
	    more != sizeof(tls))
		return -EINVAL;
	ret = ckpt_get(&to->stream, tls, sizeof(tls));
	return ret ? ret : ckpt_check_tls(to, tls);
}

static int read_tail(struct ckpt_target *to)
{
	struct ckpt_stream *s = &to->stream;
	struct cr2_tail rec;
	u64 records;
	int ret;

	ret = ckpt_expect2(to, CKPT_REC_TAIL2, 0, &rec, sizeof(rec), NULL);
	if (ret)
		return ret;
	records = s->records - 1;
	if (rec.magic != CKPT_TAIL2_MAGIC || rec.crc32c != ~to->crc_before ||
	    rec.bytes != to->bytes_before || rec.pages != s->pages || rec.records != records)
		return -EINVAL;
	return 0;
}

static int read_regs(struct ckpt_target *to)
{
	int ret;

	ret = ckpt_expect2(to, CKPT_REC_REGS, to->proc->task.pid, &to->regs, sizeof(to->regs),
			   NULL);
	to->has_bases = true;
	return ret ? ret : ckpt_check_regs(to);
}

const ckpt_read_step ckpt_read2[] = {
	ckpt_read_head,
	read_machine,
	ckpt_read_task2,
	ckpt_read_paths2,
	ckpt_read_signals2,
	ckpt_read_files2,
	read_mm,
	read_vdso,
	read_vmas,
	read_ldt,
	ckpt_read_thread2,
	read_regs,
	read_xstate,
	read_tls,
	read_tail,
	NULL,
};
