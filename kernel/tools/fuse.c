// SPDX-License-Identifier: GPL-2.0
/*
 * A file whose server says how much of each write it takes: the raw protocol
 * of <linux/fuse.h>, with the file as the root of a file system of its own, so
 * that nothing has to be looked up.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ktest.h"

#define WRITE_MAX	(64 * 4096) /* one request for each of the kernel's writes */

static void reply(int dev, const struct fuse_in_header *to, int error, const void *body, size_t size)
{
	struct fuse_out_header head = { .len = sizeof(head) + size, .error = -error, .unique = to->unique };
	struct iovec parts[] = { { &head, sizeof(head) }, { (void *)body, size } };

	/* ENOENT: the request was given up meanwhile */
	if (writev(dev, parts, 2) < 0 && errno != ENOENT)
		_exit(1);
}

static void on_write(int dev, const struct fuse_in_header *in, const struct fuse_write_in *arg,
		     struct taker *taker)
{
	struct fuse_write_out out = { .size = arg->size };

	if (++taker->writes > taker->whole) {
		if (taker->error) {
			reply(dev, in, taker->error, NULL, 0);
			return;
		}
		out.size = taker->nothing ? 0 : arg->size > 1 ? arg->size - 1 : 1;
		taker->cut += out.size < arg->size;
	}
	if (pwrite(taker->took, arg + 1, out.size, arg->offset) != (ssize_t)out.size)
		_exit(3);
	reply(dev, in, 0, &out, sizeof(out));
}

static void serve(int dev, struct taker *taker)
{
	static char request[FUSE_MIN_READ_BUFFER + WRITE_MAX];
	const struct fuse_in_header *in = (void *)request;
	const void *arg = in + 1;

	for (;;) {
		ssize_t n = read(dev, request, sizeof(request));

		if (n < 0 && (errno == ENODEV || errno == ECONNABORTED)) /* unmounted */
			_exit(0);
		if (n < 0 && (errno == ENOENT || errno == EINTR)) /* a request that was given up meanwhile */
			continue;
		if (n < (ssize_t)sizeof(*in))
			_exit(n < 0 ? errno : 200);
		switch (in->opcode) {
		case FUSE_INIT: {
			struct fuse_init_out out = { .major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION,
						     .flags = FUSE_MAX_PAGES,
						     .max_write = WRITE_MAX, .max_pages = WRITE_MAX / 4096 };

			reply(dev, in, 0, &out, sizeof(out));
			break;
		}
		case FUSE_GETATTR: {
			struct fuse_attr_out out = { .attr = { .ino = FUSE_ROOT_ID, .mode = S_IFREG | 0600, .nlink = 1 } };

			reply(dev, in, 0, &out, sizeof(out));
			break;
		}
		case FUSE_OPEN: {
			/* no page cache between a write and its answer */
			struct fuse_open_out out = { .open_flags = FOPEN_DIRECT_IO };

			reply(dev, in, 0, &out, sizeof(out));
			break;
		}
		case FUSE_WRITE:
			on_write(dev, in, arg, taker);
			break;
		case FUSE_FLUSH:
		case FUSE_RELEASE:
			reply(dev, in, 0, NULL, 0);
			break;
		case FUSE_FORGET:
		case FUSE_BATCH_FORGET:
		case FUSE_INTERRUPT:
			break;
		default:
			reply(dev, in, ENOSYS, NULL, 0);
		}
	}
}

/*
 * A file at @path that takes @how->whole writes whole and answers all that
 * follow with @how->error, with 0 bytes (@how->nothing), or with a byte less
 * than was to be written. Return: what it does, shared with the server.
 */
struct taker *taker_start(const char *path, const struct taker *how)
{
	struct taker *taker = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int dev = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	char options[64];

	if (taker == MAP_FAILED || dev < 0) {
		expect(false, "/dev/fuse: %s", strerror(errno));
		exit(1);
	}
	*taker = *how;
	taker->took = memfd_create("took", MFD_CLOEXEC);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	snprintf(options, sizeof(options), "fd=%d,rootmode=%o,user_id=0,group_id=0", dev, S_IFREG | 0600);
	expect(!mount("taker", path, "fuse", 0, options), "mount: %s", strerror(errno));
	fflush(stdout);
	taker->server = fork();
	if (!taker->server)
		serve(dev, taker);
	close(dev);
	return taker;
}

/* All that it took. The descriptors of the file must be closed. */
struct image taker_end(const char *path, struct taker *taker)
{
	struct image took;
	int status;

	expect(!umount(path), "umount: %s", strerror(errno));
	status = status_of(taker->server);
	expect(status == 0, "the server to end well, not with %d", status);
	took = image_read(taker->took);
	close(taker->took);
	munmap(taker, 4096);
	return took;
}
