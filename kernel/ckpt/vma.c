// SPDX-License-Identifier: GPL-2.0
/*
 * The mappings of the task, one at a time: what is needed of each is copied
 * under the map lock, and compared again when the lock is next taken.
 */
#include <linux/file.h>
#include <linux/hugetlb.h>
#include <linux/pkeys.h>
#include <linux/sched/mm.h>

#include "ckpt.h"

/* "[vdso]", "[vvar]", ... for what the kernel itself has mapped, else NULL. */
const char *ckpt_special_name(struct vm_area_struct *vma)
{
	if (vma->vm_file || !vma->vm_ops || !vma->vm_ops->name)
		return NULL;
	return vma->vm_ops->name(vma);
}

static int classify(struct ckpt_source *src, struct vm_area_struct *vma, struct ckpt_vma *out)
{
	const char *special = ckpt_special_name(vma);
	const char *why;

	if (special) {
		out->how = CKPT_MAP_SKIP;
		if (!strcmp(special, "[vdso]") && src->version == 1)
			out->how = CKPT_MAP_VDSO;
		return 0;
	}
	if (vma->vm_flags & VM_HUGETLB)
		why = "huge pages of hugetlbfs";
	else if (vma->vm_flags & (VM_IO | VM_PFNMAP | VM_MIXEDMAP))
		why = "memory of a device";
	else if (vma->vm_flags & VM_SHARED)
		why = "shared memory that can be written";
	else if (!vma_is_anonymous(vma) &&
		 (!vma->vm_file || !S_ISREG(file_inode(vma->vm_file)->i_mode)))
		why = "a mapping of something that is not a regular file";
	else if (src->version == 2 && userfaultfd_armed(vma))
		why = "memory that a userfaultfd serves";
	else if (src->version == 2 && vma_pkey(vma))
		why = "memory under a protection key";
	else
		why = NULL;
	if (why) {
		ckpt_say(src->task, "%#lx: %s cannot be carried", vma->vm_start, why);
		return -ETXTBSY;
	}
	out->how = vma_is_anonymous(vma) ? CKPT_MAP_ANON : CKPT_MAP_FILE;
	return 0;
}

static int snapshot(struct ckpt_source *src, struct vm_area_struct *vma, struct ckpt_vma *out)
{
	memset(out, 0, sizeof(*out));
	out->start = vma->vm_start;
	out->end = vma->vm_end;
	out->flags = vma->vm_flags;
	out->prot = pgprot_val(vma->vm_page_prot);
	if (classify(src, vma, out))
		return -ETXTBSY;
	if (out->how == CKPT_MAP_FILE) {
		out->pgoff = vma->vm_pgoff;
		out->file = vma->vm_file;
		if (out->file)
			get_file(out->file);
	}
	return 1;
}

void ckpt_vma_put(struct ckpt_vma *vma)
{
	if (vma->file)
		fput(vma->file);
	vma->file = NULL;
}

/**
 * ckpt_vma_at - first mapping that ends above an address
 *
 * The map lock is held. Return: 1, 0 when there is none, -ETXTBSY for one that
 * no image can hold.
 */
int ckpt_vma_at(struct ckpt_source *src, unsigned long addr, struct ckpt_vma *out)
{
	struct vm_area_struct *vma = find_vma(src->mm, addr);

	return vma ? snapshot(src, vma, out) : 0;
}

/* The same, taking the map lock. Release with ckpt_vma_put(). */
int ckpt_vma_next(struct ckpt_source *src, unsigned long addr, struct ckpt_vma *out)
{
	int ret;

	if (mmap_read_lock_killable(src->mm))
		return -EINTR;
	ret = ckpt_vma_at(src, addr, out);
	mmap_read_unlock(src->mm);
	return ret;
}

/**
 * ckpt_vma_lock - take the map lock and see that a mapping is still what it was
 *
 * Return: 0 with the lock held; -EBUSY when somebody has changed the mapping.
 */
int ckpt_vma_lock(struct ckpt_source *src, const struct ckpt_vma *vma)
{
	struct vm_area_struct *now;

	if (mmap_read_lock_killable(src->mm))
		return -EINTR;
	now = find_vma(src->mm, vma->start);
	if (now && now->vm_start == vma->start && now->vm_end == vma->end &&
	    now->vm_flags == vma->flags && (!vma->file || now->vm_file == vma->file))
		return 0;
	mmap_read_unlock(src->mm);
	return -EBUSY;
}
