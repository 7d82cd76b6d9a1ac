// SPDX-License-Identifier: GPL-2.0
/* A restarter with all kinds of things registered in its name: none of them reaches what it becomes. */
#include <asm/ldt.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/userfaultfd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "ktest.h"

static struct layout layout;
static char *area;
static const char *left_over;

static void must(bool ok, const char *what)
{
	if (!ok && !left_over)
		left_over = what;
}

static bool in_file(const char *path, const char *what)
{
	char line[512];
	bool found = false;
	FILE *f = fopen(path, "r");

	while (f && fgets(line, sizeof(line), f))
		found |= strstr(line, what) != NULL;
	if (f)
		fclose(f);
	return found;
}

static sigjmp_buf out;

static void on_fault(int sig)
{
	siglongjmp(out, sig);
}

/* A port that nothing minds being read. */
static bool port_is_readable(void)
{
	struct sigaction act = { .sa_handler = on_fault }, old;
	bool readable = false;

	sigaction(SIGSEGV, &act, &old);
	if (!sigsetjmp(out, 1)) {
		inb(0x80);
		readable = true;
	}
	sigaction(SIGSEGV, &old, NULL);
	return readable;
}

static void make(void)
{
	area = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	area[0] = 'A';
}

static bool nothing_left(void)
{
	static const int which[] = { ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF };
	struct sigaction act;
	struct itimerspec at;
	struct itimerval it;
	char ldt[64];
	int signal = -1;
	stack_t ss;

	sigaction(SIGUSR1, NULL, &act);
	must(act.sa_handler == SIG_DFL, "a signal handler");
	sigaltstack(NULL, &ss);
	must(ss.ss_flags & SS_DISABLE, "an alternate stack");
	for (int i = 0; i < 3; i++)
		must(!getitimer(which[i], &it) && !it.it_value.tv_sec && !it.it_value.tv_usec, "an interval timer");
	for (long id = 0; id < 8; id++)
		must(syscall(SYS_timer_gettime, id, &at) == -1 && errno == EINVAL, "a POSIX timer");
	must(!prctl(PR_GET_PDEATHSIG, &signal) && !signal, "a signal for the parent's death");
	must(!port_is_readable(), "I/O ports");
	must(personality(0xffffffff) == 0, "a personality");
	must(!syscall(SYS_modify_ldt, 0, ldt, sizeof(ldt)), "an LDT");
	must(!in_file("/proc/self/maps", "[aio]"), "an AIO context");
	must(!in_file("/proc/self/maps", "rwxp"), "memory that can be executed");
	must(in_file("/proc/self/maps", "[vsyscall]"), "no [vsyscall]");
	must(area[0] == 'A', "memory");
	if (left_over)
		dprintf(1, "%s\n", left_over);
	return !left_over;
}

static void register_all(void)
{
	static char stack[65536];
	static volatile char selector;
	const struct itimerval far = { { 1000, 0 }, { 1000, 0 } };
	struct sigaction act = { .sa_handler = on_fault };
	stack_t ss = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigevent quiet = { .sigev_notify = SIGEV_NONE };
	struct user_desc d = { .entry_number = 3, .limit = 0xfffff, .seg_32bit = 1, .limit_in_pages = 1, .useable = 1 };
	struct uffdio_api api = { .api = UFFD_API };
	char *served = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffdio_register range = { .range = { (unsigned long)served, 8192 }, .mode = UFFDIO_REGISTER_MODE_MISSING };
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	aio_context_t aio = 0;
	timer_t timer;
	bool ok = true;

	ok &= !sigaction(SIGUSR1, &act, NULL) && !sigaltstack(&ss, NULL);
	ok &= !setitimer(ITIMER_REAL, &far, NULL) && !setitimer(ITIMER_VIRTUAL, &far, NULL);
	ok &= !setitimer(ITIMER_PROF, &far, NULL);
	for (int i = 0; i < 3; i++)
		ok &= !timer_create(i ? CLOCK_MONOTONIC : CLOCK_PROCESS_CPUTIME_ID, &quiet, &timer);
	ok &= !syscall(SYS_io_setup, 8, &aio);
	ok &= !prctl(PR_SET_PDEATHSIG, SIGUSR1);
	ok &= !ioctl(uffd, UFFDIO_API, &api) && !ioctl(uffd, UFFDIO_REGISTER, &range);
	ok &= !syscall(SYS_modify_ldt, 0x11, &d, sizeof(d));
	ok &= !ioperm(0x80, 1, 1) && !iopl(3) && port_is_readable();
	ok &= personality(READ_IMPLIES_EXEC) != -1;
	ok &= !prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0UL, 0UL, &selector);
	if (!ok)
		dprintf(4, "not all was registered\n");
}

static void become_with_a_past(int in, int says, const void *flags)
{
	in = fcntl(in, F_DUPFD, 200);
	descriptors(says, -1);
	register_all();
	sys_restart(0, in, *(const unsigned long *)flags);
	dprintf(4, "errno %d\n", errno);
	_exit(125);
}

static void ended(void)
{
	static const unsigned long version1 = 0, version2 = CKPT_FLAG_VERSION2;
	struct task task = task_making(make, nothing_left), copy;
	struct image image = dump_whole(task.pid, version2, &layout);

	kill(task.pid, SIGCONT);
	task_says(&task, "copy"); /* the original has nothing, either */
	task_end(&task);
	copy = task_of_image(&image, become_with_a_past, &version2);
	task_goes_on(&copy, true, 43);
	image_free(&image);

	make_images();
	copy = task_of_image(&image1, become_with_a_past, &version1);
	task_goes_on(&copy, false, 42);
}

const struct test life_tests[] = {
	{ "life: handlers, timers, ports, registrations and more of the restarter's old life end with it", ended },
	{ NULL, NULL },
};
