// SPDX-License-Identifier: GPL-2.0
/* Where an image goes: files that take less than they are given, or nothing. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ktest.h"

#define TAKER "/tmp/taker"

static struct layout layout;

static void nothing(int sig)
{
	(void)sig;
}

static void refusing_files(void)
{
	struct sigaction act = { .sa_handler = nothing, .sa_flags = SA_RESTART };
	int fds[2], fd;

	/* nobody reads */
	if (pipe(fds))
		return;
	close(fds[0]);
	expect_error(sys_checkpoint(0, fds[1], 0), EPIPE);
	close(fds[1]);
	/* a full pipe, and a signal whose handler asks for calls to be restarted: not this one */
	if (pipe(fds))
		return;
	sigaction(SIGALRM, &act, NULL);
	alarm(1);
	expect_error(sys_checkpoint(0, fds[1], 0), EINTR);
	alarm(0);
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	expect_error(sys_checkpoint(0, fds[1], 0), EAGAIN);
	close(fds[0]);
	close(fds[1]);
	mkdir("/tmp/small", 0700);
	mount("tmpfs", "/tmp/small", "tmpfs", 0, "size=16k");
	fd = open("/tmp/small/image", O_CREAT | O_RDWR, 0600);
	expect_error(sys_checkpoint(0, fd, 0), ENOSPC);
	close(fd);
	umount("/tmp/small");
	/* files that the kernel cannot write to or read from by itself */
	fd = open("/proc/self/mem", O_RDWR);
	expect_error(sys_checkpoint(0, fd, 0), EINVAL);
	expect_error(sys_restart(0, fd, 0), EINVAL);
	close(fd);
}

/* Dumps @pid, 0 for the dumper itself, into a taker that behaves like @how. Return: what it took. */
static struct image dump_into(pid_t pid, unsigned long flags, const struct taker *how, int error, struct taker *after)
{
	struct taker *taker = taker_start(TAKER, how);
	int fd = open(TAKER, O_WRONLY), got;
	pid_t dumper;

	expect(fd >= 0, "the taker to open: %s", strerror(errno));
	fflush(stdout);
	dumper = fork();
	if (!dumper) {
		munmap(taker, 4096); /* shared memory that can be written is not in images */
		_exit(error_of(sys_checkpoint(pid, fd, flags)));
	}
	got = status_of(dumper);
	expect(got == error, "%s, not %s", strerrorname_np(error), strerrorname_np(got));
	close(fd);
	*after = *taker;
	return taker_end(TAKER, taker);
}

static const unsigned long versions[] = { 0, CKPT_FLAG_VERSION2 };

/* The first write, one in the middle, and the last of an image. */
static void fails_at_every_place(const struct taker *how, int error)
{
	for (int v = 0; v < 2; v++) {
		struct task task = task_stopped(v ? "/bin/task2" : "/bin/task1", NULL);
		struct taker whole = { .whole = 1 << 30 }, after;
		struct image image = dump_into(task.pid, versions[v], &whole, 0, &after);
		const int writes = after.writes;

		expect(image_parse(&image, &layout), "a whole image (%zu bytes)", image.size);
		expect(writes > 3, "more than three writes, not %d", writes);
		image_free(&image);
		for (int place = 0; place < 3; place++) {
			struct taker cut = *how;

			cut.whole = place == 0 ? 0 : place == 1 ? writes / 2 : writes - 1;
			image = dump_into(task.pid, versions[v], &cut, error, &after);
			expect(after.writes == cut.whole + 1, "no write after the one that failed: %d of %d",
			       after.writes, cut.whole + 1);
			expect(!image_parse(&image, &layout), "no whole image");
			image_free(&image);
		}
		/* none the worse for it */
		kill(task.pid, SIGCONT);
		task_says(&task, "copy");
		expect(task_end(&task) == (v ? 43 : 42), "the task to go on");
	}
}

static void takes_nothing(void)
{
	static const struct taker how = { .nothing = true };
	struct taker after;
	struct image image;

	fails_at_every_place(&how, EIO);
	/* the caller's own image */
	image = dump_into(0, 0, &how, EIO, &after);
	expect(image.size == 0, "nothing to be taken");
	image_free(&image);
}

static void fails(void)
{
	fails_at_every_place(&(struct taker){ .error = EDQUOT }, EDQUOT);
	fails_at_every_place(&(struct taker){ .error = EIO }, EIO);
}

/* The rest of a short write follows: the image is the same as in a pipe. */
static void takes_less(void)
{
	for (int v = 0; v < 2; v++) {
		struct task task = task_stopped(v ? "/bin/task2" : "/bin/task1", NULL), copy;
		struct taker how = { .whole = 0 }, after;
		struct image piped, taken;
		long crid;

		piped = dump_stopped(task.pid, versions[v], &crid);
		taken = dump_into(task.pid, versions[v], &how, 0, &after);
		task_kill(&task);
		expect(after.cut > 3 && after.writes >= 2 * after.cut, "short writes, each followed by its rest: %d, %d",
		       after.cut, after.writes);
		expect(image_parse(&taken, &layout), "a whole image (%zu bytes)", taken.size);
		expect(taken.size == piped.size && layout.first_vma &&
		       !memcmp(taken.bytes + layout.first_vma, piped.bytes + layout.first_vma,
			       layout.tail - layout.first_vma),
		       "the bytes that a pipe gets");
		copy = restart_image(&taken, versions[v]);
		task_goes_on(&copy, v, v ? 43 : 42);
		image_free(&piped);
		image_free(&taken);
	}
}

const struct test writing_tests[] = {
	{ "writing: EPIPE, EINTR in spite of SA_RESTART, EAGAIN, ENOSPC, EINVAL", refusing_files },
	{ "writing: EIO for a write of 0 bytes, wherever in the image", takes_nothing },
	{ "writing: an error is passed on, wherever in the image", fails },
	{ "writing: what a short write left follows", takes_less },
	{ NULL, NULL },
};
