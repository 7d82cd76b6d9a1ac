// SPDX-License-Identifier: GPL-2.0
/*
 * The task that the version-2 tests dump: an ordinary program of glibc.
 *
 *   task2 stop     says "ready" on descriptor 1, stops itself, says "copy" when it goes on
 *   task2 self     checkpoints itself into descriptor 3; says "crid N" or "copy"
 *   task2 loop     reads the clock through the vdso until SIGUSR1; says "copy"
 *   task2 sleep    is inside nanosleep when it is dumped; says "copy" when that returns
 *
 * Before "copy" it looks at thread-local storage, AVX registers, signal state,
 * timers, files, working directory, rseq and more. Exit status 43.
 */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <immintrin.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/rseq.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <ckpt_syscalls.h>

static __thread int local = 7;
static volatile sig_atomic_t usr1, usr2, on_altstack;
static char altstack[32768];
static timer_t soon, later, cpu;
static int data_fd, twin_fd, dir_fd, zero_fd;
static char *private_file, *shared_file;
static const char *complaint;

static void on_usr1(int sig, siginfo_t *info, void *context)
{
	char here;

	(void)sig;
	(void)context;
	usr1 += info->si_value.sival_int == 1234 ? 1 : 100;
	on_altstack = &here >= altstack && &here < altstack + sizeof(altstack);
}

static void on_usr2(int sig)
{
	usr2 += sig == SIGUSR2;
}

static void must(bool ok, const char *what)
{
	if (ok || complaint)
		return;
	complaint = what;
}

static void make_signals(void)
{
	struct sigaction act = { .sa_sigaction = on_usr1, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	stack_t ss = { .ss_sp = altstack, .ss_size = sizeof(altstack) };
	struct itimerval it = { { 1000, 0 }, { 500, 0 } };
	union sigval value = { .sival_int = 1234 };
	sigset_t set;

	sigaltstack(&ss, NULL);
	sigaction(SIGUSR1, &act, NULL);
	signal(SIGUSR2, on_usr2);
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_DFL); /* a shell ignores it for what runs in the background */
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigqueue(getpid(), SIGUSR1, value); /* pending, blocked */
	setitimer(ITIMER_REAL, &it, NULL);
}

/* Ids 1, 2 and 4: one that is periodic, one on the processor's clock, one that is not armed. */
static void make_timers(void)
{
	struct sigevent quiet = { .sigev_notify = SIGEV_NONE };
	struct sigevent signal2 = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2, .sigev_value.sival_int = 5678 };
	struct sigevent to_thread = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR2 };
	struct itimerspec far = { { 2000, 0 }, { 700, 500000000 } };
	timer_t gone;

	to_thread._sigev_un._tid = getpid();
	timer_create(CLOCK_MONOTONIC, &quiet, &gone);
	must(!timer_create(CLOCK_MONOTONIC, &signal2, &later), "timer_create");
	must(!timer_create(CLOCK_PROCESS_CPUTIME_ID, &to_thread, &cpu), "timer_create on the processor's clock");
	timer_delete(gone);
	timer_create(CLOCK_MONOTONIC, &quiet, &gone);
	must(!timer_create(CLOCK_REALTIME, &quiet, &soon), "timer_create");
	timer_delete(gone);
	timer_settime(later, 0, &far, NULL);
	timer_settime(cpu, 0, &far, NULL);
}

static void look_at_timers(void)
{
	struct itimerspec at;
	timer_t another;
	struct sigevent quiet = { .sigev_notify = SIGEV_NONE };

	must(!timer_gettime(later, &at) && at.it_interval.tv_sec == 2000 && at.it_value.tv_sec > 0 &&
	     at.it_value.tv_sec <= 700, "periodic timer");
	must(!timer_gettime(cpu, &at) && at.it_value.tv_sec > 0 && at.it_value.tv_sec <= 700, "processor timer");
	must(!timer_gettime(soon, &at) && !at.it_value.tv_sec && !at.it_value.tv_nsec, "timer that is not armed");
	must(!timer_create(CLOCK_MONOTONIC, &quiet, &another) && another != later && another != cpu && another != soon,
	     "a new timer beside the old ones");
	at = (struct itimerspec){ { 0, 0 }, { 0, 1 } };
	usr2 = 0;
	timer_settime(later, 0, &at, NULL);
	for (int i = 0; i < 1000 && !usr2; i++)
		usleep(1000);
	must(usr2 == 1, "a timer that fires");
	timer_delete(another);
	must(!timer_delete(later) && !timer_delete(cpu) && !timer_delete(soon), "timer_delete");
}

static void make_files(void)
{
	data_fd = open("/tmp/task2.data", O_RDWR | O_APPEND);
	must(data_fd >= 0, "open");
	lseek(data_fd, 4321, SEEK_SET);
	twin_fd = fcntl(data_fd, F_DUPFD_CLOEXEC, 20);
	dir_fd = open("/tmp/task2.dir", O_RDONLY | O_DIRECTORY);
	zero_fd = open("/dev/zero", O_RDONLY);
	private_file = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, data_fd, 0);
	private_file[4096] = 'P';
	int fd = open("/tmp/task2.data", O_RDONLY);

	shared_file = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	must(chdir("/tmp/task2.dir") == 0, "chdir");
	umask(027);
	prctl(PR_SET_NAME, "task-two");
	prctl(PR_SET_TIMERSLACK, 77777);
}

static void look_at_signals(void)
{
	struct sigaction act;
	struct itimerval it;
	stack_t ss;
	sigset_t set, pending;

	sigprocmask(SIG_BLOCK, NULL, &set);
	must(sigismember(&set, SIGUSR1) && sigismember(&set, SIGTERM) && !sigismember(&set, SIGUSR2), "signal mask");
	sigpending(&pending);
	must(sigismember(&pending, SIGUSR1) && !sigismember(&pending, SIGTERM), "pending signal");
	sigaction(SIGHUP, NULL, &act);
	must(act.sa_handler == SIG_IGN, "ignored signal");
	sigaction(SIGINT, NULL, &act);
	must(act.sa_handler == SIG_DFL, "default signal");
	sigaltstack(NULL, &ss);
	must(ss.ss_sp == altstack && ss.ss_size == sizeof(altstack), "alternate stack");
	getitimer(ITIMER_REAL, &it);
	must(it.it_interval.tv_sec == 1000 && it.it_value.tv_sec > 0 && it.it_value.tv_sec <= 500, "interval timer");
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	must(usr1 == 1 && on_altstack, "handler with its value on the alternate stack");
	raise(SIGUSR2);
	must(usr2 == 1, "second handler");
}

static void look_at_files(void)
{
	char where[128], name[16];
	struct stat a, b;

	must(lseek(data_fd, 0, SEEK_CUR) == 4321, "file offset");
	must(fcntl(data_fd, F_GETFL) & O_APPEND, "file flags");
	must((fcntl(data_fd, F_GETFL) & O_ACCMODE) == O_RDWR, "access mode");
	must(lseek(twin_fd, 100, SEEK_SET) == 100 && lseek(data_fd, 0, SEEK_CUR) == 100, "shared file description");
	must(fcntl(twin_fd, F_GETFD) == FD_CLOEXEC && fcntl(data_fd, F_GETFD) == 0, "close-on-exec");
	must(!fstat(dir_fd, &a) && !stat("/tmp/task2.dir", &b) && a.st_ino == b.st_ino, "directory");
	must(read(zero_fd, where, 8) == 8, "device");
	must(fcntl(100, F_GETFD) == -1, "no stray descriptor");
	must(private_file[4096] == 'P' && private_file[0] == 'F' && private_file[3 * 4096] == 'F', "private file mapping");
	must(shared_file[0] == 'F', "shared read-only mapping");
	must(getcwd(where, sizeof(where)) && !strcmp(where, "/tmp/task2.dir"), "working directory");
	must(umask(022) == 027, "umask");
	prctl(PR_GET_NAME, name);
	must(!strcmp(name, "task-two"), "name");
	must(prctl(PR_GET_TIMERSLACK) == 77777, "timer slack");
}

/* The vdso's clock needs no system call: SIGSYS if it makes one. */
static bool clock_without_calls(void)
{
	static volatile char selector;
	struct timespec a, b;
	int bad;

	must(!prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0UL, 0UL, &selector), "system call dispatch");
	selector = SYSCALL_DISPATCH_FILTER_BLOCK;
	bad = clock_gettime(CLOCK_MONOTONIC, &a) | clock_gettime(CLOCK_MONOTONIC, &b);
	selector = SYSCALL_DISPATCH_FILTER_ALLOW;
	prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0UL, 0UL, 0UL);
	return !bad && (b.tv_sec > a.tv_sec || (b.tv_sec == a.tv_sec && b.tv_nsec >= a.tv_nsec));
}

static void look_at_runtime(void)
{
	struct timespec t;
	struct rseq *rs = (void *)((char *)__builtin_thread_pointer() + __rseq_offset);
	char exe[64] = "";
	unsigned int cpu;

	must(local == 8, "thread-local storage");
	must(clock_without_calls(), "clock");
	must(!clock_gettime(CLOCK_MONOTONIC, &t) && time(NULL) > 0, "clock");
	must(getauxval(AT_PAGESZ) == 4096 && getauxval(AT_SYSINFO_EHDR), "auxiliary vector");
	must(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0 && !strcmp(exe, "/bin/task2"), "executable");
	if (__rseq_size) {
		syscall(SYS_getcpu, &cpu, NULL, NULL);
		must(rs->cpu_id < 4, "rseq area");
		must(syscall(SYS_rseq, rs, sizeof(*rs), 0, 0x53053053) == -1 && errno == EBUSY, "rseq registration");
	}
	free(malloc(100000));
	printf("%s", "");
}

static void finish(void)
{
	look_at_runtime();
	look_at_signals();
	look_at_timers();
	look_at_files();
	dprintf(1, "%s\n", complaint ? complaint : "copy");
	_exit(complaint ? 1 : 43);
}

/* Stops with known values in all vector registers, and looks at them afterwards. */
static long with_vectors(long nr, long a, long b, long c)
{
	static const long long one[4] __attribute__((aligned(32))) = { 0x1111, 0x2222, 0x3333, 0x4444 };
	long long low[4] __attribute__((aligned(32))) = { 0 }, high[4] __attribute__((aligned(32))) = { 0 };
	long ret;

	if (!__builtin_cpu_supports("avx2")) {
		asm volatile("movdqa %[one], %%xmm5\n\tsyscall\n\tmovdqa %%xmm5, %[low]"
			     : "=a"(ret), [low] "=m"(low)
			     : "a"(nr), "D"(a), "S"(b), "d"(c), [one] "m"(one)
			     : "rcx", "r11", "memory", "xmm5");
		must(low[1] == 0x2222, "SSE register");
		return ret;
	}
	asm volatile("vmovdqa %[one], %%ymm5\n\tvpaddq %%ymm5, %%ymm5, %%ymm15\n\tsyscall\n\t"
		     "vmovdqa %%ymm5, %[low]\n\tvmovdqa %%ymm15, %[high]\n\tvzeroupper"
		     : "=a"(ret), [low] "=m"(low), [high] "=m"(high)
		     : "a"(nr), "D"(a), "S"(b), "d"(c), [one] "m"(one)
		     : "rcx", "r11", "memory", "xmm5", "xmm15");
	must(low[0] == 0x1111 && low[3] == 0x4444, "ymm5");
	must(high[0] == 0x2222 && high[3] == 0x8888, "ymm15");
	return ret;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "stop";
	struct timespec t, last = { 0, 0 };
	long ret;

	for (int fd = 3; fd < 16; fd++)
		if (fd != 3 || strcmp(mode, "self"))
			close(fd);
	local = 8;
	make_signals();
	make_timers();
	make_files();
	if (complaint) {
		dprintf(1, "%s\n", complaint);
		return 1;
	}
	if (!strcmp(mode, "self")) {
		ret = with_vectors(CKPT_NR_CHECKPOINT, 0, 3, CKPT_FLAG_VERSION2);
		if (ret) {
			dprintf(1, "crid %ld\n", ret);
			_exit(0);
		}
		finish();
	}
	dprintf(1, "ready\n");
	if (!strcmp(mode, "loop")) {
		while (!usr2) {
			clock_gettime(CLOCK_REALTIME, &t);
			must(t.tv_sec >= last.tv_sec, "clock runs backwards");
			last = t;
		}
		usr2 = 0;
	} else if (!strcmp(mode, "sleep")) {
		t.tv_sec = 1000;
		t.tv_nsec = 0;
		ret = syscall(SYS_nanosleep, &t, NULL);
		must(ret == -1 && errno == EINTR, "nanosleep to return EINTR in a copy");
	} else {
		with_vectors(SYS_kill, getpid(), SIGSTOP, 0);
	}
	finish();
}
