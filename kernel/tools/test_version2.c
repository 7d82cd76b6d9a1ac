// SPDX-License-Identifier: GPL-2.0
/* Version 2: round trips of an ordinary program of glibc. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
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

const struct test version2_tests[] = {
	{ "version 2: a stopped glibc program is dumped, killed and restarted from a pipe", other },
	{ "version 2: a copy is dumped and restarted again", again },
	{ "version 2: a glibc program checkpoints itself", self },
	{ "version 2: a loop over the vdso's clock goes on", loop },
	{ "version 2: a task inside nanosleep gets EINTR", sleeps },
	{ NULL, NULL },
};
