// SPDX-License-Identifier: GPL-2.0
/* ckpt-process, which does the work of `ckpt save` and `ckpt restart`, finds the system calls and goes through them. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktest.h"

static struct layout layout;

static bool says(const struct run *run, const char *words)
{
	return strstr(run->said, words);
}

/* The pid of the copy, when the program has said it. */
static pid_t copy_of(int status)
{
	char text[4096];
	const char *at;

	for (int tries = 0; tries < 600; tries++) {
		ssize_t n = pread(status, text, sizeof(text) - 1, 0);

		text[n > 0 ? n : 0] = '\0';
		at = strstr(text, "\"event\":\"running\",\"pid\":");
		if (at)
			return atoi(at + 24);
		usleep(100000);
	}
	expect(false, "the program to say that its copy runs: %s", text);
	return 0;
}

/* Field 3 of stat: R, S, T, t, Z; 0 when it is gone. */
static char state_of(pid_t pid)
{
	char path[32], text[256] = "", *at;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		text[0] = '\0';
	close(fd);
	at = strrchr(text, ')');
	return at ? at[2] : 0;
}

static bool comes_to(pid_t pid, char state)
{
	for (int tries = 0; tries < 600 && state_of(pid) != state; tries++)
		usleep(50000);
	return state_of(pid) == state;
}

static uint32_t recorded_state(const struct image *image)
{
	struct cr2_task task = { 0 };

	if (image_parse(image, &layout))
		memcpy(&task, image->bytes + layout.task, sizeof(task));
	return task.state;
}

static struct task looping(void)
{
	struct task task;

	task_files();
	task = task_start("/bin/task2", "loop", NULL, -1);
	task_says(&task, "ready");
	return task;
}

static void running(void)
{
	struct task task, copy;
	struct run run;
	int status = memory(NULL);
	pid_t pid;

	if (!program_there())
		return;
	task = looping();
	run = program_checkpoint(task.pid, "2", NULL, NULL, false);
	expect(run.status == 0 && says(&run, "\"via\":\"kernel\"") && says(&run, "\"crid\":"),
	       "the system call to be used by itself: %s", run.said);
	expect(recorded_state(&run.image) == CKPT_STATE_RUNNING, "a task that runs in the image");
	expect(state_of(task.pid) == 'R', "the task to run on");
	kill(task.pid, SIGUSR2);
	task_goes_on(&task, false, 43);

	copy = program_restart(&run.image, NULL, NULL, status);
	pid = copy_of(status);
	expect(comes_to(pid, 'R'), "a copy that runs");
	kill(pid, SIGUSR2);
	task_goes_on(&copy, false, 43);
	program_said(&run, status);
	expect(says(&run, "\"via\":\"kernel\"") && says(&run, "\"event\":\"exited\",\"code\":43"), "its words: %s",
	       run.said);
	image_free(&run.image);
}

static void stopped(void)
{
	struct task task, copy;
	struct run run;
	int status = memory(NULL);
	pid_t pid;

	if (!program_there())
		return;
	task = task_stopped("/bin/task2", NULL);
	run = program_checkpoint(task.pid, "2", "--via", "kernel", false);
	expect(run.status == 0, "a checkpoint: %s", run.said);
	expect(recorded_state(&run.image) == CKPT_STATE_STOPPED, "a stopped task in the image");
	expect(comes_to(task.pid, 'T'), "the task still to be stopped, not %c", state_of(task.pid));
	kill(task.pid, SIGCONT);
	task_goes_on(&task, false, 43);

	copy = program_restart(&run.image, "--via", "kernel", status);
	pid = copy_of(status);
	expect(comes_to(pid, 'T'), "a stopped copy, not %c", state_of(pid));
	kill(pid, SIGCONT);
	task_goes_on(&copy, false, 43);
	close(status);
	image_free(&run.image);
}

static void version1(void)
{
	struct task task, copy;
	struct run run;
	int status = memory(NULL);

	if (!program_there())
		return;
	task = task_stopped("/bin/task1", "ldt");
	run = program_checkpoint(task.pid, "1", "--via", "kernel", false);
	/* other tests may have used up what the kernel lets into its log in five seconds */
	for (int tries = 0; tries < 10 && says(&run, "which names what this one loses, is silent"); tries++) {
		sleep(1);
		image_free(&run.image);
		run = program_checkpoint(task.pid, "1", "--via", "kernel", false);
	}
	expect(run.status == 0 && image_parse(&run.image, &layout) && layout.version == 1, "an image: %s", run.said);
	expect(says(&run, "version 1 does not carry: ") && says(&run, "open files") && !says(&run, "fs base"),
	       "what is lost to be said, and nothing else: %s", run.said);
	task_kill(&task);
	copy = program_restart(&run.image, "--via", "kernel", status);
	/* it looks for descriptors of its own that version 1 does not bring: that it runs is enough here */
	expect(copy_of(status) > 0, "a copy");
	task_end(&copy);
	close(status);
	image_free(&run.image);
}

static void endings(void)
{
	struct task task;
	struct run run;

	if (!program_there())
		return;
	task = looping();
	run = program_checkpoint(task.pid, "2", "--stop", NULL, false);
	expect(run.status == 0 && comes_to(task.pid, 'T'), "--stop to leave it stopped: %s", run.said);
	expect(recorded_state(&run.image) == CKPT_STATE_RUNNING, "and running in the image");
	image_free(&run.image);
	run = program_checkpoint(task.pid, "2", "--kill", NULL, false);
	expect(run.status == 0, "--kill: %s", run.said);
	expect(recorded_state(&run.image) == CKPT_STATE_STOPPED, "a stopped task in the image");
	expect(task_end(&task) == 128 + SIGKILL, "the task to be killed");
	image_free(&run.image);
}

static void detached(void)
{
	struct task task, copy;
	struct run run;
	int status = memory(NULL), first;
	char path[64], where[64] = "";
	pid_t pid;

	if (!program_there())
		return;
	task = looping();
	first = task.pid;
	run = program_checkpoint(task.pid, "2", "--kill", NULL, false);
	task_end(&task);
	copy = program_restart(&run.image, "--detach", "--same-pid", status);
	pid = copy_of(status);
	expect(status_of(copy.pid) == 0, "the program to leave");
	expect(pid == first, "the old pid %d, not %d", first, pid);
	expect(comes_to(pid, 'R'), "a copy that runs by itself");
	snprintf(path, sizeof(path), "/proc/%d/fd/1", pid);
	expect(readlink(path, where, sizeof(where)) > 0 && !strcmp(where, "/dev/null"), "/dev/null, not %s", where);
	expect(getsid(pid) == pid, "a session of its own");
	kill(pid, SIGKILL);
	close(copy.says);
	close(status);
	image_free(&run.image);
}

static void refused(void)
{
	struct task task, copy;
	struct run run;
	struct image torn;
	int status;

	if (!program_there())
		return;
	/* its descriptor 4 is a pipe */
	task = task_stopped("/bin/task1", NULL);
	run = program_checkpoint(task.pid, "2", "--via", "kernel", false);
	expect(run.status == 5 && says(&run, "descriptor 4"), "exit 5 and the descriptor's name: %d %s", run.status, run.said);
	expect(comes_to(task.pid, 'T'), "the task still to be stopped");
	image_free(&run.image);
	task_kill(&task);

	task = task_stopped("/bin/task2", NULL);
	run = program_checkpoint(task.pid, "2", "--via", "kernel", true);
	expect(run.status == 5 && says(&run, "CAP_SYS_ADMIN"), "exit 5 without the capability: %d %s", run.status, run.said);
	image_free(&run.image);
	run = program_checkpoint(task.pid, "2", NULL, NULL, true);
	expect(says(&run, "\"via\":\"user\""), "the twin to be taken instead: %s", run.said);
	image_free(&run.image);
	run = program_checkpoint(task.pid, "2", "--via", "user", false);
	expect(run.status == 0 && says(&run, "\"via\":\"user\""), "the twin when asked for: %s", run.said);

	torn = image_copy(&run.image);
	torn.size -= 4096;
	status = memory(NULL);
	copy = program_restart(&torn, "--via", "kernel", status);
	expect(task_end(&copy) == 125, "status 125");
	image_free(&torn);
	image_free(&run.image);
	program_said(&run, status);
	expect(says(&run, "\"event\":\"error\",\"exit\":4"), "a damaged image: %s", run.said);
	task_kill(&task);
}

static void become_nobody(void)
{
	/* dumpable, as any program that its user has started */
	if (chdir("/") || setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534) || prctl(PR_SET_DUMPABLE, 1))
		_exit(3);
}

static bool is_nobody(void)
{
	uid_t real, effective, saved;

	return !getresuid(&real, &effective, &saved) && real == 65534 && effective == 65534 && saved == 65534;
}

/* sys_restart changes no credentials: root must not make root of somebody else's task. */
static void rights(void)
{
	struct task task, copy;
	struct run run;
	int status = memory(NULL);
	pid_t pid;

	if (!program_there())
		return;
	task = task_making(become_nobody, is_nobody);
	run = program_checkpoint(task.pid, "2", "--via", "kernel", false);
	expect(run.status == 0, "a checkpoint: %s", run.said);
	task_kill(&task);

	copy = program_restart(&run.image, "--via", "kernel", status);
	expect(task_end(&copy) == 125, "status 125");
	program_said(&run, status);
	expect(says(&run, "\"event\":\"error\",\"exit\":5") && says(&run, "another user"), "a refusal: %s", run.said);

	status = memory(NULL);
	copy = program_restart(&run.image, NULL, NULL, status);
	pid = copy_of(status);
	expect(comes_to(pid, 'T'), "a stopped copy, not %c", state_of(pid));
	kill(pid, SIGCONT);
	task_goes_on(&copy, false, 43);
	program_said(&run, status);
	expect(says(&run, "\"via\":\"user\""), "the twin to be taken: %s", run.said);
	image_free(&run.image);
}

const struct test via_tests[] = {
	{ "via: a running task is saved and restarted by the system calls", running },
	{ "via: a stopped task stays stopped, and its copy is", stopped },
	{ "via: version 1", version1 },
	{ "via: a task of another user is left to the twin", rights },
	{ "via: --stop and --kill", endings },
	{ "via: --detach and --same-pid", detached },
	{ "via: what is refused, by name; without the capability the twin", refused },
	{ NULL, NULL },
};
