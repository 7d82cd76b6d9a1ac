// SPDX-License-Identifier: GPL-2.0
/*
 * The vdso is the kernel's code in the task's memory, and reads the running
 * kernel's variables. A restored task gets the running kernel's own at the old
 * address, provided that a caller who knows the old entry points finds the same
 * ones there: symbol table, strings and hash must be byte for byte the same.
 */
#include <linux/elf.h>
#include <linux/mman.h>
#include <linux/sched/mm.h>
#include <linux/security.h>

#include <asm/elf.h>
#include <asm/vdso.h>

#include "ckpt.h"

#define NOTE_BUILD_ID	3	/* NT_GNU_BUILD_ID of user space's elf.h */

int ckpt_vdso_image(const struct vdso_image **image)
{
	*image = &vdso_image_64;
	return vdso64_enabled ? 0 : -EOPNOTSUPP;
}

/* The build id of this kernel's vdso. Return: its bytes, 0 when it has none. */
int ckpt_vdso_build_id(u8 id[32])
{
	const Elf64_Ehdr *ehdr = vdso_image_64.data;
	const Elf64_Phdr *phdr = vdso_image_64.data + ehdr->e_phoff;
	int i;

	for (i = 0; i < ehdr->e_phnum; i++) {
		const void *at = vdso_image_64.data + phdr[i].p_offset;
		const void *end = at + phdr[i].p_filesz;

		while (phdr[i].p_type == PT_NOTE && end - at >= (long)sizeof(Elf64_Nhdr)) {
			const Elf64_Nhdr *note = at;
			const void *desc = at + sizeof(*note) + ALIGN(note->n_namesz, 4);

			if (note->n_type == NOTE_BUILD_ID && note->n_descsz <= 32) {
				memcpy(id, desc, note->n_descsz);
				return note->n_descsz;
			}
			at = desc + ALIGN(note->n_descsz, 4);
		}
	}
	return 0;
}

/**
 * ckpt_vdso_maybe - may a version-1 mapping be somebody's vdso?
 *
 * Version 1 writes it as anonymous memory, whole, executable, not writable.
 * The contents decide, once they are read: see ckpt_vdso_replace().
 */
bool ckpt_vdso_maybe(const struct ckpt_want *want, u32 pages)
{
	return !want->file && pages && pages <= 16 &&
	       pages == (want->end - want->start) >> PAGE_SHIFT &&
	       want->prot == (PROT_READ | PROT_EXEC);
}

/* Return: 1 when symbols, strings and hash are this kernel's, 0 when not, or an error. */
static int same_symbols(struct ckpt_target *to, unsigned long at)
{
	const Elf64_Ehdr *ehdr = vdso_image_64.data;
	const Elf64_Shdr *shdr = vdso_image_64.data + ehdr->e_shoff;
	int i, n;

	for (i = 0; i < ehdr->e_shnum; i++) {
		unsigned long off, len = shdr[i].sh_size;

		if (shdr[i].sh_type != SHT_DYNSYM && shdr[i].sh_type != SHT_STRTAB &&
		    shdr[i].sh_type != SHT_HASH)
			continue;
		if (!(shdr[i].sh_flags & SHF_ALLOC))
			continue;
		for (off = 0; off < len; off += n) {
			n = min(len - off, PAGE_SIZE);
			if (access_remote_vm(to->mm, at + shdr[i].sh_offset + off, to->page, n,
					     FOLL_FORCE) != n)
				return -EFAULT;
			if (memcmp(to->page, vdso_image_64.data + shdr[i].sh_offset + off, n))
				return 0;
		}
	}
	return 1;
}

/* Likewise for all of it, code included. */
static int same_bytes(struct ckpt_target *to, unsigned long at)
{
	unsigned long off;

	for (off = 0; off < vdso_image_64.size; off += PAGE_SIZE) {
		if (access_remote_vm(to->mm, at + off, to->page, PAGE_SIZE, FOLL_FORCE) !=
		    PAGE_SIZE)
			return -EFAULT;
		if (memcmp(to->page, vdso_image_64.data + off, PAGE_SIZE))
			return 0;
	}
	return 1;
}

/* map_vdso() takes an address as a hint: it is right only if that is what we get. */
int ckpt_vdso_place(struct ckpt_target *to, unsigned long at)
{
	unsigned long vvar = -vdso_image_64.sym_vvar_start;
	struct ckpt_caller caller;
	int ret;

	if (!vdso64_enabled || !PAGE_ALIGNED(at) || at < vvar + max(mmap_min_addr, PAGE_SIZE) ||
	    at > TASK_SIZE_MAX - vdso_image_64.size || to->vdso_at)
		return -EINVAL;
	ckpt_enter_mm(to, &caller);
	ret = map_vdso_once(&vdso_image_64, at - vvar);
	ckpt_leave_mm(&caller);
	if (!ret && (unsigned long)to->mm->context.vdso != at) {
		ckpt_say(current, "no room for this kernel's vdso at %#lx", at);
		ret = -EOPNOTSUPP;
	}
	to->vdso_at = at;
	return ret;
}

static int unmap(struct ckpt_target *to, unsigned long start, unsigned long len)
{
	LIST_HEAD(uf);
	int ret;

	if (mmap_write_lock_killable(to->mm))
		return -EINTR;
	ret = do_munmap(to->mm, start, len, &uf);
	mmap_write_unlock(to->mm);
	return ret;
}

/* Is the vdso's soname in this page? */
static bool named_vdso(const u8 *page)
{
	static const char name[] = "linux-vdso.so.1";
	unsigned long i;

	for (i = 0; i + sizeof(name) <= PAGE_SIZE; i++)
		if (!memcmp(page + i, name, sizeof(name)))
			return true;
	return false;
}

/**
 * ckpt_vdso_replace - put the running kernel's vdso where an image's was
 * @to: the mapping has been made and filled
 * @want: what ckpt_vdso_maybe() thought possible
 */
int ckpt_vdso_replace(struct ckpt_target *to, const struct ckpt_want *want)
{
	static const char magic[] = { 0x7f, 'E', 'L', 'F' };
	const struct vdso_image *image = &vdso_image_64;
	int ret;

	if (access_remote_vm(to->mm, want->start, to->page, PAGE_SIZE, FOLL_FORCE) != PAGE_SIZE)
		return -EFAULT;
	if (memcmp(to->page, magic, sizeof(magic)) || !named_vdso(to->page))
		return 0;
	ret = want->end - want->start == image->size ? same_symbols(to, want->start) : 0;
	if (ret < 0)
		return ret;
	if (!ret) {
		ckpt_say(current, "this kernel's vdso has another layout than the image's");
		return -EOPNOTSUPP;
	}
	ret = same_bytes(to, want->start);
	if (ret < 0)
		return ret;
	to->vdso_same = ret;
	ret = unmap(to, want->start, want->end - want->start);
	return ret ? ret : ckpt_vdso_place(to, want->start);
}
