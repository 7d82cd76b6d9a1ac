// SPDX-License-Identifier: GPL-2.0
/* A version-1 image, record by record: see checkpoint1.c for the order. */
#include <linux/file.h>
#include <linux/mman.h>
#include <linux/sched/signal.h>

#include <asm/desc.h>

#include "ckpt.h"

/* The next record must be of this type and exactly this long. */
static int get_record(struct ckpt_target *to, s16 type, void *payload, s16 len)
{
	struct cr_hdr hdr;
	int ret;

	ret = ckpt_get(&to->stream, &hdr, sizeof(hdr));
	if (ret)
		return ret;
	if (hdr.type != type || hdr.len != len)
		return -EINVAL;
	to->stream.records++;
	return ckpt_get(&to->stream, payload, len);
}

static int read_task(struct ckpt_target *to)
{
	struct cr_task rec;
	int ret;

	ret = get_record(to, CKPT_REC_TASK, &rec, sizeof(rec));
	if (ret)
		return ret;
	if (rec.task_comm_len < 0 || rec.task_comm_len > TASK_COMM_LEN)
		return -EINVAL;
	memcpy(to->comm, rec.comm, rec.task_comm_len);
	to->comm[TASK_COMM_LEN - 1] = '\0';
	return 0;
}

static int read_name(struct ckpt_target *to, s16 len)
{
	int ret;

	if (len < 1 || len > PAGE_SIZE)
		return -EINVAL;
	ret = get_record(to, CKPT_REC_STR, to->page, len);
	if (ret)
		return ret;
	return strnlen(to->page, len) == len - 1 ? 0 : -EINVAL;
}

static int open_file(struct ckpt_target *to, const struct cr_vma *rec, struct ckpt_want *want)
{
	int ret;

	if (!rec->namelen)
		return -EINVAL;
	ret = read_name(to, rec->namelen);
	if (ret)
		return ret;
	want->file = ckpt_open_mapped(to->page);
	if (IS_ERR(want->file)) {
		ret = PTR_ERR(want->file);
		want->file = NULL;
		ckpt_say(current, "cannot open %s for a mapping: %d", to->page, ret);
		return ret;
	}
	want->pgoff = rec->vm_pgoff;
	return 0;
}

static int read_vma(struct ckpt_target *to, u64 start_code)
{
	struct ckpt_want want = {};
	struct cr_vma rec;
	int ret;

	ret = get_record(to, CKPT_REC_VMA, &rec, sizeof(rec));
	if (ret)
		return ret;
	if (rec.npages < 0 || rec.namelen < 0)
		return -EINVAL;
	/* such memory is refused when an image is written: see the specification */
	if (rec.vm_flags & (CKPT_VM_SHARED | CKPT_VM_IO | CKPT_VM_HUGETLB))
		return -EINVAL;
	want.start = rec.vm_start;
	want.end = rec.vm_end;
	want.prot = (rec.vm_flags & CKPT_VM_READ ? PROT_READ : 0) |
		    (rec.vm_flags & CKPT_VM_WRITE ? PROT_WRITE : 0) |
		    (rec.vm_flags & CKPT_VM_EXEC ? PROT_EXEC : 0);
	want.shared = rec.vm_flags & CKPT_VM_MAYSHARE;
	want.growsdown = rec.vm_flags & CKPT_VM_GROWSDOWN;
	want.locked = rec.vm_flags & CKPT_VM_LOCKED;

	if (rec.how == CKPT_VMA_FILE)
		ret = open_file(to, &rec, &want);
	else if (rec.how != CKPT_VMA_ANON || rec.namelen)
		ret = -EINVAL;
	if (!ret)
		ret = ckpt_map(to, &want);
	/* version 1 does not name the executable: the file that has the code is a good guess */
	if (!ret && want.file && start_code >= want.start && start_code < want.end)
		ckpt_set_exe(to, want.file);
	if (!ret)
		ret = ckpt_read_pages(to, &want, rec.npages);
	if (!ret && ckpt_vdso_maybe(&want, rec.npages))
		ret = ckpt_vdso_replace(to, &want);
	if (want.file)
		fput(want.file);
	return ret;
}

static int read_mm(struct ckpt_target *to)
{
	struct cr_mm rec;
	u64 fields[CKPT_MM_FIELDS];
	int i, ret;

	ret = get_record(to, CKPT_REC_MM, &rec, sizeof(rec));
	if (ret)
		return ret;
	if (rec.tag != 1 || rec.map_count < 0)
		return -EINVAL;
	memcpy(fields, (u8 *)&rec + offsetof(struct cr_mm, start_code), sizeof(fields));
	ret = ckpt_set_mm_fields(to, fields);
	for (i = 0; i < rec.map_count && !ret; i++)
		ret = read_vma(to, rec.start_code);
	return ret;
}

static int read_context(struct ckpt_target *to)
{
	struct cr_mm_context rec;
	int ret;

	ret = get_record(to, CKPT_REC_MM_CONTEXT, &rec, sizeof(rec));
	if (ret)
		return ret;
	if (rec.ldt_entry_size != LDT_ENTRY_SIZE || rec.nldt < 0)
		return -EINVAL;
	return rec.nldt ? ckpt_read_descriptors(to, rec.nldt) : 0;
}

static int read_thread(struct ckpt_target *to)
{
	u64 tls[CKPT_TLS_ENTRIES];
	struct cr_thread rec;
	int ret;

	ret = get_record(to, CKPT_REC_THREAD, &rec, sizeof(rec));
	if (ret)
		return ret;
	if (rec.gdt_entry_tls_entries != CKPT_TLS_ENTRIES || rec.sizeof_tls_array != sizeof(tls) ||
	    rec.ntls < 0 || rec.ntls > CKPT_TLS_ENTRIES)
		return -EINVAL;
	/* the array is there even when ntls is 0: its writer always wrote it */
	ret = ckpt_get(&to->stream, tls, sizeof(tls));
	return ret ? ret : ckpt_check_tls(to, tls);
}

static int take_fxsave(struct ckpt_target *to, const struct cr_cpu *rec)
{
	u64 features = 3; /* x87 and SSE: all that 512 bytes can hold */
	u32 bytes = ckpt_xstate_bytes();
	u8 *area;
	int ret;

	if (bytes < 576)
		return -ENODEV;
	area = kvzalloc(bytes, GFP_KERNEL_ACCOUNT);
	if (!area)
		return -ENOMEM;
	if (rec->used_math) {
		memcpy(area, rec->fxsave, 464); /* the last 48 bytes are the kernel's to use */
		memcpy(area + 512, &features, sizeof(features));
	}
	ret = ckpt_check_xstate(to, area);
	ckpt_default_pkru(to);
	kvfree(area);
	return ret;
}

static int read_cpu(struct ckpt_target *to)
{
	struct cr_cpu *rec;
	int ret;

	rec = kmalloc(sizeof(*rec), GFP_KERNEL_ACCOUNT);
	if (!rec)
		return -ENOMEM;
	ret = get_record(to, CKPT_REC_CPU, rec, sizeof(*rec));
	if (ret)
		goto out;
	ret = -EINVAL;
	if (rec->used_math && rec->has_fxsr != 1)
		goto out;
	ckpt_regs_from_cpu(&to->regs, rec);
	ret = ckpt_check_regs(to);
	if (!ret)
		ret = take_fxsave(to, rec);
out:
	kfree(rec);
	return ret;
}

static int read_tail(struct ckpt_target *to)
{
	struct cr_tail rec;
	int ret;

	ret = get_record(to, CKPT_REC_TAIL, &rec, sizeof(rec));
	if (ret)
		return ret;
	return rec.magic == CKPT_TAIL_MAGIC && rec.cksum[0] == 1 && rec.cksum[1] == 1 ? 0 : -EINVAL;
}

const ckpt_read_step ckpt_read1[] = {
	ckpt_read_head,
	read_task,
	read_mm,
	read_context,
	read_thread,
	read_cpu,
	read_tail,
	NULL,
};
