// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that runs out at every place where it can. In a kernel with fault
 * injection a task may ask that its n-th allocation fails (/proc/self/fail-nth):
 * n goes up until the call needs fewer.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktest.h"

enum { ALLOCATIONS_MAX = 5000 };

static struct layout layout;

static bool write_to(const char *path, const char *words)
{
	int fd = open(path, O_WRONLY);
	bool ok = fd >= 0 && write(fd, words, strlen(words)) == (ssize_t)strlen(words);

	close(fd);
	return ok;
}

/* Allocations of every kind and size are to fail, quietly. */
static bool injection(void)
{
	static const char *const sets[][2] = {
		{ "failslab/ignore-gfp-wait", "N" },	     { "failslab/verbose", "0" },
		{ "fail_page_alloc/ignore-gfp-wait", "N" },  { "fail_page_alloc/verbose", "0" },
		{ "fail_page_alloc/ignore-gfp-highmem", "N" }, { "fail_page_alloc/min-order", "0" },
	};
	char path[128];

	if (access("/proc/self/fail-nth", W_OK)) {
		printf("# no fault injection in this kernel: not tested\n");
		return false;
	}
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/%s", sets[i][0]);
		expect(write_to(path, sets[i][1]), "to write %s: %m", path);
	}
	return true;
}

/* fd is /proc/self/fail-nth. Return: allocations that are still to come before one fails; 0: one has failed. */
static int left(int fd)
{
	char text[16] = "";

	if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
		return -1;
	return atoi(text);
}

static void fail_at(int fd, int n)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%d", n);

	if (pwrite(fd, text, length, 0) != length)
		_exit(99);
}

/* Every dump either says ENOMEM or is whole; the dumped task knows nothing of it. */
static void dump(const char *program, const char *option, unsigned long flags, int good)
{
	struct task task = task_stopped(program, option);
	int fail = open("/proc/self/fail-nth", O_RDWR), to = memfd_create("image", 0), n, failed = 0;
	struct image image;

	/* the file has its pages from now on */
	expect(sys_checkpoint(task.pid, to, flags) > 0, "a dump: %m");
	for (n = 1; n < ALLOCATIONS_MAX; n++) {
		long ret;
		int error;

		lseek(to, 0, SEEK_SET);
		fail_at(fail, n);
		ret = sys_checkpoint(task.pid, to, flags);
		error = errno;
		if (left(fail) > 0) {
			fail_at(fail, 0);
			expect(ret > 0, "a dump with nothing failing");
			break;
		}
		failed += ret < 0;
		expect(ret > 0 || error == ENOMEM, "ENOMEM when allocation %d fails, not %s", n, strerrorname_np(error));
		if (ret < 0)
			continue;
		lseek(to, 0, SEEK_SET);
		image = image_read(to);
		expect(image_parse(&image, &layout), "a whole image when allocation %d fails", n);
		image_free(&image);
	}
	expect(n < ALLOCATIONS_MAX && failed > 3, "some of %d allocations to matter, not %d", n, failed);
	printf("# version %d: %d allocations, without %d of them ENOMEM\n", flags ? 2 : 1, n - 1, failed);
	kill(task.pid, SIGCONT);
	task_says(&task, "copy");
	expect(task_end(&task) == good, "status %d of the original", good);
	close(to);
	close(fail);
}

static void no_memory_to_dump(void)
{
	if (!injection())
		return;
	dump("/bin/task1", NULL, 0, 42);
	dump("/bin/task2", NULL, CKPT_FLAG_VERSION2, 43);
}

/* A caller's own memory, as far as it can tell. */
static unsigned long maps_sum(void)
{
	unsigned long sum = 0;
	char text[4096];
	int fd = open("/proc/self/maps", O_RDONLY);
	ssize_t n;

	while ((n = read(fd, text, sizeof(text))) > 0)
		for (ssize_t i = 0; i < n; i++)
			sum = sum * 31 + text[i];
	close(fd);
	return sum;
}

/* Becomes the task of the image, or exits with 0 and says errno on descriptor 4. Its parent traces it. */
static void try_restart(int in, unsigned long flags)
{
	unsigned long before;
	pid_t me = getpid();
	sigset_t mask, now;
	int error;

	sigemptyset(&mask);
	sigemptyset(&now);
	sigprocmask(SIG_BLOCK, NULL, &mask);
	maps_sum(); /* the stack grows for it */
	before = maps_sum();
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	/* not raise(): the next call after this one is sys_restart */
	syscall(SYS_kill, me, SIGSTOP);
	sys_restart(0, in, flags);
	error = errno;
	sigprocmask(SIG_BLOCK, NULL, &now);
	dprintf(4, "errno %d, memory %s, mask %s\n", error, maps_sum() == before ? "same" : "changed",
		memcmp(&mask, &now, 8) ? "changed" : "same");
	_exit(0);
}

static void step(pid_t pid)
{
	int status = 0;

	ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
	waitpid(pid, &status, 0);
	expect(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP, "a stop at the call, status %#x", status);
}

/* Only allocations of the call count. Return: how many more it may make before one fails. */
static int trace_call(pid_t pid, int n)
{
	char path[48];
	int fd, status, more;

	snprintf(path, sizeof(path), "/proc/%d/fail-nth", pid);
	fd = open(path, O_RDWR);
	waitpid(pid, &status, 0);
	step(pid);
	fail_at(fd, n);
	step(pid);
	more = left(fd);
	fail_at(fd, 0);
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	close(fd);
	return more;
}

struct traced {
	int in;
	unsigned long flags;
};

static void traced_body(int says, const void *arg)
{
	const struct traced *t = arg;
	int in = fcntl(t->in, F_DUPFD, 100);

	descriptors(says, -1);
	try_restart(in, t->flags);
}

static struct task start_traced(int in, unsigned long flags)
{
	const struct traced t = { in, flags };

	lseek(in, 0, SEEK_SET);
	return task_fork(traced_body, &t);
}

/* Every restart either says ENOMEM to a caller that is as before, or brings the whole task back. */
static void restart(const struct image *image, unsigned long flags, int good)
{
	int in = memfd_create("image", 0), n, failed = 0;

	feed(in, image->bytes, image->size);
	for (n = 1; n < ALLOCATIONS_MAX; n++) {
		struct task task = start_traced(in, flags);
		int more = trace_call(task.pid, n), error = 0, status;
		const char *line;

		if (flags) { /* the copy stops first, as the original had; a caller that failed ends */
			waitid(P_PID, task.pid, NULL, WEXITED | WSTOPPED | WNOWAIT);
			kill(task.pid, SIGCONT);
		}
		line = task_line(&task);
		if (sscanf(line, "errno %d", &error) == 1) {
			failed++;
			expect(strstr(line, "memory same, mask same"), "a caller as before: %s", line);
		} else {
			expect(!strcmp(line, "copy"), "a whole copy when allocation %d fails: %s", n, line);
		}
		status = task_end(&task);
		expect(status == (error ? 0 : good), "status %d when allocation %d fails, error %d", status, n, error);
		expect(!error || error == ENOMEM || error == EAGAIN, "ENOMEM when allocation %d fails, not %s", n,
		       strerrorname_np(error));
		if (more > 0) {
			expect(!error, "a copy with nothing failing");
			break;
		}
	}
	expect(n < ALLOCATIONS_MAX && failed > 10, "some of %d allocations to matter, not %d", n, failed);
	printf("# version %d: %d allocations, without %d of them an error\n", flags ? 2 : 1, n - 1, failed);
	close(in);
}

static void no_memory_to_restart(void)
{
	if (!injection())
		return;
	make_images();
	restart(&image1, 0, 42);
	restart(&image2, CKPT_FLAG_VERSION2, 43);
}

const struct test fault_tests[] = {
	{ "faults: ENOMEM at every allocation of sys_checkpoint", no_memory_to_dump },
	{ "faults: ENOMEM at every allocation of sys_restart", no_memory_to_restart },
	{ NULL, NULL },
};
