// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptors from an image: LDT and TLS. Each becomes the user_desc that
 * would have made it, and goes through the checks of the system call that
 * would have taken it: nothing reaches a descriptor table that user space
 * could not have put there.
 */
#include <asm/ckpt_hooks.h>
#include <asm/desc.h>
#include <asm/ldt.h>

#include "ckpt.h"

static int to_user_desc(u64 bits, struct user_desc *info)
{
	struct desc_struct desc, again;

	memcpy(&desc, &bits, sizeof(desc));
	memset(info, 0, sizeof(*info));
	if (desc_empty(&desc)) {
		info->read_exec_only = 1;
		info->seg_not_present = 1;
		return 0;
	}
	info->base_addr = desc.base0 | desc.base1 << 16 | (u32)desc.base2 << 24;
	info->limit = desc.limit0 | (u32)desc.limit1 << 16;
	info->seg_32bit = desc.d;
	info->contents = desc.type >> 2;
	info->read_exec_only = !(desc.type & 2);
	info->limit_in_pages = desc.g;
	info->seg_not_present = !desc.p;
	info->useable = desc.avl;
	/* system segments, other rings, 64-bit code: whatever fill_ldt() would not make */
	fill_ldt(&again, info);
	again.type &= ~1; /* the processor's own mark, "accessed" */
	desc.type &= ~1;
	return memcmp(&desc, &again, sizeof(desc)) ? -EINVAL : 0;
}

/* How many of the task's TLS entries are in use. */
int ckpt_tls_used(struct task_struct *task)
{
	int i, used = 0;

	for (i = 0; i < GDT_ENTRY_TLS_ENTRIES; i++)
		used += !desc_empty(&task->thread.tls_array[i]);
	return used;
}

int ckpt_check_tls(struct ckpt_target *to, const u64 desc[CKPT_TLS_ENTRIES])
{
	struct user_desc info;
	int i, ret;

	for (i = 0; i < CKPT_TLS_ENTRIES; i++) {
		ret = to_user_desc(desc[i], &info);
		if (ret)
			return ret;
		if (!tls_desc_okay(&info))
			return -EINVAL;
		if (LDT_empty(&info) || LDT_zero(&info))
			memset(&to->tls[i], 0, sizeof(to->tls[i]));
		else
			fill_ldt(&to->tls[i], &info);
	}
	return 0;
}

/**
 * ckpt_read_descriptors - the LDT, into the new mm, at once
 * @to: nobody runs on its mm yet
 * @count: 1..LDT_ENTRIES, checked here
 */
int ckpt_read_descriptors(struct ckpt_target *to, u32 count)
{
	struct user_desc *info;
	u64 bits;
	u32 i;
	int ret;

	if (!count || count > LDT_ENTRIES)
		return -EINVAL;
	info = kvmalloc_array(count, sizeof(*info), GFP_KERNEL_ACCOUNT);
	if (!info)
		return -ENOMEM;
	for (i = 0, ret = 0; i < count && !ret; i++) {
		ret = ckpt_get(&to->stream, &bits, sizeof(bits));
		if (!ret)
			ret = to_user_desc(bits, &info[i]);
	}
	if (!ret)
		ret = ckpt_install_ldt(to->mm, info, count);
	kvfree(info);
	return ret;
}
