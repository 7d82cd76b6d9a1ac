// SPDX-License-Identifier: GPL-2.0
/*
 * ckpt-self [-2]: checkpoints itself into descriptor 1. Who it is then, the
 * return value tells, as after fork: the original sees the crid and says it on
 * descriptor 2, a restarted copy sees 0 and says "copy". No libc, so that
 * version 1 can carry it. Exit status 0; of a copy 7.
 */
#include "../include/ckpt_syscalls.h"
#include "bare.h"

static void say_number(ul n)
{
	char digits[24];
	char *at = digits + sizeof(digits) - 1;

	*at = '\0';
	do {
		*--at = '0' + n % 10;
		n /= 10;
	} while (n);
	say(2, at);
}

void begin(ul *sp)
{
	char **argv = (char **)(sp + 1);
	ul flags = sp[0] > 1 && same(argv[1], "-2") ? CKPT_FLAG_VERSION2 : 0;
	long ret = call3(CKPT_NR_CHECKPOINT, 0, 1, flags);

	if (!ret) {
		say(2, "copy\n");
		quit(7);
	}
	say(2, ret < 0 ? "errno " : "crid ");
	say_number(ret < 0 ? -ret : ret);
	say(2, "\n");
	quit(ret < 0);
}

asm(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall begin\n\thlt\n");
