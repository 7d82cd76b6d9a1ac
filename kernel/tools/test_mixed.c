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

#define TWIN "/bin/ckpt-process"

static struct layout layout;

static bool there(void)
{
	if (!access(TWIN, X_OK))
		return true;
	printf("# no " TWIN " in this guest: not tested\n");
	return false;
}

static struct task stopped(const char *program, const char *ready)
{
	struct task task;

	file_of_f("/tmp/task1.data", 8);
	file_of_f("/tmp/task2.data", 8);
	mkdir("/tmp/task2.dir", 0755);
	task = task_start(program, "stop", NULL, -1);
	task_says(&task, ready);
	task_wait_stopped(&task);
	return task;
}

static struct image dump_by_twin(pid_t pid, const char *format)
{
	struct image image;
	char number[16];
	int fds[2];
	pid_t twin;

	snprintf(number, sizeof(number), "%d", pid);
	if (pipe(fds))
		abort();
	fflush(stdout);
	twin = fork();
	if (!twin) {
		dup2(fds[1], 1);
		close(fds[0]);
		close(fds[1]);
		execl(TWIN, TWIN, "checkpoint", "--pid", number, "--format", format, "--via", "user", NULL);
		_exit(127);
	}
	close(fds[1]);
	image = image_read(fds[0]);
	close(fds[0]);
	expect(status_of(twin) == 0, "the twin to dump");
	expect(image_parse(&image, &layout), "a whole image of the twin (%zu bytes)", image.size);
	return image;
}

static void become_by_twin(int in, int says, const void *how)
{
	(void)how;
	dup2(in, 0);
	dup2(says, 1);
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	execl(TWIN, TWIN, "restart", "--via", "user", NULL);
}

static struct task restart_by_twin(const struct image *image)
{
	return task_of_image(image, become_by_twin, NULL);
}

static void twin_to_kernel(void)
{
	struct task task, copy;
	struct image image;

	if (!there())
		return;
	task = stopped("/bin/task2", "ready");
	image = dump_by_twin(task.pid, "2");
	task_kill(&task);
	copy = restart_image(&image, CKPT_FLAG_VERSION2);
	task_wait_stopped(&copy);
	kill(copy.pid, SIGCONT);
	task_says(&copy, "copy");
	expect(task_end(&copy) == 43, "status 43 of the copy");
	image_free(&image);
}

static void twin_to_kernel1(void)
{
	struct task copy;
	struct image image;
	pid_t pid;

	if (!there())
		return;
	file_of_f("/tmp/task1.data", 8);
	/* the twin refuses pipes, in version 1 too */
	pid = task1_with_files(NULL);
	image = dump_by_twin(pid, "1");
	kill(pid, SIGKILL);
	status_of(pid);
	copy = restart_image(&image, 0);
	task_says(&copy, "copy");
	expect(task_end(&copy) == 42, "status 42 of the copy");
	image_free(&image);
}

static void kernel_to_twin(void)
{
	struct task task, copy;
	struct image image;
	char line[256];
	long crid;
	int pid = 0;

	if (!there())
		return;
	task = stopped("/bin/task2", "ready");
	image = dump_stopped(task.pid, CKPT_FLAG_VERSION2, &crid);
	task_kill(&task);
	copy = restart_by_twin(&image);
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
	task_says(&copy, "copy");
	expect(task_end(&copy) == 43, "status 43 through the twin");
	image_free(&image);
}

const struct test mixed_tests[] = {
	{ "twin: its version-2 image restarts in the kernel", twin_to_kernel },
	{ "twin: its version-1 image restarts in the kernel", twin_to_kernel1 },
	{ "twin: the kernel's version-2 image restarts in user space", kernel_to_twin },
	{ NULL, NULL },
};
