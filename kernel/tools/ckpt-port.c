// SPDX-License-Identifier: GPL-2.0
/*
 * Between the two system calls and a virtio-serial port.
 *
 *   ckpt-port PORT dump [-2] PID     the image of a stopped task goes out through the port
 *   ckpt-port PORT restart [-2]      an image that comes in through the port runs; its exit status is ours
 *
 * A port refuses kernel_read and kernel_write and has no end of file, so a
 * pipe lies between it and the system calls, and an image ends at its tail.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ckpt_syscalls.h>

static int fail(const char *what)
{
	fprintf(stderr, "ckpt-port: %s: %s\n", what, strerror(errno));
	return 125;
}

static int write_all(int fd, const char *bytes, ssize_t size)
{
	while (size) {
		ssize_t n = write(fd, bytes, size);

		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return -1;
		bytes += n;
		size -= n;
	}
	return 0;
}

static int status_of(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		return fail("wait");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int dump(int port, pid_t target, unsigned long flags)
{
	static char buffer[65536];
	int fds[2];
	pid_t child;
	ssize_t n;

	if (pipe(fds))
		return fail("pipe");
	child = fork();
	if (!child) {
		close(fds[0]);
		if (syscall(CKPT_NR_CHECKPOINT, target, fds[1], flags) < 0)
			_exit(fail("sys_checkpoint"));
		_exit(0);
	}
	close(fds[1]);
	while ((n = read(fds[0], buffer, sizeof(buffer))) > 0)
		if (write_all(port, buffer, n))
			return fail("port");
	return status_of(child);
}

/* The child keeps the pipe's end for as long as it lives: its end is the end of our work. */
static int restart(int port, unsigned long flags)
{
	static char buffer[65536];
	int fds[2];
	pid_t child;

	if (pipe(fds))
		return fail("pipe");
	child = fork();
	if (!child) {
		close(fds[1]);
		close(port);
		syscall(CKPT_NR_RESTART, 0, fds[0], flags);
		_exit(fail("sys_restart"));
	}
	close(fds[0]);
	signal(SIGPIPE, SIG_IGN);
	fcntl(port, F_SETFL, O_NONBLOCK);
	for (;;) {
		struct pollfd ready = { .fd = port, .events = POLLIN };
		siginfo_t ended = { 0 };
		ssize_t n;

		if (!waitid(P_PID, child, &ended, WEXITED | WNOHANG | WNOWAIT) && ended.si_pid == child)
			return status_of(child);
		if (poll(&ready, 1, 50) <= 0)
			continue;
		n = read(port, buffer, sizeof(buffer));
		if (n > 0 && write_all(fds[1], buffer, n) && errno != EPIPE)
			return fail("pipe");
		if (n == 0)
			usleep(50000); /* nobody is at the host's end */
	}
}

int main(int argc, char **argv)
{
	unsigned long flags = 0;
	int port, next = 3;

	if (argc > 3 && !strcmp(argv[3], "-2")) {
		flags = CKPT_FLAG_VERSION2;
		next++;
	}
	if (argc == next + 1 && !strcmp(argv[2], "dump")) {
		port = open(argv[1], O_WRONLY);
		return port < 0 ? fail(argv[1]) : dump(port, atoi(argv[next]), flags);
	}
	if (argc == next && !strcmp(argv[2], "restart")) {
		port = open(argv[1], O_RDONLY);
		return port < 0 ? fail(argv[1]) : restart(port, flags);
	}
	fprintf(stderr, "usage: ckpt-port PORT dump [-2] PID | PORT restart [-2]\n");
	return 2;
}
