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

static void prepare(void)
{
	file_of_f("/tmp/task2.data", 8);
	mkdir("/tmp/task2.dir", 0755);
}

/* A copy of a task that was stopped by a signal is stopped, too: SIGCONT lets it go on. */
static void finish(struct task *copy, bool stopped)
{
	if (stopped) {
		task_wait_stopped(copy);
		kill(copy->pid, SIGCONT);
	}
	task_says(copy, "copy");
	expect(task_end(copy) == 43, "status 43 of the copy");
}

static void other(void)
{
	struct task task, copy;
	struct image image;
	long crid;

	prepare();
	task = task_start("/bin/task2", "stop", NULL, -1);
	task_says(&task, "ready");
	task_wait_stopped(&task);
	image = dump_stopped(task.pid, CKPT_FLAG_VERSION2, &crid);
	expect(crid > 0, "a crid, not %ld", crid);
	expect(image_parse(&image, &layout) && layout.version == 2, "a whole image (%zu bytes)", image.size);
	task_kill(&task);
	copy = restart_image(&image, CKPT_FLAG_VERSION2);
	finish(&copy, true);
	image_free(&image);
}

static void again(void)
{
	struct task task, copy;
	struct image image, second;
	struct layout *other_layout = malloc(sizeof(*other_layout));
	long crid;

	prepare();
	task = task_start("/bin/task2", "stop", NULL, -1);
	task_says(&task, "ready");
	task_wait_stopped(&task);
	image = dump_stopped(task.pid, CKPT_FLAG_VERSION2, &crid);
	task_kill(&task);
	copy = restart_image(&image, CKPT_FLAG_VERSION2);
	task_wait_stopped(&copy);
	second = dump_stopped(copy.pid, CKPT_FLAG_VERSION2, &crid);
	expect(crid > 0, "a crid of the copy, not %ld", crid);
	expect(image_parse(&image, &layout) && image_parse(&second, other_layout), "whole images");
	/* the numbers in the names of its pipes may have other lengths */
	expect(layout.count == other_layout->count &&
	       pages_between(&image, &layout, 0, ~0UL) == pages_between(&second, other_layout, 0, ~0UL),
	       "as many mappings and pages in a copy's image: %d, %d", layout.count, other_layout->count);
	task_kill(&copy);
	copy = restart_image(&second, CKPT_FLAG_VERSION2);
	finish(&copy, true);
	image_free(&image);
	image_free(&second);
	free(other_layout);
}

static void self(void)
{
	struct task task, copy;
	struct image image;
	long crid = 0;
	int fds[2];

	prepare();
	if (pipe(fds))
		return;
	task = task_start("/bin/task2", "self", NULL, fds[1]);
	close(fds[1]);
	image = image_read(fds[0]);
	close(fds[0]);
	expect(sscanf(task_line(&task), "crid %ld", &crid) == 1 && crid > 0, "a crid");
	expect(task_end(&task) == 0, "the original to go on");
	copy = restart_image(&image, CKPT_FLAG_VERSION2);
	finish(&copy, false);
	image_free(&image);
}

/* Stopped by a tracer in the middle of what it does, as ckpt save does it. */
static struct image dump_traced(struct task *task, long *crid)
{
	struct image image;
	int status;

	usleep(200000);
	expect(ptrace(PTRACE_SEIZE, task->pid, 0, 0) == 0, "to seize");
	ptrace(PTRACE_INTERRUPT, task->pid, 0, 0);
	waitpid(task->pid, &status, __WALL);
	image = dump_stopped(task->pid, CKPT_FLAG_VERSION2, crid);
	expect(*crid > 0, "a crid, not %ld", *crid);
	ptrace(PTRACE_DETACH, task->pid, 0, 0);
	task_kill(task);
	return image;
}

static void loop(void)
{
	struct task task, copy;
	struct image image;
	long crid;

	prepare();
	task = task_start("/bin/task2", "loop", NULL, -1);
	task_says(&task, "ready");
	image = dump_traced(&task, &crid);
	copy = restart_image(&image, CKPT_FLAG_VERSION2);
	usleep(200000);
	kill(copy.pid, SIGUSR2);
	finish(&copy, false);
	image_free(&image);
}

static void sleeps(void)
{
	struct task task, copy;
	struct image image;
	long crid;

	prepare();
	task = task_start("/bin/task2", "sleep", NULL, -1);
	task_says(&task, "ready");
	image = dump_traced(&task, &crid);
	copy = restart_image(&image, CKPT_FLAG_VERSION2);
	finish(&copy, false);
	image_free(&image);
}

const struct test version2_tests[] = {
	{ "version 2: a stopped glibc program is dumped, killed and restarted from a pipe", other },
	{ "version 2: a copy is dumped and restarted again", again },
	{ "version 2: a glibc program checkpoints itself", self },
	{ "version 2: a loop over the vdso's clock goes on", loop },
	{ "version 2: a task inside nanosleep gets EINTR", sleeps },
	{ NULL, NULL },
};
