// SPDX-License-Identifier: GPL-2.0
/*
 * Memory into the stream.
 *
 * A record states how many pages follow before the first of them, so every
 * mapping is walked three times: to count, to list addresses, to write
 * contents. Nothing is kept between the walks but a CRC of the addresses; the
 * map lock is dropped between any two batches. Before all that, one walk under
 * one lock plans the whole: how many mapping records there will be, and a CRC
 * over everything. At the end what was written must equal the plan, or the
 * dump fails with EBUSY: somebody (a debugger, say) has changed the memory.
 */
#include <linux/dcache.h>
#include <linux/sched/signal.h>
#include <linux/swap.h>

#include "ckpt.h"

/* Adds a mapping to the CRC of a plan. */
void ckpt_seen(u32 *crc, const struct ckpt_vma *vma)
{
	u64 what[5] = { vma->start, vma->end, vma->flags, vma->pgoff, (unsigned long)vma->file };

	*crc = ckpt_crc32c(*crc, what, sizeof(what));
}

/* Segments of one mapping, under the map lock. */
static long plan_segments(struct ckpt_source *src, const struct ckpt_vma *vma)
{
	unsigned long at = vma->start;
	long segments = 0;
	int count;

	do {
		count = ckpt_walk_count(src->mm, at, vma->end, CKPT_PAGES_PER_RECORD_MAX, &at,
					&src->plan);
		if (count < 0)
			return count;
		segments++;
	} while (at < vma->end);
	return segments;
}

/**
 * ckpt_plan - count the mapping records of the image to be
 *
 * Sets @src->records and @src->plan. Version 2 has one record a mapping, and
 * splits only the pages behind it.
 */
int ckpt_plan(struct ckpt_source *src)
{
	unsigned long addr = 0;
	struct ckpt_vma vma;
	long n = 0;
	int ret;

	/* pages on their way to be lazily free get there now, not between two walks */
	lru_add_drain_all();
	if (mmap_read_lock_killable(src->mm))
		return -EINTR;
	src->records = 0;
	src->plan = 0;
	while ((ret = ckpt_vma_at(src, addr, &vma)) == 1) {
		addr = vma.end;
		ckpt_seen(&src->plan, &vma);
		if (vma.how != CKPT_MAP_SKIP) {
			n = vma.how == CKPT_MAP_VDSO ? 1 : plan_segments(src, &vma);
			src->records += src->version == 1 || n < 0 ? n : 1;
		}
		/* never the last reference: the mapping has its own */
		ckpt_vma_put(&vma);
		if (n < 0) {
			ret = n;
			break;
		}
	}
	mmap_read_unlock(src->mm);
	if (!ret && src->version == 1 && src->records > CKPT_V1_VMAS_MAX) {
		ckpt_say(src->task, "%ld mapping records are too many for version 1",
			 src->records);
		return -E2BIG;
	}
	return ret;
}

int ckpt_plan_verify(struct ckpt_source *src)
{
	if (src->seen == src->plan)
		return 0;
	ckpt_say(src->task, "its memory was changed while it was written");
	return -EBUSY;
}

/**
 * ckpt_segment_find - as much of a mapping as one record may describe
 * @src: the dump
 * @vma: the mapping
 * @from: its start, or the end of the segment before
 * @seg: filled in
 */
int ckpt_segment_find(struct ckpt_source *src, const struct ckpt_vma *vma, unsigned long from,
		      struct ckpt_segment *seg)
{
	int ret;

	seg->start = from;
	seg->crc = 0;
	ret = ckpt_vma_lock(src, vma);
	if (ret)
		return ret;
	ret = ckpt_walk_count(src->mm, from, vma->end, CKPT_PAGES_PER_RECORD_MAX, &seg->end,
			      &seg->crc);
	mmap_read_unlock(src->mm);
	if (ret < 0)
		return ret;
	seg->pages = ret;
	return 0;
}

static int write_addrs(struct ckpt_source *src, const struct ckpt_vma *vma,
		       const struct ckpt_segment *seg, u64 *addrs)
{
	unsigned long at = seg->start;
	u32 crc = 0;
	long n = 0;
	int ret;

	while (at < seg->end) {
		ret = ckpt_vma_lock(src, vma);
		if (ret)
			return ret;
		ret = ckpt_walk_addrs(src->mm, at, seg->end, addrs, PAGE_SIZE / sizeof(*addrs),
				      &at);
		mmap_read_unlock(src->mm);
		if (ret < 0)
			return ret;
		crc = ckpt_crc32c(crc, addrs, ret * sizeof(*addrs));
		src->seen = ckpt_crc32c(src->seen, addrs, ret * sizeof(*addrs));
		n += ret;
		ret = n > seg->pages ? -EBUSY : ckpt_put(&src->stream, addrs,
							 ret * sizeof(*addrs));
		if (ret)
			return ret;
	}
	return n == seg->pages && crc == seg->crc ? 0 : -EBUSY;
}

static int write_contents(struct ckpt_source *src, const struct ckpt_vma *vma,
			  const struct ckpt_segment *seg, u64 *addrs)
{
	struct page *pages[CKPT_BATCH];
	unsigned long at = seg->start;
	u32 crc = 0;
	long n = 0;
	int ret, count, i;

	while (at < seg->end) {
		ret = ckpt_vma_lock(src, vma);
		if (ret)
			return ret;
		count = ckpt_walk_pages(src->mm, at, seg->end, addrs, pages, CKPT_BATCH, &at);
		mmap_read_unlock(src->mm);
		if (count == -EFAULT)
			ckpt_say(src->task, "%#lx: memory that is lost cannot be carried", at);
		if (count < 0)
			return count;
		crc = ckpt_crc32c(crc, addrs, count * sizeof(*addrs));
		n += count;
		ret = n > seg->pages ? -EBUSY : 0;
		if (!ret && count)
			ret = ckpt_put_pages(&src->stream, pages, count);
		for (i = 0; i < count; i++)
			put_page(pages[i]);
		if (ret)
			return ret;
	}
	return n == seg->pages && crc == seg->crc ? 0 : -EBUSY;
}

/* Addresses and contents of a segment, whose record the caller has just put. */
int ckpt_segment_write(struct ckpt_source *src, const struct ckpt_vma *vma,
		       const struct ckpt_segment *seg)
{
	u64 *addrs;
	int ret;

	if (!seg->pages)
		return 0;
	addrs = (u64 *)__get_free_page(GFP_KERNEL_ACCOUNT);
	if (!addrs)
		return -ENOMEM;
	ret = write_addrs(src, vma, seg, addrs);
	if (!ret)
		ret = write_contents(src, vma, seg, addrs);
	free_page((unsigned long)addrs);
	return ret;
}

/**
 * ckpt_path_of - the name of a file as the caller sees it
 * @path: the file
 * @page: a page to hold it
 * @len: set to its length with the NUL
 */
char *ckpt_path_of(const struct path *path, char *page, int *len)
{
	char *name = d_path(path, page, PAGE_SIZE);

	if (!IS_ERR(name))
		*len = page + PAGE_SIZE - name;
	return name;
}
