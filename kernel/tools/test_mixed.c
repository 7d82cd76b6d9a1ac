// SPDX-License-Identifier: GPL-2.0
/* The system calls and their twin in user space, native/process, take each other's images. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ktest.h"

static struct layout layout;

static struct image dump_by_twin(pid_t pid, const char *format)
{
	struct run run = program_checkpoint(pid, format, "--via", "user", false);

	expect(run.status == 0, "the twin to dump: %s", run.said);
	expect(image_parse(&run.image, &layout), "a whole image of the twin (%zu bytes)", run.image.size);
	return run.image;
}

static void twin_to_kernel(void)
{
	struct task task, copy;
	struct image image;

	if (!program_there())
		return;
	task = task_stopped("/bin/task2", NULL);
	image = dump_by_twin(task.pid, "2");
	task_kill(&task);
	copy = restart_image(&image, CKPT_FLAG_VERSION2);
	task_goes_on(&copy, true, 43);
	image_free(&image);
}

static void twin_to_kernel1(void)
{
	struct task copy;
	struct image image;
	pid_t pid;

	if (!program_there())
		return;
	task_files();
	/* the twin refuses pipes, in version 1 too */
	pid = task1_with_files(NULL);
	image = dump_by_twin(pid, "1");
	kill(pid, SIGKILL);
	status_of(pid);
	copy = restart_image(&image, 0);
	task_goes_on(&copy, false, 42);
	image_free(&image);
}

static void kernel_to_twin(void)
{
	struct task task, copy;
	struct image image;
	char line[256];
	int pid = 0, status = memory(NULL);

	if (!program_there())
		return;
	task = task_stopped("/bin/task2", NULL);
	image = dump_whole(task.pid, CKPT_FLAG_VERSION2, &layout);
	task_kill(&task);
	copy = program_restart(&image, "--via", "user", status);
	/* the copy is the twin's child, and stopped as the original was */
	for (int tries = 0; tries < 100 && !pid; tries++) {
		FILE *ps = popen("ps -o pid,comm,stat | grep 'task-two *T'", "r");

		if (ps && fgets(line, sizeof(line), ps))
			pid = atoi(line);
		if (ps)
			pclose(ps);
		usleep(100000);
	}
	expect(pid > 0, "a stopped copy");
	if (pid > 0)
		kill(pid, SIGCONT);
	task_goes_on(&copy, false, 43);
	image_free(&image);
}

const struct test mixed_tests[] = {
	{ "twin: its version-2 image restarts in the kernel", twin_to_kernel },
	{ "twin: its version-1 image restarts in the kernel", twin_to_kernel1 },
	{ "twin: the kernel's version-2 image restarts in user space", kernel_to_twin },
	{ NULL, NULL },
};
