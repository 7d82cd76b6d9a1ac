// SPDX-License-Identifier: GPL-2.0
/*
 * Which pages of a mapping belong into an image, found by a walk of the page
 * tables that neither faults anything in nor changes anything.
 *
 * A page belongs when it is the task's own: anonymous, be it mapped, in swap
 * or under migration, a KSM page or part of a huge page. Not: the zero page,
 * pages of a file's cache, holes, and pages after MADV_FREE that were not
 * written since, for the kernel may drop those at any moment, between two of
 * our walks, too.
 */
#include <linux/pagewalk.h>
#include <linux/sched/signal.h>
#include <linux/swap.h>
#include <linux/swapops.h>

#include "ckpt.h"

struct walk {
	u64 *addrs;
	struct page **pages;
	long max;
	long count;
	unsigned long next;
	u32 crc;
};

/* Return: 1 when there is no room for this page. */
static int take(struct walk *w, unsigned long addr, struct page *page)
{
	u64 a = addr;

	if (w->count == w->max) {
		w->next = addr;
		return 1;
	}
	if (w->addrs)
		w->addrs[w->count] = a;
	if (w->pages) {
		if (page)
			get_page(page);
		w->pages[w->count] = page;
	}
	w->crc = ckpt_crc32c(w->crc, &a, sizeof(a));
	w->count++;
	return 0;
}

static bool lazily_free(struct page *page, bool dirty)
{
	return !PageSwapBacked(page) && !PageKsm(page) && !dirty && !PageDirty(page);
}

static bool entry_is_ours(swp_entry_t entry)
{
	if (!non_swap_entry(entry))
		return true;
	/* memory that is lost: bringing it back says so, leaving it out makes zeros of it */
	if (is_hwpoison_entry(entry) || is_swapin_error_entry(entry))
		return true;
	return is_pfn_swap_entry(entry) && PageAnon(pfn_swap_entry_to_page(entry));
}

static int walk_huge(struct walk *w, struct vm_area_struct *vma, pmd_t pmd, unsigned long addr,
		     unsigned long end)
{
	struct page *head = NULL;
	unsigned long a;
	int ret;

	if (pmd_present(pmd)) {
		if (is_huge_zero_pmd(pmd))
			return 0;
		head = pmd_page(pmd);
		if (!PageAnon(head) || lazily_free(head, pmd_dirty(pmd)))
			return 0;
	} else if (!is_pmd_migration_entry(pmd) ||
		   !PageAnon(pfn_swap_entry_to_page(pmd_to_swp_entry(pmd)))) {
		return 0;
	}
	for (a = addr; a < end; a += PAGE_SIZE) {
		ret = take(w, a, head ? head + ((a & ~PMD_MASK) >> PAGE_SHIFT) : NULL);
		if (ret)
			return ret;
	}
	return 0;
}

static int walk_pte(struct walk *w, struct vm_area_struct *vma, pte_t pte, unsigned long addr)
{
	struct page *page;

	if (pte_none(pte))
		return 0;
	if (!pte_present(pte))
		return entry_is_ours(pte_to_swp_entry(pte)) ? take(w, addr, NULL) : 0;
	page = vm_normal_page(vma, addr, pte);
	if (!page || !PageAnon(page) || lazily_free(page, pte_dirty(pte)))
		return 0;
	return take(w, addr, page);
}

static int walk_pmd(pmd_t *pmd, unsigned long addr, unsigned long end, struct mm_walk *walk)
{
	struct walk *w = walk->private;
	spinlock_t *ptl;
	pte_t *start, *pte;
	int ret = 0;

	ptl = pmd_trans_huge_lock(pmd, walk->vma);
	if (ptl) {
		ret = walk_huge(w, walk->vma, *pmd, addr, end);
		spin_unlock(ptl);
		return ret;
	}
	if (pmd_trans_unstable(pmd)) {
		if (!pmd_none(*pmd))
			walk->action = ACTION_AGAIN;
		return 0;
	}
	start = pte_offset_map_lock(walk->mm, pmd, addr, &ptl);
	for (pte = start; addr < end && !ret; pte++, addr += PAGE_SIZE)
		ret = walk_pte(w, walk->vma, *pte, addr);
	pte_unmap_unlock(start, ptl);
	cond_resched();
	return fatal_signal_pending(current) ? -EINTR : ret;
}

static const struct mm_walk_ops ops = { .pmd_entry = walk_pmd };

static int run(struct mm_struct *mm, unsigned long from, unsigned long end, struct walk *w,
	       unsigned long *next)
{
	int ret;

	w->next = end;
	ret = from < end ? walk_page_range(mm, from, end, &ops, w) : 0;
	if (ret < 0)
		return ret;
	*next = w->next;
	return w->count;
}

/**
 * ckpt_walk_count - count pages
 * @mm: map lock held
 * @from: first address
 * @end: end of the mapping
 * @max: stop at this many
 * @next: address of the first page that was not counted, or @end
 * @crc: of the addresses, continued
 *
 * Return: the count, or an error.
 */
int ckpt_walk_count(struct mm_struct *mm, unsigned long from, unsigned long end, long max,
		    unsigned long *next, u32 *crc)
{
	struct walk w = { .max = max, .crc = *crc };
	int ret = run(mm, from, end, &w, next);

	*crc = w.crc;
	return ret;
}

/* The same, with the addresses. */
int ckpt_walk_addrs(struct mm_struct *mm, unsigned long from, unsigned long end, u64 *addrs,
		    int max, unsigned long *next)
{
	struct walk w = { .addrs = addrs, .max = max };

	return run(mm, from, end, &w, next);
}

/**
 * ckpt_walk_pages - the same, with references to the pages
 *
 * A page that is in swap or under migration is brought back by a fault, which
 * changes where it is, not what it is.
 */
int ckpt_walk_pages(struct mm_struct *mm, unsigned long from, unsigned long end, u64 *addrs,
		    struct page **pages, int max, unsigned long *next)
{
	struct walk w = { .addrs = addrs, .pages = pages, .max = max };
	long got, err = 0;
	int count, i;

	count = run(mm, from, end, &w, next);
	if (count < 0)
		err = count;
	for (i = 0; i < w.count; i++) {
		if (pages[i])
			continue;
		got = err ? err : get_user_pages_remote(mm, addrs[i], 1, FOLL_FORCE, &pages[i],
							NULL, NULL);
		if (got == 1)
			continue;
		pages[i] = NULL;
		err = got ? got : -EFAULT;
	}
	if (!err)
		return count;
	for (i = 0; i < w.count; i++)
		if (pages[i])
			put_page(pages[i]);
	return err;
}
