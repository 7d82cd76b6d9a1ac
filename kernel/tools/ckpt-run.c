// SPDX-License-Identifier: GPL-2.0
/* ckpt-run [-2]: becomes the task whose image is read from descriptor 0, by sys_restart. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <ckpt_syscalls.h>

int main(int argc, char **argv)
{
	int two = argc > 1 && !strcmp(argv[1], "-2");

	if (argc != 1 + two) {
		fprintf(stderr, "usage: ckpt-run [-2] < IMAGE\n");
		return 2;
	}
	syscall(CKPT_NR_RESTART, 0, 0, two ? CKPT_FLAG_VERSION2 : 0);
	fprintf(stderr, "ckpt-run: %s\n", strerror(errno));
	return 125;
}
