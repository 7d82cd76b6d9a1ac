// SPDX-License-Identifier: GPL-2.0
/*
 * ckpt-calls FILE PROGRAM [ARGUMENT...]
 *
 * Runs a program and writes into FILE how often its ckpt-process made each of
 * the two system calls: "checkpoint N" and "restart N". A sys_checkpoint
 * without a descriptor only asks whether the call is there, and does not
 * count. Whoever calls sys_restart is let go there and then. Exit status: the
 * program's.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ckpt_syscalls.h>

enum { PIDS = 65536 };

/*
 * known: its parent has announced it, or it is the first; held: it came before
 * that, and waits; watched: it runs ckpt-process, or is a child of it; inside:
 * a system call
 */
static struct {
	bool known, held, watched, inside;
} tasks[PIDS];
static long checkpoints, restarts;

static bool runs_ckpt_process(pid_t pid)
{
	char path[32], name[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	f = fopen(path, "r");
	if (f) {
		if (!fgets(name, sizeof(name), f))
			name[0] = '\0';
		fclose(f);
	}
	return !strcmp(name, "ckpt-process\n");
}

/* Return: whether the task is to be let go. */
static bool on_call(pid_t pid)
{
	struct user_regs_struct regs;

	tasks[pid].inside = !tasks[pid].inside;
	if (!tasks[pid].inside || ptrace(PTRACE_GETREGS, pid, NULL, &regs))
		return false;
	checkpoints += regs.orig_rax == CKPT_NR_CHECKPOINT && (int)regs.rsi >= 0;
	restarts += regs.orig_rax == CKPT_NR_RESTART;
	return regs.orig_rax == CKPT_NR_RESTART;
}

static void resume(pid_t pid, int sig)
{
	ptrace(tasks[pid].watched ? PTRACE_SYSCALL : PTRACE_CONT, pid, NULL, (long)sig);
}

static void on_event(pid_t pid, int event)
{
	unsigned long child = 0;

	if (event == PTRACE_EVENT_EXEC) {
		tasks[pid].watched = runs_ckpt_process(pid);
		tasks[pid].inside = tasks[pid].watched; /* its execve has not returned */
	} else if (event != PTRACE_EVENT_STOP && !ptrace(PTRACE_GETEVENTMSG, pid, NULL, &child) && child < PIDS) {
		tasks[child].known = true;
		tasks[child].watched = tasks[pid].watched;
		tasks[child].inside = false;
		if (tasks[child].held)
			resume(child, 0);
		tasks[child].held = false;
	}
}

static void go_on(pid_t pid, int status)
{
	const int sig = WSTOPSIG(status), event = status >> 16;

	if (!tasks[pid].known) {
		tasks[pid].held = true;
		return;
	}
	if (sig == (SIGTRAP | 0x80)) {
		if (on_call(pid))
			ptrace(PTRACE_DETACH, pid, NULL, 0L);
		else
			resume(pid, 0);
		return;
	}
	if (event == PTRACE_EVENT_STOP && sig != SIGTRAP) { /* a stop of the whole group stays one */
		ptrace(PTRACE_LISTEN, pid, NULL, 0L);
		return;
	}
	if (event)
		on_event(pid, event);
	resume(pid, event ? 0 : sig);
}

int main(int argc, char **argv)
{
	int status, result = 125;
	pid_t first, pid;
	FILE *out;

	if (argc < 3) {
		fprintf(stderr, "usage: ckpt-calls FILE PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	first = fork();
	if (!first) {
		raise(SIGSTOP);
		execv(argv[2], argv + 2);
		_exit(127);
	}
	waitpid(first, &status, WUNTRACED);
	if (ptrace(PTRACE_SEIZE, first, NULL,
		   PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
			   PTRACE_O_TRACECLONE)) {
		perror("ckpt-calls: PTRACE_SEIZE");
		return 125;
	}
	tasks[first].known = true;
	kill(first, SIGCONT);
	while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		if (pid <= 0 || pid >= PIDS)
			continue;
		if (WIFSTOPPED(status)) {
			go_on(pid, status);
			continue;
		}
		memset(&tasks[pid], 0, sizeof(tasks[pid]));
		if (pid == first) {
			result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
			break;
		}
	}
	out = fopen(argv[1], "w");
	if (!out) {
		perror(argv[1]);
		return 125;
	}
	fprintf(out, "checkpoint %ld\nrestart %ld\n", checkpoints, restarts);
	fclose(out);
	return result;
}
