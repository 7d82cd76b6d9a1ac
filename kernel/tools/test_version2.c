// SPDX-License-Identifier: GPL-2.0
/* Version 2: round trips of an ordinary program of glibc. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ktest.h"

static struct layout layout;

static void other(void)
{
	struct task task = task_stopped("/bin/task2", NULL), copy;
	struct image image = dump_whole(task.pid, CKPT_FLAG_VERSION2, &layout);

	task_kill(&task);
	copy = restart_image(&image, CKPT_FLAG_VERSION2);
	task_goes_on(&copy, true, 43);
	image_free(&image);
}

static void again(void)
{
	static struct layout other_layout;
	struct task task = task_stopped("/bin/task2", NULL), copy;
	struct image image = dump_whole(task.pid, CKPT_FLAG_VERSION2, &layout), second;

	task_kill(&task);
	copy = restart_image(&image, CKPT_FLAG_VERSION2);
	task_wait_stopped(&copy);
	second = dump_whole(copy.pid, CKPT_FLAG_VERSION2, &other_layout);
	/* the numbers in the names of its pipes may have other lengths */
	expect(layout.count == other_layout.count &&
	       pages_between(&image, &layout, 0, ~0UL) == pages_between(&second, &other_layout, 0, ~0UL),
	       "as many mappings and pages in a copy's image: %d, %d", layout.count, other_layout.count);
	task_kill(&copy);
	copy = restart_image(&second, CKPT_FLAG_VERSION2);
	task_goes_on(&copy, true, 43);
	image_free(&image);
	image_free(&second);
}

static void self(void)
{
	struct task task, copy;
	struct image image;
	long crid = 0;
	int fds[2];

	task_files();
	if (pipe(fds))
		return;
	task = task_start("/bin/task2", "self", NULL, fds[1]);
	close(fds[1]);
	image = image_read(fds[0]);
	close(fds[0]);
	expect(sscanf(task_line(&task), "crid %ld", &crid) == 1 && crid > 0, "a crid");
	expect(task_end(&task) == 0, "the original to go on");
	copy = restart_image(&image, CKPT_FLAG_VERSION2);
	task_goes_on(&copy, false, 43);
	image_free(&image);
}

/* The copy of a task that was stopped by a tracer in the middle of what it does, as ckpt save does it. */
static struct task copy_of_traced(const char *mode)
{
	struct task task, copy;
	struct image image;
	int status;

	task_files();
	task = task_start("/bin/task2", mode, NULL, -1);
	task_says(&task, "ready");
	usleep(200000);
	expect(ptrace(PTRACE_SEIZE, task.pid, 0, 0) == 0, "to seize");
	ptrace(PTRACE_INTERRUPT, task.pid, 0, 0);
	waitpid(task.pid, &status, __WALL);
	image = dump_whole(task.pid, CKPT_FLAG_VERSION2, &layout);
	ptrace(PTRACE_DETACH, task.pid, 0, 0);
	task_kill(&task);
	copy = restart_image(&image, CKPT_FLAG_VERSION2);
	image_free(&image);
	return copy;
}

static void loop(void)
{
	struct task copy = copy_of_traced("loop");

	usleep(200000);
	kill(copy.pid, SIGUSR2);
	task_goes_on(&copy, false, 43);
}

static void sleeps(void)
{
	struct task copy = copy_of_traced("sleep");

	task_goes_on(&copy, false, 43);
}

/* Descriptors of the LDT and of the 32-bit set_thread_area. */
static void segments(void)
{
	char said[16] = "";
	pid_t pid;
	struct image image;
	struct task copy;
	int fd;

	task_files();
	pid = task1_with_files("ldt");
	image = dump_whole(pid, CKPT_FLAG_VERSION2, &layout);
	kill(pid, SIGKILL);
	status_of(pid);
	expect(layout.ldt && layout.tls, "LDT and TLS records");
	copy = restart_image(&image, CKPT_FLAG_VERSION2);
	task_wait_stopped(&copy);
	kill(copy.pid, SIGCONT);
	expect(task_end(&copy) == 42, "all segments and memory to be there");
	fd = open("/tmp/said", O_RDONLY);
	expect(read(fd, said, sizeof(said) - 1) > 0 && strstr(said, "copy"), "\"copy\" in its own file, not \"%s\"", said);
	close(fd);
	image_free(&image);
}

static volatile int visits;

static __attribute__((noinline)) void visited(void)
{
	visits++;
}

static void make_nothing(void)
{
}

static bool visit(void)
{
	visited();
	return true;
}

/* A debugger's breakpoint in the processor goes on in a copy, which has no debugger and dies of it. */
static void breakpoints(void)
{
	struct task task = task_making(make_nothing, visit), copy;
	struct cr2_regs regs;
	struct image image;
	int status;

	ptrace(PTRACE_SEIZE, task.pid, 0, 0);
	ptrace(PTRACE_INTERRUPT, task.pid, 0, 0);
	waitpid(task.pid, &status, __WALL);
	expect(!ptrace(PTRACE_POKEUSER, task.pid, offsetof(struct user, u_debugreg[0]), visited) &&
	       !ptrace(PTRACE_POKEUSER, task.pid, offsetof(struct user, u_debugreg[7]), 1L), "a breakpoint");
	image = dump_whole(task.pid, CKPT_FLAG_VERSION2, &layout);
	ptrace(PTRACE_DETACH, task.pid, 0, 0);
	task_kill(&task);
	memcpy(&regs, image.bytes + layout.regs, sizeof(regs));
	expect(regs.uses_debug && regs.debugreg0 == (unsigned long)visited && regs.debugreg7 & 1, "it to be in the image");
	copy = restart_image(&image, CKPT_FLAG_VERSION2);
	task_wait_stopped(&copy);
	kill(copy.pid, SIGCONT);
	status = task_end(&copy);
	expect(status == 128 + SIGTRAP, "the copy to run into it, not status %d", status);
	image_free(&image);
}

enum { MANY = 700 };

static void make_many(void)
{
	struct sigevent quiet = { .sigev_notify = SIGEV_NONE };
	union sigval value;
	sigset_t set;
	timer_t timer;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 3);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (int i = 0; i < MANY; i++) {
		value.sival_int = i;
		if (sigqueue(getpid(), SIGRTMIN + 3, value) || timer_create(CLOCK_MONOTONIC, &quiet, &timer))
			_exit(99);
	}
}

static bool still_many(void)
{
	static bool once;
	const struct timespec now = { 0, 0 };
	struct itimerspec at;
	siginfo_t info;
	sigset_t set;

	if (once)
		return true;
	once = true;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 3);
	for (int i = 0; i < MANY; i++)
		if (sigtimedwait(&set, &info, &now) != SIGRTMIN + 3 || info.si_value.sival_int != i ||
		    syscall(SYS_timer_gettime, (long)i, &at))
			return false;
	return sigtimedwait(&set, &info, &now) == -1 && syscall(SYS_timer_gettime, (long)MANY, &at) == -1;
}

/* As many as RLIMIT_SIGPENDING allows, not as many as somebody thought enough. */
static void many(void)
{
	struct task task = task_making(make_many, still_many), copy;
	struct image image = dump_whole(task.pid, CKPT_FLAG_VERSION2, &layout);

	task_kill(&task);
	copy = restart_image(&image, CKPT_FLAG_VERSION2);
	task_goes_on(&copy, true, 43);
	image_free(&image);
}

const struct test version2_tests[] = {
	{ "version 2: a stopped glibc program is dumped, killed and restarted from a pipe", other },
	{ "version 2: a copy is dumped and restarted again", again },
	{ "version 2: a glibc program checkpoints itself", self },
	{ "version 2: LDT and TLS entries survive", segments },
	{ "version 2: hardware breakpoints", breakpoints },
	{ "version 2: 700 pending signals and as many timers", many },
	{ "version 2: a loop over the vdso's clock goes on", loop },
	{ "version 2: a task inside nanosleep gets EINTR", sleeps },
	{ NULL, NULL },
};
