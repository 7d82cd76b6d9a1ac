// SPDX-License-Identifier: GPL-2.0
/*
 * Mutated images into sys_restart. Whatever they do to the task that takes
 * them, the kernel must not report anything, and the parent must be able to
 * kill and reap it.
 *
 *   ktest mutate SEED FIRST COUNT     FIRST and COUNT replay single images
 */
#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <fcntl.h>
#include <unistd.h>

#include "ktest.h"

static uint64_t state;

/* xorshift64*: the same on every machine */
static uint64_t next(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dULL;
}

static uint64_t below(uint64_t n)
{
	return n ? next() % n : 0;
}

struct base {
	struct image image;
	struct layout layout;
	unsigned long flags;
	size_t *meta; /* offsets of all bytes that are not contents of pages */
	size_t metas;
};

static void find_meta(struct base *b)
{
	size_t at = 0;

	b->meta = malloc(b->image.size * sizeof(size_t));
	for (int i = 0; i <= b->layout.count; i++) {
		size_t end = i < b->layout.count ? b->layout.maps[i].contents : b->image.size;

		if (i < b->layout.count && !b->layout.maps[i].pages)
			continue;
		while (at < end)
			b->meta[b->metas++] = at++;
		if (i < b->layout.count)
			at = end + b->layout.maps[i].pages * 4096;
	}
}

static void make_base(struct base *b, const char *program, const char *option, unsigned long flags)
{
	struct task task = task_start(program, "stop", option, -1);
	long crid;

	task_says(&task, "ready");
	task_wait_stopped(&task);
	b->image = dump_stopped(task.pid, flags, &crid);
	b->flags = flags;
	task_kill(&task);
	expect(image_parse(&b->image, &b->layout), "a whole image");
	find_meta(b);
}

static uint32_t crc32c(const uint8_t *p, size_t n)
{
	static uint32_t table[256];
	uint32_t crc = ~0U;

	if (!table[1])
		for (uint32_t i = 0; i < 256; i++) {
			uint32_t c = i;

			for (int k = 0; k < 8; k++)
				c = c & 1 ? c >> 1 ^ 0x82f63b78 : c >> 1;
			table[i] = c;
		}
	while (n--)
		crc = table[(crc ^ *p++) & 0xff] ^ crc >> 8;
	return ~crc;
}

static const uint64_t edges[] = {
	0, 1, 2, 3, 7, 8, 0x7f, 0x80, 0xff, 0xfff, 0x1000, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000,
	0xffffffff, 0x100000000, 0x7ffffffff000, 0x7fffffffffff, 0x800000000000, 0xffff800000000000,
	0xffffffff81000000, 0xfffffffffffff000, ~0ULL, 1ULL << 63, 1ULL << 56,
};

static void put(struct image *m, size_t at, uint64_t value, size_t bytes)
{
	if (at + bytes <= m->size)
		memcpy(m->bytes + at, &value, bytes);
}

static void mutate_once(const struct base *b, struct image *m)
{
	size_t at = b->meta[below(b->metas)], from, bytes;
	static const size_t widths[] = { 1, 2, 4, 8 };

	/* now and then the places where the processor's own state is */
	if (!below(3)) {
		size_t places[] = { b->layout.cpu, b->layout.regs, b->layout.xstate, b->layout.ldt, b->layout.tls,
				    b->layout.thread, b->layout.mm, b->layout.task, b->layout.context };
		size_t base = places[below(sizeof(places) / sizeof(places[0]))];

		if (base)
			at = base + below(768);
	}
	if (at >= m->size)
		at = below(m->size);
	bytes = widths[below(4)];
	switch (below(8)) {
	case 0:
		m->bytes[at] ^= 1 << below(8);
		break;
	case 1:
		put(m, at, next(), bytes);
		break;
	case 2:
	case 3:
		put(m, at & ~(bytes - 1), edges[below(sizeof(edges) / sizeof(edges[0]))], bytes);
		break;
	case 4: { /* a little more or less */
		uint64_t value = 0;

		if (at + bytes > m->size)
			break;
		memcpy(&value, m->bytes + at, bytes);
		put(m, at, value + below(33) - 16, bytes);
		break;
	}
	case 5: /* something from elsewhere in the image */
		from = b->meta[below(b->metas)];
		bytes = 1 + below(64);
		if (from + bytes <= m->size && at + bytes <= m->size)
			memmove(m->bytes + at, m->bytes + from, bytes);
		break;
	case 6: /* bytes that are missing */
		bytes = 1 + below(24);
		if (at + bytes < m->size && !below(4)) {
			memmove(m->bytes + at, m->bytes + at + bytes, m->size - at - bytes);
			m->size -= bytes;
		}
		break;
	case 7:
		if (!below(12))
			m->size = at;
		break;
	}
}

/* Version 2 ends with a checksum: mostly it is put right, or nothing would get far. */
static void put_right(const struct base *b, struct image *m)
{
	size_t tail = b->layout.tail;

	if (!b->flags || m->size != b->image.size || !below(10))
		return;
	put(m, tail + offsetof(struct cr2_tail, crc32c), crc32c(m->bytes, tail - sizeof(struct cr2_hdr)), 4);
}

static void confine(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = { { 0 } };
	struct rlimit size = { 1 << 20, 1 << 20 }, few = { 64, 64 };

	setrlimit(RLIMIT_FSIZE, &size);
	setrlimit(RLIMIT_NOFILE, &few);
	prctl(PR_SET_KEEPCAPS, 1);
	if (setresgid(1234, 1234, 1234) || setresuid(1234, 1234, 1234))
		_exit(99);
	data[0].effective = data[0].permitted = 1U << CAP_SYS_ADMIN;
	syscall(SYS_capset, &head, data);
}

struct tally {
	long refused[200], ran, killed, lost;
};

/* Waits some seconds for the end, then kills; then it must be gone within some more. */
static void reap(pid_t pid, struct tally *tally)
{
	struct timespec nap = { 0, 500000 };
	time_t start = time(NULL);
	bool killed = false;
	int status;

	for (;;) {
		pid_t got = waitpid(pid, &status, WNOHANG | WUNTRACED);

		if (got == pid && WIFSTOPPED(status)) {
			kill(pid, SIGKILL);
			continue;
		}
		if (got == pid)
			break;
		if (!killed && time(NULL) - start > 2) {
			kill(pid, SIGKILL);
			killed = true;
			tally->killed++;
		}
		if (time(NULL) - start > 30) {
			tally->lost++;
			return;
		}
		nanosleep(&nap, NULL);
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) >= 100 && WEXITSTATUS(status) < 250)
		tally->refused[WEXITSTATUS(status) - 100]++;
	else
		tally->ran++;
}

static void one(const struct base *b, uint64_t seed, long index, int fd, struct tally *tally)
{
	struct image m = image_copy(&b->image);
	pid_t pid;

	state = seed * 0x9e3779b97f4a7c15ULL + index * 0xd1342543de82ef95ULL + 1;
	for (int i = 0; i < 8; i++)
		next();
	for (uint64_t n = 1 + below(3); n; n--)
		mutate_once(b, &m);
	put_right(b, &m);
	if (ftruncate(fd, 0) || pwrite(fd, m.bytes, m.size, 0) != (ssize_t)m.size)
		abort();
	lseek(fd, 0, SEEK_SET);
	image_free(&m);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		confine();
		dup2(open("/dev/null", O_RDWR), 1);
		dup2(1, 2);
		dup2(1, 4);
		sys_restart(0, fd, b->flags);
		_exit(errno < 150 ? 100 + errno : 99);
	}
	reap(pid, tally);
}

/* One of @workers processes takes every @workers-th image. */
static void work(const struct base *bases, uint64_t seed, long first, long count, int worker, int workers,
		 struct tally *tally)
{
	time_t start = time(NULL);
	int fd = memfd_create("mutated", MFD_CLOEXEC);

	for (long i = first + worker; i < first + count; i += workers) {
		one(&bases[i % 3], seed, i, fd, tally);
		if (i % 500 == 0)
			printf("# image %ld after %ld s\n", i, (long)(time(NULL) - start));
	}
	fflush(stdout);
}

int mutate(uint64_t seed, long first, long count)
{
	enum { WORKERS = 2 };
	struct base bases[3] = { 0 };
	struct tally *tally = mmap(NULL, WORKERS * sizeof(*tally), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	time_t start = time(NULL);
	pid_t pids[WORKERS];
	long lost = 0;

	file_of_f("/tmp/task1.data", 8);
	file_of_f("/tmp/task2.data", 8);
	mkdir("/tmp/task2.dir", 0755);
	chmod("/tmp/task2.data", 0666); /* what the confined restarter opens, too */
	make_base(&bases[0], "/bin/task1", "tiny", 0);
	make_base(&bases[1], "/bin/task2", NULL, CKPT_FLAG_VERSION2);
	bases[2] = bases[0];
	if (!bases[0].metas || !bases[1].metas)
		return 2;
	printf("# mutation seed %llu, images %ld to %ld\n", (unsigned long long)seed, first, first + count - 1);
	fflush(stdout);
	for (int w = 0; w < WORKERS; w++) {
		pids[w] = fork();
		if (!pids[w]) {
			work(bases, seed, first, count, w, WORKERS, &tally[w]);
			_exit(0);
		}
	}
	for (int w = 0; w < WORKERS; w++) {
		lost += status_of(pids[w]) != 0;
		lost += tally[w].lost;
	}
	printf("# %ld mutated images in %ld s: %ld ran, %ld killed, %ld lost; refused:", count,
	       (long)(time(NULL) - start), tally[0].ran + tally[1].ran, tally[0].killed + tally[1].killed, lost);
	for (int e = 0; e < 200; e++)
		if (tally[0].refused[e] + tally[1].refused[e])
			printf(" %ld %s", tally[0].refused[e] + tally[1].refused[e], strerrorname_np(e));
	printf("\n%s 1 mutated images: %ld images, every task reaped\n", lost ? "not ok" : "ok", count);
	fflush(stdout);
	return lost != 0;
}
