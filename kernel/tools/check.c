// SPDX-License-Identifier: GPL-2.0
/* Results, in the Test Anything Protocol, on the console. */
#include <stdarg.h>
#include <stdio.h>

#include "ktest.h"

static int number, failures;
static bool good;

void expect_at(const char *file, int line, bool ok, const char *format, ...)
{
	va_list args;

	if (ok)
		return;
	good = false;
	printf("# %s:%d: expected ", file, line);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
}

bool run_test(const char *name, void (*test)(void))
{
	good = true;
	test();
	printf("%s %d %s\n", good ? "ok" : "not ok", ++number, name);
	fflush(stdout);
	failures += !good;
	return good;
}

int tests_failed(void)
{
	return failures;
}
