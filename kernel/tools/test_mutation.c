// SPDX-License-Identifier: GPL-2.0
/*
 * Mutated images into sys_restart. Whatever they do to the task that takes
 * them, the kernel must not report anything, and the parent must be able to
 * kill and reap it.
 *
 *   ktest mutate SEED FIRST COUNT     FIRST and COUNT replay single images
 *
 * A runner takes one image after the other until it becomes the task of one,
 * for a restart that fails leaves it as it was; then its worker forks the next.
 * What is large is in shared memory, which fork does not copy: under KASAN
 * forking would cost more than restarting. An image is spoilt in place and put
 * right again afterwards.
 */
#include <errno.h>
#include <fcntl.h>
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
#include <unistd.h>

#include "ktest.h"

enum { BASES = 3, WORKERS = 4, SECONDS = 3 };

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

static void *shared(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		abort();
	return at;
}

struct base {
	struct image image;
	unsigned long flags;
	size_t places[9], tail; /* where the processor's own state is */
	uint32_t *meta; /* offsets of all bytes that are not contents of pages */
	size_t metas;
};

/* A base to be spoilt: the file that sys_restart reads, and the same bytes mapped. */
struct work {
	struct image image;
	size_t whole; /* size of the base */
	size_t low, high; /* where it differs from the base */
	int memfd, fd;
};

static void find_meta(struct base *b, const struct layout *layout)
{
	size_t at = 0;

	b->meta = shared(b->image.size * sizeof(*b->meta));
	for (int i = 0; i <= layout->count; i++) {
		size_t end = i < layout->count ? layout->maps[i].contents : b->image.size;

		if (i < layout->count && !layout->maps[i].pages)
			continue;
		while (at < end)
			b->meta[b->metas++] = at++;
		if (i < layout->count)
			at = end + layout->maps[i].pages * 4096;
	}
}

static void make_base(struct base *b, pid_t pid, unsigned long flags)
{
	struct layout *l = shared(sizeof(*l));
	struct image image;
	long crid;

	image = dump_stopped(pid, flags, &crid);
	expect(image_parse(&image, l), "a whole image, %ld", crid);
	b->image.size = image.size;
	b->image.bytes = shared(image.size);
	memcpy(b->image.bytes, image.bytes, image.size);
	b->flags = flags;
	b->tail = l->tail;
	memcpy(b->places, (size_t[]){ l->cpu, l->regs, l->xstate, l->ldt, l->tls, l->thread, l->mm, l->task,
				      l->context }, sizeof(b->places));
	find_meta(b, l);
	munmap(l, sizeof(*l));
	image_free(&image);
}

static const uint64_t edges[] = {
	0, 1, 2, 3, 7, 8, 0x7f, 0x80, 0xff, 0xfff, 0x1000, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000,
	0xffffffff, 0x100000000, 0x7ffffffff000, 0x7fffffffffff, 0x800000000000, 0xffff800000000000,
	0xffffffff81000000, 0xfffffffffffff000, ~0ULL, 1ULL << 63, 1ULL << 56,
};

static void changed(struct work *w, size_t from, size_t end)
{
	if (w->low > from)
		w->low = from;
	if (w->high < end)
		w->high = end;
}

static void put(struct work *w, size_t at, uint64_t value, size_t bytes)
{
	if (at + bytes > w->image.size)
		return;
	changed(w, at, at + bytes);
	memcpy(w->image.bytes + at, &value, bytes);
}

static void mutate_once(const struct base *b, struct work *w)
{
	struct image *m = &w->image;
	size_t at = b->meta[below(b->metas)], from, bytes;
	static const size_t widths[] = { 1, 2, 4, 8 };

	/* now and then the places where the processor's own state is */
	if (!below(3)) {
		size_t base = b->places[below(sizeof(b->places) / sizeof(b->places[0]))];

		if (base)
			at = base + below(768);
	}
	if (at >= m->size)
		at = below(m->size);
	bytes = widths[below(4)];
	switch (below(8)) {
	case 0:
		put(w, at, m->bytes[at] ^ 1 << below(8), 1);
		break;
	case 1:
		put(w, at, next(), bytes);
		break;
	case 2:
	case 3:
		put(w, at & ~(bytes - 1), edges[below(sizeof(edges) / sizeof(edges[0]))], bytes);
		break;
	case 4: { /* a little more or less */
		uint64_t value = 0;

		if (at + bytes > m->size)
			break;
		memcpy(&value, m->bytes + at, bytes);
		put(w, at, value + below(33) - 16, bytes);
		break;
	}
	case 5: /* something from elsewhere in the image */
		from = b->meta[below(b->metas)];
		bytes = 1 + below(64);
		if (from + bytes > m->size || at + bytes > m->size)
			break;
		changed(w, at, at + bytes);
		memmove(m->bytes + at, m->bytes + from, bytes);
		break;
	case 6: /* bytes that are missing */
		bytes = 1 + below(24);
		if (at + bytes < m->size && !below(4)) {
			changed(w, at, w->whole);
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
static void put_right(const struct base *b, struct work *w)
{
	if (!b->flags || w->image.size != w->whole || !below(10))
		return;
	put(w, b->tail + offsetof(struct cr2_tail, crc32c), crc32c(w->image.bytes, b->tail - sizeof(struct cr2_hdr)),
	    4);
}

static void confine(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = { { 0 } };
	struct rlimit size = { 4 << 20, 4 << 20 }, few = { 64, 64 };

	setrlimit(RLIMIT_FSIZE, &size);
	setrlimit(RLIMIT_NOFILE, &few);
	prctl(PR_SET_KEEPCAPS, 1);
	if (setresgid(1234, 1234, 1234) || setresuid(1234, 1234, 1234))
		_exit(99);
	data[0].effective = data[0].permitted = 1U << CAP_SYS_ADMIN;
	syscall(SYS_capset, &head, data);
}

/* What a worker and its runners know; in shared memory. */
struct tally {
	long refused[200], ran, killed, lost;
	long index; /* the image that is being restarted */
	long begun; /* images that were begun */
	bool done;
	struct work works[BASES];
};

static void make_work(struct work *w, const struct base *b)
{
	char path[32];

	w->memfd = memfd_create("mutated", 0);
	w->whole = w->image.size = b->image.size;
	if (w->memfd < 0 || ftruncate(w->memfd, w->whole))
		abort();
	w->image.bytes = mmap(NULL, w->whole, PROT_READ | PROT_WRITE, MAP_SHARED, w->memfd, 0);
	if (w->image.bytes == MAP_FAILED)
		abort();
	memcpy(w->image.bytes, b->image.bytes, w->whole);
	w->low = w->whole;
	/* a task that runs wild finds no descriptor through which it could spoil the next image */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", w->memfd);
	w->fd = open(path, O_RDONLY);
}

static void restore(struct work *w, const struct base *b)
{
	if (w->image.size != w->whole && ftruncate(w->memfd, w->whole))
		_exit(98);
	w->image.size = w->whole;
	if (w->low < w->high)
		memcpy(w->image.bytes + w->low, b->image.bytes + w->low, w->high - w->low);
	w->low = w->whole;
	w->high = 0;
}

/* Returns when the restart has failed, with its errno. */
static int try_one(const struct base *b, struct work *w, uint64_t seed, long index)
{
	restore(w, b);
	state = seed * 0x9e3779b97f4a7c15ULL + index * 0xd1342543de82ef95ULL + 1;
	for (int i = 0; i < 8; i++)
		next();
	for (uint64_t n = 1 + below(3); n; n--)
		mutate_once(b, w);
	put_right(b, w);
	if (w->image.size != w->whole) {
		changed(w, w->image.size, w->whole);
		if (ftruncate(w->memfd, w->image.size))
			_exit(98);
	}
	lseek(w->fd, 0, SEEK_SET);
	sys_restart(0, w->fd, b->flags);
	return errno;
}

static const struct base *base_of(const struct base *bases, long index)
{
	return &bases[index % BASES];
}

static void runner(const struct base *bases, uint64_t seed, long first, long end, struct tally *tally)
{
	char name[32];

	for (long i = first; i < end; i += WORKERS) {
		int error;

		tally->index = i;
		tally->begun++;
		/* a report of the kernel says whose it is: this is the number to replay */
		snprintf(name, sizeof(name), "image %ld", i);
		prctl(PR_SET_NAME, name);
		error = try_one(base_of(bases, i), &tally->works[i % BASES], seed, i);
		tally->refused[error < 200 ? error : 199]++;
	}
	tally->done = true;
	_exit(0);
}

/* Waits until the runner has ended, and kills it when it is with one image for too long. Return: whether it ended. */
static bool reap(pid_t pid, struct tally *tally)
{
	struct timespec second = { 1, 0 };
	time_t since = time(NULL);
	long index = -1;
	bool killed = false;
	sigset_t child;
	int status, stops = 0;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	for (;;) {
		pid_t got = waitpid(pid, &status, WNOHANG | WUNTRACED);

		if (got == pid && !WIFSTOPPED(status))
			return true;
		if (got == pid) {
			/* as the original was: what it does when it goes on is of interest, too */
			kill(pid, stops++ < 3 ? SIGCONT : SIGKILL);
			continue;
		}
		if (!killed && index != tally->index) {
			index = tally->index;
			since = time(NULL);
		}
		if (!killed && time(NULL) - since >= SECONDS) {
			kill(pid, SIGKILL);
			killed = true;
			tally->killed++;
			since = time(NULL);
		}
		/* long, because the machine may be slow: nothing that is killed stays */
		if (killed && time(NULL) - since > 120)
			return false;
		sigtimedwait(&child, NULL, &second);
	}
}

static void worker(const struct base *bases, uint64_t seed, long first, long end, struct tally *tally)
{
	int null = open("/dev/null", O_RDWR);
	sigset_t child;

	for (int b = 0; b < BASES; b++)
		make_work(&tally->works[b], &bases[b]);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	confine();
	while (first < end && !tally->done) {
		pid_t pid;

		tally->index = first;
		pid = fork();
		if (!pid)
			runner(bases, seed, first, end, tally);
		if (pid < 0)
			_exit(97);
		if (!reap(pid, tally)) {
			tally->lost++;
			_exit(96);
		}
		tally->ran += !tally->done;
		first = tally->index + WORKERS;
	}
	_exit(0);
}

static long sum(const struct tally *tally, size_t field)
{
	long total = 0;

	for (int w = 0; w < WORKERS; w++)
		total += *(const long *)((const char *)&tally[w] + field);
	return total;
}

static void report(const struct tally *tally, long seconds)
{
	printf("# %ld mutated images in %ld s: %ld ran, %ld of them killed, %ld lost; refused:",
	       sum(tally, offsetof(struct tally, begun)), seconds, sum(tally, offsetof(struct tally, ran)),
	       sum(tally, offsetof(struct tally, killed)), sum(tally, offsetof(struct tally, lost)));
	for (int e = 0; e < 200; e++) {
		long n = sum(tally, offsetof(struct tally, refused) + e * sizeof(long));

		if (n)
			printf(" %ld %s", n, strerrorname_np(e) ? strerrorname_np(e) : "?");
	}
	printf("\n");
}

int mutate(uint64_t seed, long first, long count)
{
	struct base *bases = shared(BASES * sizeof(*bases));
	struct tally *tally = shared(WORKERS * sizeof(*tally));
	long failed = 0, said = 0, begun;
	time_t start = time(NULL);
	pid_t pids[WORKERS], pid;
	struct task task;

	task_files();
	chmod("/tmp/task2.data", 0666); /* what the confined restarter opens, too */
	pid = task1_with_files("tiny");
	make_base(&bases[0], pid, 0);
	make_base(&bases[1], pid, CKPT_FLAG_VERSION2);
	kill(pid, SIGKILL);
	status_of(pid);
	task = task_stopped("/bin/task2", NULL);
	make_base(&bases[2], task.pid, CKPT_FLAG_VERSION2);
	task_kill(&task);
	if (!bases[0].metas || !bases[1].metas || !bases[2].metas)
		return 2;
	printf("# mutation seed %llu, images %ld to %ld, of %zu, %zu and %zu bytes\n", (unsigned long long)seed, first,
	       first + count - 1, bases[0].image.size, bases[1].image.size, bases[2].image.size);
	fflush(stdout);
	for (int w = 0; w < WORKERS; w++) {
		pids[w] = fork();
		if (!pids[w])
			worker(bases, seed, first + w, first + count, &tally[w]);
	}
	for (int w = 0; w < WORKERS;) {
		int status;

		if (waitpid(pids[w], &status, WNOHANG) == pids[w]) {
			failed += status != 0;
			w++;
			continue;
		}
		sleep(1);
		begun = sum(tally, offsetof(struct tally, begun));
		if (begun / 1000 > said) {
			said = begun / 1000;
			printf("# %ld images after %ld s\n", begun, (long)(time(NULL) - start));
			fflush(stdout);
		}
	}
	report(tally, time(NULL) - start);
	begun = sum(tally, offsetof(struct tally, begun));
	printf("%s 1 mutated images: %ld of %ld images, every task reaped\n",
	       failed || begun != count ? "not ok" : "ok", begun, count);
	fflush(stdout);
	return failed || begun != count;
}
