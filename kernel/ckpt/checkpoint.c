// SPDX-License-Identifier: GPL-2.0
/*
 * Writing an image: what both versions have in common. Each version is a list
 * of steps, in the order of its records.
 */
#include <linux/sched/signal.h>
#include <linux/timekeeping.h>
#include <linux/version.h>

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

/* HEAD is framed alike in both versions. */
int ckpt_write_head(struct ckpt_source *src)
{
	struct cr_head head;

	ckpt_fill_head(&head, src->version);
	return ckpt_put1(&src->stream, CKPT_REC_HEAD, 0, &head, sizeof(head));
}

/* start_code to env_end, as both versions' MM records have them. */
void ckpt_get_mm_fields(struct mm_struct *mm, u64 fields[CKPT_MM_FIELDS])
{
	spin_lock(&mm->arg_lock);
	fields[0] = mm->start_code;
	fields[1] = mm->end_code;
	fields[2] = mm->start_data;
	fields[3] = mm->end_data;
	fields[4] = mm->start_brk;
	fields[5] = mm->brk;
	fields[6] = mm->start_stack;
	fields[7] = mm->arg_start;
	fields[8] = mm->arg_end;
	fields[9] = mm->env_start;
	fields[10] = mm->env_end;
	spin_unlock(&mm->arg_lock);
}

/* This kernel's vdso, which the task must have whole if it has it. */
int ckpt_vdso_whole(struct ckpt_source *src, u64 bytes, const struct vdso_image **image)
{
	ckpt_vdso_image(image);
	if (bytes == (*image)->size)
		return 0;
	ckpt_say(src->task, "a vdso that is not mapped whole cannot be carried");
	return -ETXTBSY;
}

/**
 * ckpt_write_vmas - all mappings, each by @write, which counts its records
 *
 * Fails with -EBUSY when they are not what ckpt_plan() saw.
 */
int ckpt_write_vmas(struct ckpt_source *src, ckpt_write_vma write)
{
	unsigned long addr = 0;
	struct ckpt_vma vma;
	long records = 0;
	int ret;

	src->seen = 0;
	while ((ret = ckpt_vma_next(src, addr, &vma)) == 1) {
		addr = vma.end;
		ckpt_seen(&src->seen, &vma);
		ret = vma.how == CKPT_MAP_SKIP ? 0 : write(src, &vma, &records);
		ckpt_vma_put(&vma);
		if (ret)
			return ret;
	}
	if (!ret)
		ret = ckpt_plan_verify(src);
	return !ret && records != src->records ? -EBUSY : ret;
}

/* The task is stopped, or current, and stays so. */
int ckpt_checkpoint(struct ckpt_source *src)
{
	const ckpt_write_step *step = src->version == 1 ? ckpt_write1 : ckpt_write2;
	int ret = 0;

	src->page = (char *)__get_free_page(GFP_KERNEL_ACCOUNT);
	if (!src->page)
		return -ENOMEM;
	while (!ret && *step)
		ret = (*step++)(src);
	free_page((unsigned long)src->page);
	return ret ? ret : ckpt_flush(&src->stream);
}
