// SPDX-License-Identifier: GPL-2.0
/* The small programs, in the shell, as somebody would use them. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktest.h"

static int shell(const char *command)
{
	int status;

	fflush(stdout);
	status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The first line of a file. */
static const char *line_of(const char *path)
{
	static char line[128];
	FILE *f = fopen(path, "r");

	line[0] = '\0';
	if (f) {
		if (fgets(line, sizeof(line), f))
			line[strcspn(line, "\n")] = '\0';
		fclose(f);
	}
	return line;
}

static void self(void)
{
	long crid = 0;

	expect(shell("/bin/ckpt-self >/tmp/self.img 2>/tmp/self.said") == 0, "the original to go on");
	expect(sscanf(line_of("/tmp/self.said"), "crid %ld", &crid) == 1 && crid > 0, "a crid, not %s",
	       line_of("/tmp/self.said"));
	expect(shell("/bin/ckpt-run </tmp/self.img 2>/tmp/self.said") == 7, "the copy to end with 7");
	expect(!strcmp(line_of("/tmp/self.said"), "copy"), "\"copy\", not %s", line_of("/tmp/self.said"));
}

/* Its words go through a pipe, so that those of the copy are the restarter's. */
static void self2(void)
{
	long crid = 0;

	shell("(/bin/ckpt-self -2 >/tmp/self.img) 2>&1 | cat >/tmp/self.said");
	expect(sscanf(line_of("/tmp/self.said"), "crid %ld", &crid) == 1 && crid > 0, "a crid, not %s",
	       line_of("/tmp/self.said"));
	shell("(/bin/ckpt-run -2 </tmp/self.img; echo $? >/tmp/self.status) 2>&1 | cat >/tmp/self.said");
	expect(!strcmp(line_of("/tmp/self.said"), "copy"), "\"copy\", not %s", line_of("/tmp/self.said"));
	expect(!strcmp(line_of("/tmp/self.status"), "7"), "the copy to end with 7, not %s", line_of("/tmp/self.status"));
}

static void another(void)
{
	char command[128];
	pid_t pid;

	task_files();
	pid = task1_with_files(NULL);
	snprintf(command, sizeof(command), "/bin/ckpt-dump %d >/tmp/dump.img 2>/tmp/crid", pid);
	expect(shell(command) == 0 && atol(line_of("/tmp/crid")) > 0, "a crid, not %s", line_of("/tmp/crid"));
	kill(pid, SIGKILL);
	status_of(pid);
	expect(shell("cat /tmp/dump.img | /bin/ckpt-run 4>/tmp/said 5>/tmp/probe 6</dev/zero") == 42, "status 42");
	expect(!strcmp(line_of("/tmp/said"), "copy"), "\"copy\", not %s", line_of("/tmp/said"));
	expect(shell("/bin/ckpt-dump 999999 >/tmp/dump.img 2>/tmp/crid") == 1, "no such task");
	expect(shell("/bin/ckpt-run </dev/null 2>/tmp/crid") == 125, "no image");
}

const struct test tools_tests[] = {
	{ "tools: ckpt-self into descriptor 1, ckpt-run from descriptor 0", self },
	{ "tools: the same in version 2", self2 },
	{ "tools: ckpt-dump of another task, ckpt-run from a pipe", another },
	{ NULL, NULL },
};
