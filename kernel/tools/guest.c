// SPDX-License-Identifier: GPL-2.0
/* Tasks to be dumped, and what becomes of their images. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktest.h"

long sys_checkpoint(pid_t pid, int fd, unsigned long flags)
{
	return syscall(CKPT_NR_CHECKPOINT, pid, fd, flags);
}

long sys_restart(int crid, int fd, unsigned long flags)
{
	return syscall(CKPT_NR_RESTART, crid, fd, flags);
}

int error_of(long ret)
{
	return ret < 0 ? errno : 0;
}

static void place(int fd, int as)
{
	if (fd != as) {
		dup2(fd, as);
		close(fd);
	}
}

/*
 * Descriptors of a task of ours: 3 takes its own image, 1 and 4 are what it
 * says, 5 takes and 6 gives bytes for its probes of memory.
 */
void descriptors(int says, int image_fd)
{
	int high = fcntl(says, F_DUPFD, 100), image = -1;

	if (image_fd >= 0)
		image = fcntl(image_fd, F_DUPFD, 100);
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	if (image >= 0)
		dup2(image, 3);
	dup2(high, 4);
	dup2(high, 1);
	close(high);
	if (image >= 0)
		close(image);
	place(open("/tmp/probe", O_CREAT | O_TRUNC | O_WRONLY, 0600), 5);
	place(open("/dev/zero", O_RDONLY), 6);
}

/* A child that does what @body does, with the end of a pipe to talk into. */
struct task task_fork(void (*body)(int says, const void *arg), const void *arg)
{
	struct task task;
	int says[2];

	if (pipe(says))
		abort();
	fflush(stdout);
	task.pid = fork();
	if (!task.pid) {
		close(says[0]);
		body(says[1], arg);
		_exit(127);
	}
	close(says[1]);
	task.says = says[0];
	return task;
}

struct start {
	const char *program, *mode, *option;
	int image_fd;
};

static void run_program(int says, const void *arg)
{
	const struct start *how = arg;

	descriptors(says, how->image_fd);
	execl(how->program, how->program, how->mode, how->option, NULL);
}

struct task task_start(const char *program, const char *mode, const char *option, int image_fd)
{
	const struct start how = { program, mode, option, image_fd };

	return task_fork(run_program, &how);
}

/* A line of what the task says, valid until the next call; empty at the end. */
char *task_line(struct task *task)
{
	static char line[256];
	size_t n = 0;

	while (n < sizeof(line) - 1 && read(task->says, line + n, 1) == 1 && line[n] != '\n')
		n++;
	line[n] = '\0';
	return line;
}

/* A stopped task1 that has no pipe, but says what it says into a file that anybody may write. Return: its pid. */
pid_t task1_with_files(const char *option)
{
	pid_t pid;
	int status = 0;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		for (int fd = 3; fd < 64; fd++)
			close(fd);
		dup2(open("/tmp/said", O_CREAT | O_TRUNC | O_RDWR, 0666), 4);
		chmod("/tmp/said", 0666);
		/* what it probes memory with */
		dup2(open("/tmp/probe", O_CREAT | O_TRUNC | O_WRONLY, 0666), 5);
		chmod("/tmp/probe", 0666);
		dup2(open("/dev/zero", O_RDONLY), 6);
		execl("/bin/task1", "/bin/task1", "stop", option, NULL);
		_exit(127);
	}
	expect(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status), "a stopped task, status %#x", status);
	return pid;
}

bool task_says(struct task *task, const char *word)
{
	char *line = task_line(task);

	expect(!strcmp(line, word), "the task to say \"%s\", not \"%s\"", word, line);
	return !strcmp(line, word);
}

void task_wait_stopped(struct task *task)
{
	int status = 0;

	expect(waitpid(task->pid, &status, WUNTRACED) == task->pid && WIFSTOPPED(status),
	       "task %d to stop, status %#x", task->pid, status);
}

static void file_of_f(const char *path)
{
	char page[4096];
	int fd = open(path, O_CREAT | O_TRUNC | O_RDWR, 0644);

	memset(page, 'F', sizeof(page));
	for (int i = 0; i < 8; i++)
		feed(fd, page, sizeof(page));
	close(fd);
}

/* What task1 and task2 map and open. Mapped files must stay what they are, so they are made once. */
void task_files(void)
{
	if (!access("/tmp/task2.dir", F_OK))
		return;
	file_of_f("/tmp/task1.data");
	file_of_f("/tmp/task2.data");
	mkdir("/tmp/task2.dir", 0755);
}

/* task1 or task2, ready to be dumped. */
struct task task_stopped(const char *program, const char *option)
{
	struct task task;

	task_files();
	task = task_start(program, "stop", option, -1);
	task_says(&task, "ready");
	task_wait_stopped(&task);
	return task;
}

struct making {
	void (*make)(void);
	bool (*intact)(void);
};

static void make_and_stop(int says, const void *arg)
{
	const struct making *m = arg;

	dup2(says, 1);
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	m->make();
	dprintf(1, "ready\n");
	raise(SIGSTOP);
	dprintf(1, m->intact() ? "copy\n" : "damaged\n");
	_exit(m->intact() ? 43 : 1);
}

/* A stopped child that has made something, and says whether it is intact when it goes on. */
struct task task_making(void (*make)(void), bool (*intact)(void))
{
	const struct making m = { make, intact };
	struct task task = task_fork(make_and_stop, &m);

	task_says(&task, "ready");
	task_wait_stopped(&task);
	return task;
}

/* A copy of a task that was stopped by a signal is stopped, too: SIGCONT lets it go on. */
void task_goes_on(struct task *task, bool stopped, int status)
{
	int ended;

	if (stopped) {
		task_wait_stopped(task);
		kill(task->pid, SIGCONT);
	}
	task_says(task, "copy");
	ended = task_end(task);
	expect(ended == status, "exit status %d, not %d", status, ended);
}

int status_of(pid_t pid)
{
	int status = -1;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : WIFSIGNALED(status) ? 128 + WTERMSIG(status) : -1;
}

int task_end(struct task *task)
{
	close(task->says);
	return status_of(task->pid);
}

void task_kill(struct task *task)
{
	kill(task->pid, SIGKILL);
	task_end(task);
}

/* Dumps through a pipe; another process reads it, so that nobody waits for himself. */
struct image dump_stopped(pid_t pid, unsigned long flags, long *crid)
{
	struct image image;
	int fds[2], result[2];
	pid_t dumper;

	if (pipe(fds) || pipe(result))
		abort();
	fflush(stdout);
	dumper = fork();
	if (!dumper) {
		long ret;

		close(fds[0]);
		ret = sys_checkpoint(pid, fds[1], flags);
		if (ret < 0)
			ret = -errno;
		if (write(result[1], &ret, sizeof(ret)) != sizeof(ret))
			_exit(1);
		_exit(0);
	}
	close(fds[1]);
	close(result[1]);
	image = image_read(fds[0]);
	close(fds[0]);
	if (read(result[0], crid, sizeof(*crid)) != sizeof(*crid))
		*crid = 0;
	close(result[0]);
	status_of(dumper);
	return image;
}

/* A dump that is expected to succeed. */
struct image dump_whole(pid_t pid, unsigned long flags, struct layout *layout)
{
	long crid;
	struct image image = dump_stopped(pid, flags, &crid);

	expect(crid > 0, "a crid, not %ld", crid);
	expect(image_parse(&image, layout) && layout->version == (flags ? 2 : 1), "a whole image (%zu bytes)", image.size);
	return image;
}

void feed(int fd, const void *bytes, size_t size)
{
	while (size) {
		ssize_t n = write(fd, bytes, size);

		if (n <= 0)
			break;
		bytes = (const char *)bytes + n;
		size -= n;
	}
}

/* A child that feeds an image into a pipe. @in: set to the pipe's other end */
pid_t feeder_start(const struct image *image, int *in)
{
	int fds[2];
	pid_t pid;

	if (pipe(fds))
		abort();
	fflush(stdout);
	pid = fork();
	if (!pid) {
		close(fds[0]);
		feed(fds[1], image->bytes, image->size);
		_exit(0);
	}
	close(fds[1]);
	*in = fds[0];
	return pid;
}

struct becoming {
	void (*become)(int in, int says, const void *how);
	const void *how;
	int in;
};

static void run_image(int says, const void *arg)
{
	const struct becoming *b = arg;

	b->become(b->in, says, b->how);
}

/* A child becomes the task of the image, which comes through a pipe, by @become, which does not come back. */
struct task task_of_image(const struct image *image, void (*become)(int in, int says, const void *how), const void *how)
{
	struct becoming b = { become, how, -1 };
	pid_t feeder = feeder_start(image, &b.in);
	struct task task = task_fork(run_image, &b);

	close(b.in);
	status_of(feeder);
	return task;
}

static void become_by_call(int in, int says, const void *flags)
{
	in = fcntl(in, F_DUPFD, 200);
	descriptors(says, -1);
	sys_restart(0, in, *(const unsigned long *)flags);
	dprintf(4, "errno %d\n", errno);
	_exit(125);
}

/* By the system call. Exit status 125: it could not. */
struct task restart_image(const struct image *image, unsigned long flags)
{
	return task_of_image(image, become_by_call, &flags);
}

/* The errno of a restart that is expected to fail; 0 when it did not. */
int restart_errno(const struct image *image, unsigned long flags)
{
	struct task task = restart_image(image, flags);
	int error = 0;

	sscanf(task_line(&task), "errno %d", &error);
	kill(task.pid, SIGKILL);
	task_end(&task);
	return error;
}
