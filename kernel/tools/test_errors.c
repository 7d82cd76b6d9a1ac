// SPDX-License-Identifier: GPL-2.0
/* Every error that the specification names. */
#include <errno.h>
#include "ktest.h"

static void flags(void)
{
	expect(sys_checkpoint(0, 1, 1) == -1 && errno == EINVAL, "EINVAL for flag 1");
	expect(sys_checkpoint(0, 99, 0) == -1 && errno == EBADF, "EBADF");
	expect(sys_restart(0, 99, 0) == -1 && errno == EBADF, "EBADF");
}

const struct test error_tests[] = {
	{ "errors: flags and descriptors", flags },
	{ NULL, NULL },
};
