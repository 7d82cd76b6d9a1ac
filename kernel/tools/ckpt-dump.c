// SPDX-License-Identifier: GPL-2.0
/* ckpt-dump [-2] PID: the image of a stopped task, by sys_checkpoint, into descriptor 1. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <ckpt_syscalls.h>

int main(int argc, char **argv)
{
	int two = argc > 1 && !strcmp(argv[1], "-2");
	long crid;

	if (argc != 2 + two) {
		fprintf(stderr, "usage: ckpt-dump [-2] PID > IMAGE\n");
		return 2;
	}
	crid = syscall(CKPT_NR_CHECKPOINT, atoi(argv[1 + two]), 1, two ? CKPT_FLAG_VERSION2 : 0);
	if (crid < 0) {
		fprintf(stderr, "ckpt-dump: %s\n", strerror(errno));
		return 1;
	}
	fprintf(stderr, "%ld\n", crid);
	return 0;
}
