// SPDX-License-Identifier: GPL-2.0
/* What cannot be carried: an error before it is lost, and its name in the kernel log. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ktest.h"

#ifndef MADV_HWPOISON
#define MADV_HWPOISON 100
#endif

static struct layout layout;

/* What the kernel says from now on. */
static int log_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);

	lseek(fd, 0, SEEK_END);
	return fd;
}

/* Return: whether a line has both. */
static bool log_says(int fd, const char *who, const char *what)
{
	char line[1024];
	bool found = false;
	ssize_t n;

	while ((n = read(fd, line, sizeof(line) - 1)) > 0) {
		line[n] = '\0';
		found |= strstr(line, who) && strstr(line, what);
	}
	return found;
}

static void *map(size_t bytes, int prot, int flags, int fd, off_t at)
{
	void *got = mmap(NULL, bytes, prot, flags, fd, at);

	if (got == MAP_FAILED)
		_exit(99);
	return got;
}

static char *area(size_t bytes)
{
	char *at = map(bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(at, 'A', bytes);
	return at;
}

static bool as_before(void)
{
	return true;
}

static void make_hugetlb(void)
{
	map(2 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
}

static void make_device(void)
{
	int fd = open("/dev/mem", O_RDONLY);

	map(4096, PROT_READ, MAP_PRIVATE, fd, 0xf0000);
	close(fd);
}

static void make_shared(void)
{
	map(4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static void make_served(void)
{
	int fd = syscall(SYS_userfaultfd, 0);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .range = { (unsigned long)area(8192), 8192 },
					 .mode = UFFDIO_REGISTER_MODE_MISSING };

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &range))
		_exit(99);
}

static void make_keyed(void)
{
	int key = pkey_alloc(0, 0);

	if (key < 0 || pkey_mprotect(area(4096), 4096, PROT_READ | PROT_WRITE, key))
		_exit(99);
}

static void make_filtered(void)
{
	struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = { 1, &all };

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(99);
}

static void make_dispatched(void)
{
	static volatile char selector; /* SYSCALL_DISPATCH_FILTER_ALLOW */

	if (prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0UL, 0UL, &selector))
		_exit(99);
}

static void make_poisoned(void)
{
	if (madvise(area(4096), 4096, MADV_HWPOISON))
		_exit(99);
}

static void make_deleted(void)
{
	int fd = open("/tmp/deleted", O_CREAT | O_RDWR, 0600);

	if (ftruncate(fd, 4096))
		_exit(99);
	map(4096, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	unlink("/tmp/deleted");
}

/* It has another name, but nobody knows which. */
static void make_renamed(void)
{
	unlink("/tmp/other");
	close(open("/tmp/deleted", O_CREAT | O_RDWR, 0600));
	if (link("/tmp/deleted", "/tmp/other"))
		_exit(99);
	make_deleted();
}

static void make_homeless(void)
{
	if (mkdir("/tmp/gone", 0700) || chdir("/tmp/gone") || rmdir("/tmp/gone"))
		_exit(99);
}

static void make_pipe(void)
{
	int fds[2];

	if (pipe(fds))
		_exit(99);
}

static void make_rooted(void)
{
	if (chroot("/tmp"))
		_exit(99);
}

static void make_foreign_timer(void)
{
	struct sigevent none = { .sigev_notify = SIGEV_NONE };
	clockid_t clock;
	timer_t timer;

	if (clock_getcpuclockid(getppid(), &clock) || timer_create(clock, &none, &timer))
		_exit(99);
}

/* Every second page has another protection. */
static void make_many(void)
{
	char *at = map(33000 * 4096UL, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	for (long page = 0; page < 33000; page += 2)
		if (mprotect(at + page * 4096, 4096, PROT_READ))
			_exit(99);
}

/* said1: refused or, with an image, lost. No error: a whole image. NULL: nothing to be said. */
static const struct refusal {
	void (*make)(void);
	int error1;
	const char *said1;
	int error2;
	const char *said2;
} refusals[] = {
	{ make_hugetlb, ETXTBSY, "huge pages of hugetlbfs", ETXTBSY, "huge pages of hugetlbfs" },
	{ make_device, ETXTBSY, "memory of a device", ETXTBSY, "memory of a device" },
	{ make_shared, ETXTBSY, "shared memory that can be written", ETXTBSY, "shared memory that can be written" },
	{ make_served, 0, "userfaultfd", ETXTBSY, "memory that a userfaultfd serves" },
	{ make_keyed, 0, NULL, ETXTBSY, "memory under a protection key" },
	{ make_filtered, 0, "seccomp", EOPNOTSUPP, "seccomp cannot be carried" },
	{ make_dispatched, 0, "system call dispatch", EOPNOTSUPP, "system call dispatch cannot be carried" },
	{ make_poisoned, EFAULT, "memory that is lost", EFAULT, "memory that is lost" },
	{ make_deleted, 0, "deleted mapped files", EOPNOTSUPP, "deleted mapped file /tmp/deleted" },
	{ make_renamed, 0, "deleted mapped files", EOPNOTSUPP, "deleted mapped file /tmp/deleted" },
	{ make_homeless, 0, NULL, EOPNOTSUPP, "deleted working directory /tmp/gone" },
	{ make_pipe, 0, "open files", EOPNOTSUPP, "descriptor 3" },
	{ make_rooted, 0, NULL, EOPNOTSUPP, "another root directory" },
	{ make_foreign_timer, 0, "timers", EOPNOTSUPP, "a timer on clock" },
	{ make_many, E2BIG, "too many for version 1", 0, NULL },
};

static void dump(const struct task *task, unsigned long flags, int error, const char *said)
{
	int log = log_open(), version = flags ? 2 : 1;
	struct image image;
	char who[32];
	long crid;

	snprintf(who, sizeof(who), "pid %d ", task->pid);
	image = dump_stopped(task->pid, flags, &crid);
	expect(error ? crid == -error : crid > 0, "%s from version %d, not %ld (%s)",
	       error ? strerrorname_np(error) : "a crid", version, crid, said ? said : "");
	expect(!error || !image_parse(&image, &layout), "no whole image with an error");
	expect(!said || log_says(log, who, said), "\"%s\" in the kernel log of version %d", said, version);
	close(log);
	image_free(&image);
}

static void dumps(void)
{
	int fd = open("/proc/sys/vm/nr_hugepages", O_WRONLY);

	expect(write(fd, "2", 1) == 1, "huge pages");
	close(fd);
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct refusal *r = &refusals[i];
		struct task task = task_making(r->make, as_before);

		dump(&task, 0, r->error1, r->said1);
		dump(&task, CKPT_FLAG_VERSION2, r->error2, r->said2);
		kill(task.pid, SIGCONT);
		task_says(&task, "copy"); /* none the worse for it */
		expect(task_end(&task) == 43, "the task to go on");
	}
}

/* All that version 1 loses of an ordinary program. */
static void losses(void)
{
	static const char *const lost[] = { "r8 to r15", "fs base", "extended FPU state", "signal handlers", "signal mask",
					    "pending signals", "timers", "alternate stack", "rseq area", "robust list",
					    "open files" };
	struct task task = task_stopped("/bin/task2", NULL);
	struct image image;
	char line[1024] = "";
	int log = log_open();
	ssize_t n;
	long crid;

	image = dump_stopped(task.pid, 0, &crid);
	task_kill(&task);
	image_free(&image);
	expect(crid > 0, "a crid, not %ld", crid);
	do {
		n = read(log, line, sizeof(line) - 1);
		line[n > 0 ? n : 0] = '\0';
	} while (n > 0 && !strstr(line, "version 1 does not carry: "));
	close(log);
	for (size_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++)
		expect(strstr(line, lost[i]) || (!strcmp(lost[i], "extended FPU state") && !__builtin_cpu_supports("avx2")),
		       "\"%s\" in \"%s\"", lost[i], line);
}

/* 64-bit text that jumps into 32-bit code, which jumps to itself. */
static void run_32bit(int says, const void *arg)
{
	static const unsigned char here[] = { 0xeb, 0xfe };
	unsigned char *at = map(4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	/* not lret: emulators read its stack as the kernel would */
	const struct {
		uint32_t ip;
		uint16_t cs;
	} there = { (uint32_t)(unsigned long)at, 0x23 };

	(void)says;
	(void)arg;
	memcpy(at, here, sizeof(here));
	asm volatile("ljmpl *%0" : : "m"(there));
}

static void code_of_32_bits(void)
{
	struct task task = task_fork(run_32bit, NULL);
	long crid = 1;

	/* until it is there */
	for (int tries = 0; tries < 100 && crid > 0; tries++) {
		struct image image;

		usleep(50000);
		kill(task.pid, SIGSTOP);
		task_wait_stopped(&task);
		image = dump_stopped(task.pid, 0, &crid);
		image_free(&image);
		if (crid > 0)
			kill(task.pid, SIGCONT);
	}
	expect(crid == -EOPNOTSUPP, "EOPNOTSUPP in version 1, not %ld", crid);
	dump(&task, CKPT_FLAG_VERSION2, EOPNOTSUPP, "32-bit code");
	task_kill(&task);
}

static void refuse(const struct image *image, unsigned long flags, int error, const char *said)
{
	int log = log_open(), got = restart_errno(image, flags);

	expect(got == error, "%s, not %s (%s)", strerrorname_np(error), strerrorname_np(got), said);
	expect(log_says(log, "ckpt: pid ", said), "\"%s\" in the kernel log", said);
	close(log);
}

/* A vdso whose entry points are not this kernel's. */
static void vdso(void)
{
	static const char name[] = "__vdso_gettimeofday";
	struct image bad;
	size_t at;

	make_images();
	bad = image_copy(&image2);
	at = image_find2(&bad, CKPT_REC_VDSO, 0);
	bad.bytes[at + offsetof(struct cr2_vdso, vdso_crc32c)] ^= 1;
	/* other bytes with the same entry points will do */
	expect(restart_errno(&bad, CKPT_FLAG_VERSION2) == EINVAL, "only the checksum to complain");
	bad.bytes[at + offsetof(struct cr2_vdso, build_id)] ^= 1;
	refuse(&bad, CKPT_FLAG_VERSION2, EOPNOTSUPP, "this kernel's vdso is not the image's");
	image_free(&bad);

	bad = image_copy(&image1);
	at = (uint8_t *)memmem(bad.bytes, bad.size, name, sizeof(name)) - bad.bytes;
	expect(at < bad.size, "a vdso in the image");
	if (at < bad.size) {
		bad.bytes[at + 8] ^= 1;
		refuse(&bad, 0, EOPNOTSUPP, "this kernel's vdso has another layout");
	}
	image_free(&bad);
}

/* An unknown record of @len bytes in front of the tail, which knows of it. */
static struct image with_record(const struct image *image, uint32_t flags, uint32_t len)
{
	struct cr2_hdr hdr = { .type = 9999, .len = len, .flags = flags };
	size_t add = sizeof(hdr) + len, tail;
	struct image more = { calloc(1, image->size + add), image->size + add };
	struct cr2_tail rec;

	image_parse(image, &layout);
	tail = layout.tail - sizeof(struct cr2_hdr);
	memcpy(more.bytes, image->bytes, tail);
	memcpy(more.bytes + tail, &hdr, sizeof(hdr));
	memcpy(more.bytes + tail + add, image->bytes + tail, image->size - tail);
	memcpy(&rec, image->bytes + layout.tail, sizeof(rec));
	rec.records++;
	rec.bytes += add;
	rec.crc32c = crc32c(more.bytes, tail + add);
	memcpy(more.bytes + layout.tail + add, &rec, sizeof(rec));
	return more;
}

static void unknown_records(void)
{
	struct image more;
	struct task copy;

	make_images();
	more = with_record(&image2, 0, 12);
	refuse(&more, CKPT_FLAG_VERSION2, EOPNOTSUPP, "the image needs a record of type 9999");
	image_free(&more);
	more = with_record(&image2, CKPT_REC_OPTIONAL, 5000);
	copy = restart_image(&more, CKPT_FLAG_VERSION2);
	task_goes_on(&copy, true, 43);
	image_free(&more);
}

const struct test refused_tests[] = {
	{ "refused: by an error, and by name in the kernel log; what version 1 loses is named", dumps },
	{ "refused: version 1 names all that it loses", losses },
	{ "refused: 32-bit code", code_of_32_bits },
	{ "refused: a vdso with other entry points", vdso },
	{ "refused: unknown records, but for optional ones", unknown_records },
	{ NULL, NULL },
};
