// SPDX-License-Identifier: GPL-2.0
/*
 * ktest [GROUP...]: runs the groups of tests, all of them without an argument.
 * ktest mutate SEED FIRST COUNT: mutated images, see test_mutation.c.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ktest.h"

static const struct group {
	const char *name;
	const struct test *tests;
} groups[] = {
	{ "version1", version1_tests },
	{ "version2", version2_tests },
	{ "memory", memory_tests },
	{ "errors", error_tests },
	{ "refused", refused_tests },
	{ "held", held_tests },
	{ "life", life_tests },
	{ "tools", tools_tests },
	{ "identity", identity_tests },
	{ "writing", writing_tests },
	{ "caller", caller_tests },
	{ "faults", fault_tests },
	{ "twin", mixed_tests },
	{ "via", via_tests },
};

static bool wanted(int argc, char **argv, const char *name)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], name))
			return true;
	return argc == 1;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc == 5 && !strcmp(argv[1], "mutate"))
		return mutate(strtoull(argv[2], NULL, 0), atol(argv[3]), atol(argv[4]));
	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++)
		if (wanted(argc, argv, groups[g].name))
			for (const struct test *t = groups[g].tests; t->name; t++)
				run_test(t->name, t->run);
	return tests_failed() != 0;
}
