// SPDX-License-Identifier: GPL-2.0
/* What a restart means for its caller: its stream, its limits, and its life after a failure. */
#include <asm/ldt.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktest.h"

static struct layout layout;

static void nothing(int sig)
{
	(void)sig;
}

/* No byte behind TAIL is taken from the pipe. */
static void stops_at_tail(void)
{
	struct image longer;
	int in, n;
	char rest[16];
	pid_t pid, feeder;

	make_images();
	longer.size = image1.size + 5;
	longer.bytes = malloc(longer.size);
	memcpy(longer.bytes, image1.bytes, image1.size);
	memcpy(longer.bytes + image1.size, "rest!", 5);
	feeder = feeder_start(&longer, &in);
	pid = fork();
	if (!pid) {
		/* what the copy says is not of interest here */
		in = dup2(in, 200);
		dup2(open("/tmp/probe", O_CREAT | O_WRONLY, 0600), 4);
		sys_restart(0, in, 0);
		_exit(1);
	}
	status_of(feeder);
	status_of(pid);
	n = read(in, rest, sizeof(rest));
	expect(n == 5 && !memcmp(rest, "rest!", 5), "five bytes behind the tail, not %d", n);
	close(in);
	image_free(&longer);
}

/* Memory limits of the caller hold for what it becomes. */
static void limits(void)
{
	struct rlimit limit = { 1 << 20, 1 << 20 };
	pid_t pid, feeder;
	int in;

	make_images();
	feeder = feeder_start(&image1, &in);
	pid = fork();
	if (!pid) {
		setrlimit(RLIMIT_AS, &limit);
		_exit(error_of(sys_restart(0, in, 0)));
	}
	close(in);
	expect(status_of(pid) == ENOMEM, "ENOMEM beyond RLIMIT_AS");
	status_of(feeder);
}

static void write_to(const char *path, const char *words)
{
	int fd = open(path, O_WRONLY);

	expect(write(fd, words, strlen(words)) == (ssize_t)strlen(words), "to write %s", path);
	close(fd);
}

static int without_ipc_lock(const struct image *image)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];
	struct rlimit limit = { 1 << 16, 1 << 16 };
	pid_t pid, feeder;
	int in, error;

	feeder = feeder_start(image, &in);
	pid = fork();
	if (!pid) {
		setrlimit(RLIMIT_MEMLOCK, &limit);
		syscall(SYS_capget, &head, data);
		data[0].effective &= ~(1U << CAP_IPC_LOCK);
		syscall(SYS_capset, &head, data);
		_exit(error_of(sys_restart(0, in, 0)));
	}
	close(in);
	error = status_of(pid);
	status_of(feeder);
	return error;
}

/* An image that says of a GiB that was never touched that it is locked. */
static void locked(void)
{
	struct image image;
	struct task copy;
	struct rusage used;
	struct cr_vma vma;
	int status = 0;

	make_images();
	image_parse(&image1, &layout);
	image = image_copy(&image1);
	for (int i = 0; i < layout.count; i++) {
		size_t at = layout.maps[i].addrs - sizeof(vma);

		if (layout.maps[i].start != 0x200000000000)
			continue;
		memcpy(&vma, image.bytes + at, sizeof(vma));
		vma.vm_flags |= CKPT_VM_LOCKED;
		memcpy(image.bytes + at, &vma, sizeof(vma));
	}
	copy = restart_image(&image, 0);
	task_says(&copy, "copy");
	close(copy.says);
	expect(wait4(copy.pid, &status, 0, &used) == copy.pid && WEXITSTATUS(status) == 42, "the copy to end well");
	expect(used.ru_maxrss < 200000, "nothing of the GiB to be populated: %ld KiB", used.ru_maxrss);
	expect(without_ipc_lock(&image) == EAGAIN, "EAGAIN beyond RLIMIT_MEMLOCK");
	image_free(&image);
}

/* A GiB is more than half of the guest's memory. */
static void overcommitted(void)
{
	make_images();
	write_to("/proc/sys/vm/overcommit_memory", "2");
	expect(restart_errno(&image1, 0) == ENOMEM, "ENOMEM where memory may not be overcommitted");
	write_to("/proc/sys/vm/overcommit_memory", "0");
}

/* The caller's life, in a form that can be compared. */
struct life {
	char maps[16384];
	char status[4096];
	unsigned long actions[65][4]; /* as the kernel has them */
	sigset_t mask;
	stack_t altstack;
	unsigned long sum;
	unsigned long through_ldt;
};

static unsigned long on_ldt = 0x4c4454;

/* A segment that only the caller's LDT knows. */
static int make_ldt(void)
{
	struct user_desc d = { .entry_number = 3, .base_addr = (unsigned int)(unsigned long)&on_ldt, .limit = 0xfffff,
			       .seg_32bit = 1, .limit_in_pages = 1, .useable = 1 };

	if (syscall(SYS_modify_ldt, 0x11, &d, sizeof(d)))
		return 1;
	asm volatile("mov %w0, %%gs" : : "r"(3 << 3 | 7));
	return 0;
}

static unsigned char pattern[1 << 20];

static void slurp(const char *path, char *to, size_t size)
{
	int fd = open(path, O_RDONLY);
	size_t at = 0;
	ssize_t n;

	while (at < size - 1 && (n = read(fd, to + at, size - 1 - at)) > 0)
		at += n;
	to[at] = '\0';
	close(fd);
}

static void take(struct life *life)
{
	char *line;

	memset(life, 0, sizeof(*life));
	slurp("/proc/self/maps", life->maps, sizeof(life->maps));
	slurp("/proc/self/status", life->status, sizeof(life->status));
	line = strstr(life->status, "\nSigQ"); /* from here on: signals, capabilities */
	if (line)
		memmove(life->status, line, strlen(line) + 1);
	line = strstr(life->status, "\nvoluntary");
	if (line)
		memset(line, 0, life->status + sizeof(life->status) - line);
	for (int sig = 1; sig < 65; sig++)
		syscall(SYS_rt_sigaction, sig, NULL, life->actions[sig], 8);
	sigprocmask(SIG_BLOCK, NULL, &life->mask);
	sigaltstack(NULL, &life->altstack);
	asm volatile("mov %%gs:0, %0" : "=r"(life->through_ldt));
	for (size_t i = 0; i < sizeof(pattern); i++)
		life->sum = life->sum * 31 + pattern[i];
}

/* Registers that a system call must keep. Return: how many it did not. */
static int registers_survive(int fd, unsigned long flags)
{
	long ok;

	asm volatile("push %%rbx\n\tpush %%rbp\n\tmov $0x11, %%rbx\n\tmov $0x12, %%rbp\n\tmov $0x13, %%r12\n\t"
		     "mov $0x14, %%r13\n\tmov $0x15, %%r14\n\tmov $0x16, %%r15\n\tmovq %%r12, %%xmm7\n\t"
		     "syscall\n\txor %%eax, %%eax\n\tsub $0x11, %%rbx\n\tadd %%rbx, %%rax\n\tsub $0x12, %%rbp\n\t"
		     "add %%rbp, %%rax\n\tsub $0x13, %%r12\n\tadd %%r12, %%rax\n\tsub $0x14, %%r13\n\tadd %%r13, %%rax\n\t"
		     "sub $0x15, %%r14\n\tadd %%r14, %%rax\n\tsub $0x16, %%r15\n\tadd %%r15, %%rax\n\t"
		     "movq %%xmm7, %%r12\n\tsub $0x13, %%r12\n\tadd %%r12, %%rax\n\tpop %%rbp\n\tpop %%rbx"
		     : "=a"(ok)
		     : "a"((long)CKPT_NR_RESTART), "D"(0L), "S"((long)fd), "d"(flags)
		     : "rcx", "r11", "r12", "r13", "r14", "r15", "xmm7", "memory", "cc");
	return ok != 0;
}

static int unharmed_by(const struct image *image, size_t size, unsigned long flags)
{
	static struct life before, after;
	int fd = memfd_create("image", 0), bad;

	feed(fd, image->bytes, size);
	lseek(fd, 0, SEEK_SET);
	take(&before);
	bad = registers_survive(fd, flags);
	take(&after);
	close(fd);
	if (memcmp(&before, &after, sizeof(before))) {
		printf("# after %zu bytes: %s%s%s%s\n", size, strcmp(before.maps, after.maps) ? "maps " : "",
		       strcmp(before.status, after.status) ? "status " : "", before.sum != after.sum ? "memory " : "",
		       memcmp(before.actions, after.actions, sizeof(before.actions)) ? "handlers" : "");
		bad++;
	}
	return bad;
}

static void unharmed(void)
{
	pid_t pid;

	make_images();
	image_parse(&image1, &layout);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		struct sigaction act = { .sa_handler = nothing };
		stack_t ss = { .ss_sp = malloc(65536), .ss_size = 65536 };
		struct image bad = image_copy(&image1);
		sigset_t set;
		int harm = make_ldt();

		for (size_t i = 0; i < sizeof(pattern); i++)
			pattern[i] = i * 7 + (i >> 8);
		sigaction(SIGUSR1, &act, NULL);
		sigaltstack(&ss, NULL);
		sigemptyset(&set);
		sigaddset(&set, SIGUSR2);
		sigprocmask(SIG_SETMASK, &set, NULL);
		for (size_t size = 0; size < image1.size; size += image1.size / 25)
			harm += unharmed_by(&image1, size, 0);
		for (size_t size = 0; size < image2.size; size += image2.size / 25)
			harm += unharmed_by(&image2, size, CKPT_FLAG_VERSION2);
		/* all but the last byte; all, with a wrong tail */
		harm += unharmed_by(&image1, image1.size - 1, 0);
		harm += unharmed_by(&image2, image2.size - 1, CKPT_FLAG_VERSION2);
		bad.bytes[layout.tail] ^= 1;
		harm += unharmed_by(&bad, bad.size, 0);
		fflush(stdout);
		_exit(harm);
	}
	expect(status_of(pid) == 0, "no harm to the caller");
}

const struct test caller_tests[] = {
	{ "caller: nothing behind the tail is read", stops_at_tail },
	{ "caller: ENOMEM beyond the caller's limits", limits },
	{ "caller: what is locked is not populated; EAGAIN beyond RLIMIT_MEMLOCK", locked },
	{ "caller: ENOMEM where memory may not be overcommitted", overcommitted },
	{ "caller: a failed restart leaves memory, registers, handlers and mask alone", unharmed },
	{ NULL, NULL },
};
