// SPDX-License-Identifier: GPL-2.0
/* What of a task's memory is in its image, and what comes back of it. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktest.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

static struct layout layout;
static char *area;
static size_t area_bytes;

static void contents(void)
{
	struct task task = task_stopped("/bin/task1", NULL);
	struct image image = dump_whole(task.pid, 0, &layout);

	task_kill(&task);
	expect(pages_between(&image, &layout, 0x200000000000, 0x200040000000) == 0, "no page of an untouched GiB");
	expect(pages_between(&image, &layout, 0x300000000000, 0x300000008000) == 1, "one page of the file mapping");
	expect(page_at(&image, &layout, 0x300000004000) != NULL, "the page that was written");
	image_free(&image);
}

/* The task is gone and its copy must be intact; the image is freed. */
static void round_trip(struct task *task, struct image *image)
{
	struct task copy;

	task_kill(task);
	copy = restart_image(image, CKPT_FLAG_VERSION2);
	task_goes_on(&copy, true, 43);
	image_free(image);
}

static void area_at(uint64_t addr, size_t bytes, int flags)
{
	area_bytes = bytes;
	area = mmap((void *)addr, bytes, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | flags, -1, 0);
	if (area == MAP_FAILED)
		_exit(99);
}

#define AREA 0x100000000000

static void fill(void)
{
	for (size_t at = 0; at < area_bytes; at += 4096)
		*(uint64_t *)(area + at) = at * 3 + 1;
}

static bool filled(void)
{
	for (size_t at = 0; at < area_bytes; at += 4096)
		if (*(uint64_t *)(area + at) != at * 3 + 1)
			return false;
	return true;
}

static void make_swapped(void)
{
	area_at(AREA, 512 * 4096, 0);
	fill();
	madvise(area, area_bytes, MADV_PAGEOUT);
}

/* Pages of a task that are in swap, by /proc/PID/status. */
static long swapped_kib(pid_t pid)
{
	char path[64], line[256];
	long kib = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "VmSwap: %ld", &kib);
	if (f)
		fclose(f);
	return kib;
}

static void swapped(void)
{
	struct task task = task_making(make_swapped, filled);
	struct image image;

	expect(swapped_kib(task.pid) >= 1024, "a MiB in swap, not %ld KiB", swapped_kib(task.pid));
	image = dump_whole(task.pid, CKPT_FLAG_VERSION2, &layout);
	expect(pages_between(&image, &layout, AREA, AREA + 512 * 4096) == 512, "512 pages");
	round_trip(&task, &image);
}

#define LARGE (33000UL * 4096)

static void make_large(void)
{
	area_at(AREA, LARGE, 0);
	fill();
}

/* A mapping of 33,000 pages is in two parts, and they come back whole. */
static void expect_split(const struct image *image, uint64_t start)
{
	long parts = 0;
	uint64_t end = 0;

	for (int i = 0; i < layout.count; i++)
		if (layout.maps[i].start >= start && layout.maps[i].end <= start + LARGE) {
			expect(layout.maps[i].pages <= 32767, "no more pages than a record holds");
			parts++;
			end = layout.maps[i].end;
		}
	expect(parts == 2 && end == start + LARGE, "two parts, not %ld", parts);
	expect(pages_between(image, &layout, start, start + LARGE) == LARGE / 4096, "all pages");
}

static void split1(void)
{
	struct task task = task_stopped("/bin/task1", "large"), copy;
	struct image image = dump_whole(task.pid, 0, &layout);

	task_kill(&task);
	expect_split(&image, 0x280000000000);
	copy = restart_image(&image, 0);
	task_goes_on(&copy, false, 42);
	image_free(&image);
}

static void split2(void)
{
	struct task task = task_making(make_large, filled);
	struct image image = dump_whole(task.pid, CKPT_FLAG_VERSION2, &layout);

	expect_split(&image, AREA);
	round_trip(&task, &image);
}

static void make_huge(void)
{
	area_at(AREA, 4 << 20, 0);
	madvise(area, area_bytes, MADV_HUGEPAGE);
	fill();
}

static void huge(void)
{
	struct task task = task_making(make_huge, filled);
	struct image image;

	image = dump_whole(task.pid, CKPT_FLAG_VERSION2, &layout);
	expect(pages_between(&image, &layout, AREA, AREA + (4 << 20)) == 1024, "1024 pages");
	round_trip(&task, &image);
}

static void make_protected(void)
{
	area_at(AREA, 64 * 4096, 0);
	fill();
	mprotect(area, 32 * 4096, PROT_READ);
	mprotect(area + 32 * 4096, 32 * 4096, PROT_NONE);
}

static bool still_protected(void)
{
	static bool once;
	int probe = open("/dev/zero", O_RDONLY), sink = open("/tmp/probe", O_CREAT | O_WRONLY, 0600);
	bool ok = once || (read(probe, area, 1) == -1 && write(sink, area + 32 * 4096, 1) == -1);

	once = true;
	mprotect(area + 32 * 4096, 32 * 4096, PROT_READ);
	return ok && filled();
}

static void protection(void)
{
	struct task task = task_making(make_protected, still_protected);
	struct image image;

	image = dump_whole(task.pid, CKPT_FLAG_VERSION2, &layout);
	expect(pages_between(&image, &layout, AREA, AREA + 64 * 4096) == 64, "64 pages");
	round_trip(&task, &image);
}

static void make_freed(void)
{
	area_at(AREA, 64 * 4096, 0);
	fill();
	madvise(area, 32 * 4096, MADV_FREE);
	area[0] = 77; /* written again: no longer free */
}

static bool freed(void)
{
	return area[0] == 77 && *(uint64_t *)(area + 40 * 4096) == 40 * 4096 * 3 + 1;
}

static void lazily_freed(void)
{
	struct task task = task_making(make_freed, freed);
	struct image image;

	image = dump_whole(task.pid, CKPT_FLAG_VERSION2, &layout);
	expect(pages_between(&image, &layout, AREA, AREA + 64 * 4096) == 33, "33 pages, not %ld",
	       pages_between(&image, &layout, AREA, AREA + 64 * 4096));
	round_trip(&task, &image);
}

static void make_advised(void)
{
	area_at(AREA, 4 * 4096, 0);
	fill();
	madvise(area, 4096, MADV_DONTDUMP);
	madvise(area + 4096, 4096, MADV_WIPEONFORK);
	madvise(area + 8192, 4096, MADV_DONTFORK);
	mlock(area + 12288, 4096);
}

/* The flags that /proc/PID/smaps shows for the mapping at an address. */
static bool has_flag(uint64_t addr, const char *flag)
{
	char line[512];
	bool here = false, found = false;
	FILE *f = fopen("/proc/self/smaps", "r");

	while (f && fgets(line, sizeof(line), f)) {
		unsigned long start, end;

		if (sscanf(line, "%lx-%lx ", &start, &end) == 2 && strchr(line, '-') < strchr(line, ' '))
			here = addr >= start && addr < end;
		if (here && !strncmp(line, "VmFlags:", 8))
			found = strstr(line, flag) != NULL;
	}
	if (f)
		fclose(f);
	return found;
}

static bool advised(void)
{
	return filled() && has_flag(AREA, " dd") && has_flag(AREA + 4096, " wf") && has_flag(AREA + 8192, " dc") &&
	       has_flag(AREA + 12288, " lo") && !has_flag(AREA, " lo");
}

static void advice(void)
{
	struct task task = task_making(make_advised, advised);
	struct image image;

	image = dump_whole(task.pid, CKPT_FLAG_VERSION2, &layout);
	round_trip(&task, &image);
}

static void make_locking(void)
{
	area_at(AREA, 4 * 4096, 0);
	fill();
	if (mlockall(MCL_FUTURE))
		_exit(99);
}

/* What it maps from now on is locked; what it had is not. */
static bool locking(void)
{
	static bool once;
	char *more = once ? NULL : mmap((void *)(AREA + 0x100000), 4096, PROT_READ | PROT_WRITE,
					MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	once = true;
	return filled() && !has_flag(AREA, " lo") && has_flag(AREA + 0x100000, " lo") && more != MAP_FAILED;
}

static void future_locks(void)
{
	struct task task = task_making(make_locking, locking);
	struct image image = dump_whole(task.pid, CKPT_FLAG_VERSION2, &layout);

	round_trip(&task, &image);
}

static void make_growing(void)
{
	area_at(AREA, 4 * 4096, MAP_GROWSDOWN);
	fill();
}

static bool grows(void)
{
	bool ok = filled() && has_flag(AREA, " gd");

	area[-4096] = 1; /* a page below its start */
	return ok;
}

static void growing(void)
{
	struct task task = task_making(make_growing, grows);
	struct image image = dump_whole(task.pid, CKPT_FLAG_VERSION2, &layout);

	expect(pages_between(&image, &layout, AREA, AREA + 4 * 4096) == 4, "four pages");
	round_trip(&task, &image);
}

static long number_in(const char *path)
{
	char text[32] = "";
	int fd = open(path, O_RDONLY);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return -1;
	close(fd);
	return atol(text);
}

static void ksm(const char *run)
{
	int fd = open("/sys/kernel/mm/ksm/run", O_WRONLY);

	expect(write(fd, run, 1) == 1, "ksm");
	close(fd);
}

static void make_mergeable(void)
{
	area_at(AREA, 64 * 4096, 0);
	memset(area, 'K', area_bytes);
	if (madvise(area, area_bytes, MADV_MERGEABLE))
		_exit(99);
}

static bool mergeable(void)
{
	for (size_t at = 0; at < area_bytes; at++)
		if (area[at] != 'K')
			return false;
	return has_flag(AREA, " mg");
}

static void merged(void)
{
	struct task task = task_making(make_mergeable, mergeable);
	struct image image;

	ksm("1");
	for (int tries = 0; tries < 600 && number_in("/sys/kernel/mm/ksm/pages_sharing") < 60; tries++)
		usleep(50000);
	expect(number_in("/sys/kernel/mm/ksm/pages_sharing") >= 60, "pages that are merged");
	image = dump_whole(task.pid, CKPT_FLAG_VERSION2, &layout);
	ksm("0");
	expect(pages_between(&image, &layout, AREA, AREA + 64 * 4096) == 64, "64 pages");
	round_trip(&task, &image);
}

static char *file;

/* A GiB with one page in it, and a file of which one page was looked at. */
static void make_sparse(void)
{
	int fd = open("/tmp/task1.data", O_RDONLY);

	area_at(AREA, 1UL << 30, MAP_NORESERVE);
	area[4096] = 'S';
	file = mmap(NULL, 8 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (file == MAP_FAILED || file[0] != 'F')
		_exit(99);
	close(fd);
}

static bool sparse(void)
{
	return area[4096] == 'S' && file[0] == 'F';
}

/* KiB of a whole task, by /proc/PID/smaps_rollup. */
static long rollup(pid_t pid, const char *format)
{
	char path[64], line[256];
	long kib = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, format, &kib);
	if (f)
		fclose(f);
	return kib;
}

/* A task has as much memory of every kind as before it was dumped. */
static void unchanged(void)
{
	static const char *const kinds[] = { "Rss: %ld", "Anonymous: %ld" };
	static const unsigned long versions[] = { 0, CKPT_FLAG_VERSION2 };
	struct task task;

	task_files();
	task = task_making(make_sparse, sparse);
	for (int v = 0; v < 2; v++) {
		struct image image;
		long before[2];

		for (int i = 0; i < 2; i++)
			before[i] = rollup(task.pid, kinds[i]);
		image = dump_whole(task.pid, versions[v], &layout);
		expect(pages_between(&image, &layout, AREA, AREA + (1UL << 30)) == 1, "one page of the GiB");
		for (int i = 0; i < 2; i++)
			expect(before[i] > 0 && rollup(task.pid, kinds[i]) == before[i], "the same %.9s after version %d: %ld, %ld",
			       kinds[i], v + 1, before[i], rollup(task.pid, kinds[i]));
		if (v)
			round_trip(&task, &image);
		else
			image_free(&image);
	}
}

const struct test memory_tests[] = {
	{ "memory: untouched and clean file pages are not in the image, private changes are", contents },
	{ "memory: swapped-out pages are in the image", swapped },
	{ "memory: version 1 splits a mapping of more than 32,767 pages, and it comes back whole", split1 },
	{ "memory: version 2 splits its pages, and they come back whole", split2 },
	{ "memory: huge pages", huge },
	{ "memory: read-only and PROT_NONE mappings with contents", protection },
	{ "memory: MADV_FREE", lazily_freed },
	{ "memory: advice and mlock", advice },
	{ "memory: mlockall(MCL_FUTURE) goes on", future_locks },
	{ "memory: a mapping that grows downwards", growing },
	{ "memory: pages that KSM has merged", merged },
	{ "memory: dumping does not populate", unchanged },
	{ NULL, NULL },
};
