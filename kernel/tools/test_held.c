// SPDX-License-Identifier: GPL-2.0
/* What happens to others while the stream blocks: the task that is dumped, the dumper, the restarter and its memory. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktest.h"

static struct layout layout;

/* A field of /proc/PID/status as a number, a letter as its code; -1 without it. */
static long status_field(pid_t pid, const char *format)
{
	char path[64], line[256], letter = 0;
	long value = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f)) {
		if (strchr(format, 'c') && sscanf(line, format, &letter) == 1)
			value = letter;
		else
			sscanf(line, format, &value);
	}
	if (f)
		fclose(f);
	return value;
}

static char state_of(pid_t pid)
{
	return status_field(pid, "State: %c");
}

static bool comes_to(pid_t pid, char state)
{
	for (int tries = 0; tries < 600 && state_of(pid) != state; tries++)
		usleep(20000);
	return state_of(pid) == state;
}

/* A dump into a pipe that nobody reads yet. */
struct blocked {
	pid_t dumper;
	int out;
};

static struct blocked dump_that_blocks(pid_t pid, unsigned long flags)
{
	struct blocked b;
	int fds[2], waiting = 0;

	if (pipe(fds))
		abort();
	fcntl(fds[1], F_SETPIPE_SZ, 4096);
	fflush(stdout);
	b.dumper = fork();
	if (!b.dumper) {
		close(fds[0]);
		_exit(error_of(sys_checkpoint(pid, fds[1], flags)));
	}
	close(fds[1]);
	b.out = fds[0];
	for (int tries = 0; tries < 600 && !waiting; tries++) {
		usleep(20000);
		ioctl(b.out, FIONREAD, &waiting);
	}
	expect(waiting > 0 && comes_to(b.dumper, 'S'), "a dumper that waits for its reader");
	return b;
}

static struct image dump_that_goes_on(struct blocked *b)
{
	struct image image = image_read(b->out);

	close(b->out);
	expect(status_of(b->dumper) == 0, "a dump");
	return image;
}

static const struct {
	const char *program;
	unsigned long flags;
	int good;
} programs[] = { { "/bin/task1", 0, 42 }, { "/bin/task2", CKPT_FLAG_VERSION2, 43 } };

/* What is sent to a task while it is dumped reaches it afterwards, and is not in its image. */
static void signalled(void)
{
	static const int sent[] = { 0, SIGCONT, SIGKILL };

	for (size_t i = 0; i < 6; i++) {
		const int sig = sent[i / 2], v = i % 2;
		struct task task = task_stopped(programs[v].program, NULL), copy;
		struct blocked b = dump_that_blocks(task.pid, programs[v].flags);
		struct image image;

		if (sig)
			kill(task.pid, sig);
		usleep(100000);
		expect(waitpid(task.pid, NULL, WNOHANG) == 0, "a task that is held");
		image = dump_that_goes_on(&b);
		expect(image_parse(&image, &layout), "a whole image");
		if (!sig) {
			expect(comes_to(task.pid, 'T'), "a task that is still stopped");
			kill(task.pid, SIGCONT);
		}
		if (sig == SIGKILL) {
			expect(task_end(&task) == 128 + SIGKILL, "the task to be killed");
		} else {
			task_says(&task, "copy");
			expect(task_end(&task) == programs[v].good, "the task to go on");
		}
		copy = restart_image(&image, programs[v].flags);
		task_goes_on(&copy, v, programs[v].good);
		image_free(&image);
	}
}

/* Its tracer lets it go on, or goes. */
static void traced(void)
{
	for (int detach = 0; detach < 2; detach++) {
		struct task task;
		struct blocked b;
		struct image image;
		int status;

		task_files();
		task = task_start("/bin/task2", "loop", NULL, -1);
		task_says(&task, "ready");
		ptrace(PTRACE_SEIZE, task.pid, 0, 0);
		ptrace(PTRACE_INTERRUPT, task.pid, 0, 0);
		waitpid(task.pid, &status, __WALL);
		b = dump_that_blocks(task.pid, CKPT_FLAG_VERSION2);
		expect(!ptrace(detach ? PTRACE_DETACH : PTRACE_CONT, task.pid, 0, 0), "the tracer to let go");
		image = dump_that_goes_on(&b);
		expect(image_parse(&image, &layout), "a whole image");
		kill(task.pid, SIGUSR2);
		if (!detach) {
			waitpid(task.pid, &status, __WALL);
			ptrace(PTRACE_DETACH, task.pid, 0, SIGUSR2);
		}
		task_goes_on(&task, false, 43);
		image_free(&image);
	}
}

/* The dumper is killed: the task is let go, and can be dumped again. */
static void dumper_killed(void)
{
	for (int v = 0; v < 2; v++) {
		struct task task = task_stopped(programs[v].program, NULL);
		struct blocked b = dump_that_blocks(task.pid, programs[v].flags);
		struct image image;
		long crid;

		/* whoever comes second is refused */
		image = dump_stopped(task.pid, programs[v].flags, &crid);
		expect(crid == -EBUSY && !image.size, "EBUSY for a second dumper, not %ld", crid);
		image_free(&image);
		kill(b.dumper, SIGKILL);
		expect(status_of(b.dumper) == 128 + SIGKILL, "the dumper to end");
		close(b.out);
		expect(comes_to(task.pid, 'T'), "a stopped task");
		image = dump_whole(task.pid, programs[v].flags, &layout);
		image_free(&image);
		kill(task.pid, SIGCONT);
		task_says(&task, "copy");
		expect(task_end(&task) == programs[v].good, "the task to go on");
	}
}

#define LARGE	(16UL << 20)

static char *large;

static void make_large(void)
{
	large = mmap((void *)0x100000000000, LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(large, 'L', LARGE);
}

static bool still_large(void)
{
	return large[LARGE - 1] == 'L';
}

/* A restart that has all of the image but its end. @said: what the restarter has to say, see struct verdict */
struct verdict {
	long error, before, after; /* errno; its own KiB before the call and after it */
};

static pid_t restart_that_blocks(const struct image *image, int *in, int *said)
{
	int fds[2], words[2], waiting = 1;
	pid_t pid;

	if (pipe(fds) || pipe(words))
		abort();
	fflush(stdout);
	pid = fork();
	if (!pid) {
		struct verdict v = { 0 };

		close(fds[1]);
		status_field(getpid(), "RssAnon: %ld"); /* what it takes to look is there from now on */
		v.before = status_field(getpid(), "RssAnon: %ld");
		if (write(words[1], &v, sizeof(v)) != sizeof(v))
			_exit(1);
		v.error = error_of(sys_restart(0, fds[0], CKPT_FLAG_VERSION2));
		v.after = status_field(getpid(), "RssAnon: %ld");
		if (write(words[1], &v, sizeof(v)) != sizeof(v))
			_exit(1);
		_exit(0);
	}
	close(fds[0]);
	close(words[1]);
	feed(fds[1], image->bytes, image->size - 1);
	for (int tries = 0; tries < 600 && waiting; tries++) {
		usleep(20000);
		ioctl(fds[1], FIONREAD, &waiting);
	}
	expect(!waiting && comes_to(pid, 'S'), "a restarter that waits for the last byte");
	*in = fds[1];
	*said = words[0];
	return pid;
}

/* The OOM killer must see who takes the memory; and a restart that fails gives it back. */
static void restarter_has_the_memory(void)
{
	struct task task = task_making(make_large, still_large);
	struct image image = dump_whole(task.pid, CKPT_FLAG_VERSION2, &layout);
	struct verdict v = { 0 };
	int in, said;
	pid_t pid;
	long has;

	task_kill(&task);
	pid = restart_that_blocks(&image, &in, &said);
	expect(read(said, &v, sizeof(v)) == sizeof(v), "a restarter");
	has = status_field(pid, "RssAnon: %ld");
	expect(has >= v.before + (long)(LARGE >> 10), "16 MiB more to be the restarter's: %ld KiB of %ld", has, v.before);
	close(in);
	expect(read(said, &v, sizeof(v)) == sizeof(v) && v.error == EIO, "EIO, not %ld", v.error);
	expect(v.after < v.before + 1024, "the memory to be gone: %ld KiB, and %ld before", v.after, v.before);
	expect(status_of(pid) == 0, "the restarter to go on");
	close(said);
	image_free(&image);
}

static void restarter_killed(void)
{
	int in, said;
	pid_t pid;

	make_images();
	pid = restart_that_blocks(&image2, &in, &said);
	kill(pid, SIGTERM); /* blocked meanwhile */
	usleep(100000);
	expect(waitpid(pid, NULL, WNOHANG) == 0, "a restarter that SIGTERM does not end");
	kill(pid, SIGKILL);
	expect(status_of(pid) == 128 + SIGKILL, "the restarter to end");
	close(in);
	close(said);
	/* a signal that came meanwhile comes when the restart has failed */
	pid = restart_that_blocks(&image2, &in, &said);
	kill(pid, SIGTERM);
	close(in);
	expect(status_of(pid) == 128 + SIGTERM, "SIGTERM to come in the end");
	close(said);
}

const struct test held_tests[] = {
	{ "held: signals to a task that is being dumped come afterwards", signalled },
	{ "held: a tracer's orders, too", traced },
	{ "held: the dumper is killed while its pipe blocks", dumper_killed },
	{ "held: memory counts as the restarter's while it is read", restarter_has_the_memory },
	{ "held: a restarter is killed while its pipe blocks, and by nothing less", restarter_killed },
	{ NULL, NULL },
};
