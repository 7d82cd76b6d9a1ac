// SPDX-License-Identifier: GPL-2.0
/* ckpt-process, the program behind `ckpt save` and `ckpt restart`: through the system calls, or their twin in user space. */
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "ktest.h"

#define PROGRAM "/bin/ckpt-process"

bool program_there(void)
{
	if (!access(PROGRAM, X_OK))
		return true;
	printf("# no " PROGRAM " in this guest: not tested\n");
	return false;
}

/* A descriptor that holds bytes and can be read from the start. */
int memory(const struct image *image)
{
	int fd = memfd_create("bytes", 0);

	if (image)
		feed(fd, image->bytes, image->size);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

void program_said(struct run *run, int fd)
{
	ssize_t n = pread(fd, run->said, sizeof(run->said) - 1, 0);

	run->said[n > 0 ? n : 0] = '\0';
	close(fd);
}

/* checkpoint: the image through a pipe, status lines into a file. @drop: without CAP_SYS_ADMIN */
struct run program_checkpoint(pid_t pid, const char *format, const char *more, const char *value, bool drop)
{
	struct run run = { 0 };
	int fds[2], status = memory(NULL);
	char number[16], to[16];
	pid_t child;

	snprintf(number, sizeof(number), "%d", pid);
	snprintf(to, sizeof(to), "%d", status);
	if (pipe(fds))
		abort();
	fflush(stdout);
	child = fork();
	if (!child) {
		dup2(fds[1], 1);
		close(fds[0]);
		close(fds[1]);
		if (drop && prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN))
			_exit(99);
		execl(PROGRAM, PROGRAM, "checkpoint", "--pid", number, "--format", format, "--status-fd", to, more,
		      value, NULL);
		_exit(127);
	}
	close(fds[1]);
	run.image = image_read(fds[0]);
	close(fds[0]);
	run.status = status_of(child);
	program_said(&run, status);
	return run;
}

struct restart_how {
	const char *more, *value;
	int status;
};

static void become_by_program(int in, int says, const void *arg)
{
	const struct restart_how *how = arg;
	char to[16];

	snprintf(to, sizeof(to), "%d", how->status);
	dup2(in, 0);
	dup2(says, 1);
	for (int fd = 3; fd < 64; fd++)
		if (fd != how->status)
			close(fd);
	execl(PROGRAM, PROGRAM, "restart", "--status-fd", to, how->more, how->value, NULL);
}

/* restart: the image from a pipe. The program stays as the copy's parent, and its status is the copy's. */
struct task program_restart(const struct image *image, const char *more, const char *value, int status)
{
	struct restart_how how = { more, value, status };

	return task_of_image(image, become_by_program, &how);
}

