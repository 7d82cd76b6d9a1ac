// SPDX-License-Identifier: GPL-2.0
/* Every error that the specification names. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktest.h"

static struct layout layout;
struct image image1, image2;

/* Images to be spoilt: a bare program in version 1, a glibc one in version 2. */
void make_images(void)
{
	struct task task;

	if (image1.size)
		return;
	task = task_stopped("/bin/task1", "ldt");
	image1 = dump_whole(task.pid, 0, &layout);
	task_kill(&task);
	task = task_stopped("/bin/task2", NULL);
	image2 = dump_whole(task.pid, CKPT_FLAG_VERSION2, &layout);
	task_kill(&task);
}

static void drop_to(int cap)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = { { 0 } };

	prctl(PR_SET_KEEPCAPS, 1);
	if (setresgid(1234, 1234, 1234) || setresuid(1234, 1234, 1234))
		_exit(99);
	if (cap >= 0)
		data[cap / 32].effective = data[cap / 32].permitted = 1U << cap % 32;
	syscall(SYS_capset, &head, data);
}

/* Runs a call in a child with less rights. Return: errno there. */
static int as_other(int cap, long (*call)(void))
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		drop_to(cap);
		_exit(error_of(call()));
	}
	return status_of(pid);
}

static long dump_self(void)
{
	return sys_checkpoint(0, 1, 0);
}

static long restart_stdin(void)
{
	return sys_restart(0, 0, 0);
}

static pid_t target;

static long dump_target(void)
{
	return sys_checkpoint(target, open("/dev/null", O_WRONLY), 0);
}

static void privilege(void)
{
	expect(as_other(-1, dump_self) == EPERM, "EPERM for sys_checkpoint");
	expect(as_other(-1, restart_stdin) == EPERM, "EPERM for sys_restart");
}

static void bad_descriptors(void)
{
	int fds[2], null = open("/dev/null", O_RDONLY), path = open("/tmp", O_PATH);

	if (pipe(fds))
		return;
	expect_error(sys_checkpoint(0, 99, 0), EBADF);
	expect_error(sys_checkpoint(0, -1, 0), EBADF);
	expect_error(sys_checkpoint(0, null, 0), EBADF);
	expect_error(sys_checkpoint(0, path, 0), EBADF);
	expect_error(sys_checkpoint(0, fds[0], 0), EBADF);
	expect_error(sys_restart(0, 99, 0), EBADF);
	expect_error(sys_restart(0, fds[1], 0), EBADF);
	expect_error(sys_restart(0, path, 0), EBADF);
	close(null);
	close(path);
	close(fds[0]);
	close(fds[1]);
}

static void flags(void)
{
	static const unsigned long bad[] = { 1, 2, 3, 5, 8, 0x80000000, 0x100000000, ~0UL };
	int fds[2];

	if (pipe(fds))
		return;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		expect_error(sys_checkpoint(0, fds[1], bad[i]), EINVAL);
		expect_error(sys_restart(0, fds[0], bad[i]), EINVAL);
		expect_error(sys_checkpoint(0, 99, bad[i]), EBADF);
	}
	close(fds[0]);
	close(fds[1]);
}

static void whom(void)
{
	struct task task;
	int null;

	task_files();
	null = open("/tmp/sink", O_CREAT | O_TRUNC | O_RDWR, 0600);
	expect_error(sys_checkpoint(4194303, null, 0), ESRCH);
	expect_error(sys_checkpoint(-5, null, 0), ESRCH);
	expect_error(sys_checkpoint(2, null, 0), ESRCH); /* kthreadd: no memory */
	task = task_start("/bin/task2", "loop", NULL, -1);
	task_line(&task);
	expect_error(sys_checkpoint(task.pid, null, 0), EBUSY);
	expect_error(sys_checkpoint(task.pid, null, CKPT_FLAG_VERSION2), EBUSY);
	kill(task.pid, SIGKILL);
	waitid(P_PID, task.pid, NULL, WEXITED | WNOWAIT);
	expect_error(sys_checkpoint(task.pid, null, 0), ESRCH); /* a zombie */
	task_end(&task);

	task = task_stopped("/bin/task1", NULL);
	target = task.pid;
	expect(as_other(CAP_SYS_ADMIN, dump_target) == EACCES, "EACCES where ptrace may not");
	task_kill(&task);
	close(null);
}

static int sleeper(void *stop)
{
	if (stop)
		raise(SIGSTOP);
	pause();
	return 0;
}

static void shared_memory(void)
{
	int sink = open("/tmp/sink", O_CREAT | O_TRUNC | O_RDWR, 0600), status;
	char *stack = malloc(65536);
	pid_t pid = clone(sleeper, stack + 65536, CLONE_VM | SIGCHLD, (void *)1);

	expect_error(sys_checkpoint(0, sink, 0), EBUSY);
	waitpid(pid, &status, WUNTRACED);
	expect_error(sys_checkpoint(pid, sink, 0), EBUSY);
	expect_error(sys_restart(0, sink, 0), EBUSY);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	close(sink);
	free(stack);
}

static void *thread_body(void *arg)
{
	pause();
	return arg;
}

static void threads(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		int sink = open("/tmp/sink", O_CREAT | O_TRUNC | O_RDWR, 0600), bad = 0;
		pthread_t thread;

		pthread_create(&thread, NULL, thread_body, NULL);
		bad += error_of(sys_checkpoint(0, sink, 0)) != EBUSY;
		bad += error_of(sys_checkpoint(0, sink, CKPT_FLAG_VERSION2)) != EBUSY;
		bad += error_of(sys_restart(0, sink, 0)) != EBUSY;
		_exit(bad);
	}
	expect(status_of(pid) == 0, "EBUSY with a second thread");
}

static void mappings(void)
{
	int sink = open("/tmp/sink", O_CREAT | O_TRUNC | O_RDWR, 0600);
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		_exit(error_of(sys_checkpoint(0, sink, 0)));
	}
	expect(status_of(pid) == ETXTBSY, "ETXTBSY for a writable shared mapping");
	close(sink);
}

struct spoil {
	const char *what;
	size_t at;
	uint64_t value;
	int bytes;
	int error;
};

static void spoil_and_restart(const struct image *image, const struct spoil *s, unsigned long flags)
{
	struct image bad = image_copy(image);
	int error;

	memcpy(bad.bytes + s->at, &s->value, s->bytes);
	error = restart_errno(&bad, flags);
	expect(error == s->error, "%s for %s, not %s", s->error ? strerrorname_np(s->error) : "success", s->what,
	       error ? strerrorname_np(error) : "success");
	image_free(&bad);
}

#define AT(base, type, field) (base) + offsetof(struct type, field)

static void version1_checks(void)
{
	make_images();
	expect(image_parse(&image1, &layout), "an image");
	const size_t head = sizeof(struct cr_hdr), vma = layout.first_vma;
	struct cr_vma first;
	size_t file = 0, name = 0;

	memcpy(&first, image1.bytes + vma, sizeof(first));
	for (int i = 0; i < layout.count && !file; i++)
		if (layout.maps[i].name[0]) {
			name = layout.maps[i].addrs - strlen(layout.maps[i].name) - 1;
			file = name - sizeof(struct cr_hdr) - sizeof(struct cr_vma);
		}
	const struct spoil table[] = {
		{ "type of HEAD", 0, 7, 2, EINVAL },
		{ "length of HEAD", 2, 23, 2, EINVAL },
		{ "a negative length", 2, 0x8000, 2, EINVAL },
		{ "HEAD.magic", AT(head, cr_head, magic), 0, 4, EINVAL },
		{ "HEAD.version", AT(head, cr_head, version), 3, 2, EINVAL },
		{ "HEAD.version 2", AT(head, cr_head, version), 2, 2, EINVAL },
		{ "HEAD.major", AT(head, cr_head, major), 2, 2, EINVAL },
		{ "HEAD.minor", AT(head, cr_head, minor), 99, 2, EINVAL },
		{ "HEAD.patch", AT(head, cr_head, patch), 0, 2, EINVAL },
		{ "HEAD.flags", AT(head, cr_head, flags), 3, 4, EINVAL },
		{ "HEAD.flags 0", AT(head, cr_head, flags), 0, 4, 0 },
		{ "TASK.task_comm_len 17", AT(layout.task, cr_task, task_comm_len), 17, 2, EINVAL },
		{ "TASK.task_comm_len -1", AT(layout.task, cr_task, task_comm_len), 0xffff, 2, EINVAL },
		{ "MM.start_code", AT(layout.mm, cr_mm, start_code), 0x7ffffffff000, 8, EINVAL },
		{ "MM.start_data", AT(layout.mm, cr_mm, start_data), 0x7ffffffff000, 8, EINVAL },
		{ "MM.end_code in the kernel", AT(layout.mm, cr_mm, end_code), -4096, 8, EINVAL },
		{ "MM.map_count -1", AT(layout.mm, cr_mm, map_count), 0xffff, 2, EINVAL },
		{ "MM.map_count + 1", AT(layout.mm, cr_mm, map_count), layout.count + 1, 2, EINVAL },
		{ "VMA.how", AT(vma, cr_vma, how), 3, 4, EINVAL },
		{ "FILE without a name", AT(vma, cr_vma, namelen), 0, 2, EINVAL },
		{ "ANON with a name", AT(vma, cr_vma, how), CKPT_VMA_ANON, 4, EINVAL },
		{ "VMA.npages -1", AT(vma, cr_vma, npages), 0xffff, 2, EINVAL },
		{ "VMA.npages more than fit", AT(vma, cr_vma, npages), 32767, 2, EINVAL },
		{ "VMA.namelen -1", AT(vma, cr_vma, namelen), 0xffff, 2, EINVAL },
		{ "an empty mapping", AT(vma, cr_vma, vm_end), first.vm_start, 8, EINVAL },
		{ "a mapping that ends before it starts", AT(vma, cr_vma, vm_end), first.vm_start - 4096, 8, EINVAL },
		{ "an unaligned mapping", AT(vma, cr_vma, vm_start), first.vm_start + 1, 8, EINVAL },
		{ "a mapping below mmap_min_addr", AT(vma, cr_vma, vm_start), 4096, 8, EPERM },
		{ "a mapping at 0", AT(vma, cr_vma, vm_start), 0, 8, EPERM },
		{ "a mapping in the kernel", AT(vma, cr_vma, vm_end), -4096, 8, EINVAL },
		{ "a writable shared mapping", AT(vma, cr_vma, vm_flags), CKPT_VM_SHARED | CKPT_VM_WRITE, 8, EINVAL },
		{ "memory of a device", AT(vma, cr_vma, vm_flags), CKPT_VM_IO, 8, EINVAL },
		{ "hugetlb", AT(vma, cr_vma, vm_flags), CKPT_VM_HUGETLB, 8, EINVAL },
		{ "a file that is not there", name + 1, 'X', 1, ENOENT },
		{ "a relative path", name, 'X', 1, EINVAL },
		{ "a path without its NUL", name + strlen((char *)image1.bytes + name), 'X', 1, EINVAL },
		{ "MM_CONTEXT.ldt_entry_size", layout.context, 16, 2, EINVAL },
		{ "MM_CONTEXT.nldt -1", layout.context + 2, 0xffff, 2, EINVAL },
		{ "MM_CONTEXT.nldt 8193", layout.context + 2, 8193, 2, EINVAL },
		{ "a call gate in the LDT", layout.ldt + 5 * 8 + 5, 0xec, 1, EINVAL },
		{ "a descriptor of ring 0 in the LDT", layout.ldt + 5 * 8 + 5, 0x93, 1, EINVAL },
		{ "64-bit code in the LDT", layout.ldt + 5 * 8, 0x00affa000000ffff, 8, EINVAL },
		{ "THREAD.gdt_entry_tls_entries", layout.thread, 4, 2, EINVAL },
		{ "THREAD.sizeof_tls_array", layout.thread + 2, 32, 2, EINVAL },
		{ "THREAD.ntls 4", layout.thread + 4, 4, 2, EINVAL },
		{ "THREAD.ntls -1", layout.thread + 4, 0xffff, 2, EINVAL },
		{ "code in the TLS array", layout.tls, 0x00cffb000000ffff, 8, EINVAL },
		{ "ring 0 in the TLS array", layout.tls, 0x00cf93000000ffff, 8, EINVAL },
		{ "CPU.cs of ring 0", AT(layout.cpu, cr_cpu, cs), 0x10, 8, EINVAL },
		{ "CPU.cs 0", AT(layout.cpu, cr_cpu, cs), 0, 8, EINVAL },
		{ "CPU.ss of ring 0", AT(layout.cpu, cr_cpu, ss), 0x18, 8, EINVAL },
		{ "CPU.ds of ring 1", AT(layout.cpu, cr_cpu, ds), 0x29, 8, EINVAL },
		{ "CPU.fs above 16 bits", AT(layout.cpu, cr_cpu, fs), 0x1002b, 8, EINVAL },
		{ "CPU.ip in the kernel", AT(layout.cpu, cr_cpu, ip), 0xffffffff81000000, 8, EINVAL },
		{ "CPU.ip not canonical", AT(layout.cpu, cr_cpu, ip), 0x800000000000, 8, EINVAL },
		{ "CPU.has_fxsr", AT(layout.cpu, cr_cpu, has_fxsr), 0, 1, EINVAL },
		{ "MXCSR's reserved bits", AT(layout.cpu, cr_cpu, fxsave) + 24, 0xffffffff, 4, EINVAL },
		{ "TAIL.magic", layout.tail, 0, 4, EINVAL },
		{ "TAIL.cksum[0]", layout.tail + 4, 2, 4, EINVAL },
		{ "TAIL.cksum[1]", layout.tail + 8, 0, 4, EINVAL },
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		spoil_and_restart(&image1, &table[i], 0);
}

static void debug_registers(void)
{
	struct image bad;
	uint64_t value;

	make_images();
	image_parse(&image1, &layout);
	bad = image_copy(&image1);
	bad.bytes[AT(layout.cpu, cr_cpu, uses_debug)] = 1;
	value = 0xffffffff81000000; /* a breakpoint on kernel code */
	memcpy(bad.bytes + AT(layout.cpu, cr_cpu, debugreg0), &value, 8);
	value = 1;
	memcpy(bad.bytes + AT(layout.cpu, cr_cpu, debugreg7), &value, 8);
	expect(restart_errno(&bad, 0) == EINVAL, "EINVAL for a breakpoint in the kernel");
	image_free(&bad);
}

static void version2_checks(void)
{
	make_images();
	expect(image_parse(&image2, &layout), "an image");
	const size_t vma = layout.first_vma;
	const struct spoil table[] = {
		{ "HEAD.version 1", AT(sizeof(struct cr_hdr), cr_head, version), 1, 2, EINVAL },
		{ "several threads", AT(layout.task, cr2_task, thread_count), 2, 4, EOPNOTSUPP },
		{ "no thread", AT(layout.task, cr2_task, thread_count), 0, 4, EINVAL },
		{ "unknown state", AT(layout.task, cr2_task, state), 9, 4, EINVAL },
		{ "file_count", AT(layout.task, cr2_task, file_count), 1, 4, EINVAL },
		{ "auxv_bytes", AT(layout.mm, cr2_mm, auxv_bytes), 8, 4, EINVAL },
		{ "VMA2.kind", AT(vma, cr2_vma, kind), 9, 4, EOPNOTSUPP },
		{ "VMA2.prot", AT(vma, cr2_vma, prot), 8, 4, EINVAL },
		{ "VMA2.file_bytes", AT(vma, cr2_vma, file_bytes), 1, 8, ESTALE },
		{ "VMA2.mtime_sec", AT(vma, cr2_vma, mtime_sec), 1, 8, ESTALE },
		{ "VMA2.start at 0", AT(vma, cr2_vma, start), 0, 8, EPERM },
		{ "REGS.fs_base in the kernel", AT(layout.regs, cr2_regs, fs_base), -4096, 8, EINVAL },
		{ "REGS.gs_base not canonical", AT(layout.regs, cr2_regs, gs_base), 1ULL << 47, 8, EINVAL },
		{ "REGS.cs of ring 0", AT(layout.regs, cr2_regs, cs), 0x10, 8, EINVAL },
		{ "XSTATE.area_bytes", AT(layout.xstate, cr2_xstate, area_bytes), 100, 4, EINVAL },
		{ "XSAVE header: reserved bytes", layout.xstate + sizeof(struct cr2_xstate) + 540, 1, 1, EINVAL },
		{ "XSAVE header: compacted", layout.xstate + sizeof(struct cr2_xstate) + 520, 1ULL << 63, 8, EINVAL },
		{ "XSAVE header: unknown component", layout.xstate + sizeof(struct cr2_xstate) + 512, 1ULL << 40, 8, EOPNOTSUPP },
		{ "rseq unaligned", AT(layout.thread, cr2_thread, rseq_addr), 0x400001, 8, EINVAL },
		{ "robust list in the kernel", AT(layout.thread, cr2_thread, robust_list_addr), -8, 8, EINVAL },
		{ "TAIL2.magic", AT(layout.tail, cr2_tail, magic), 1, 4, EINVAL },
		{ "TAIL2.crc32c", AT(layout.tail, cr2_tail, crc32c), 1, 4, EINVAL },
		{ "TAIL2.bytes", AT(layout.tail, cr2_tail, bytes), 1, 8, EINVAL },
		{ "TAIL2.pages", AT(layout.tail, cr2_tail, pages), 1, 8, EINVAL },
		{ "TAIL2.records", AT(layout.tail, cr2_tail, records), 1, 8, EINVAL },
		{ "a changed register, by the checksum", AT(layout.regs, cr2_regs, bx), 0x5555, 8, EINVAL },
		{ "a changed page, by the checksum", layout.tail - 20000, 0x5a5a5a5a, 4, EINVAL },
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		spoil_and_restart(&image2, &table[i], CKPT_FLAG_VERSION2);
}

static void truncations(void)
{
	make_images();
	for (int i = 0; i < 40; i++) {
		struct image cut = image1;

		cut.size = i < 30 ? (size_t)i * 17 : image1.size - 1 - (size_t)(i - 30) * 200;
		expect(restart_errno(&cut, 0) == EIO, "EIO after %zu bytes of version 1", cut.size);
		cut = image2;
		cut.size = i < 30 ? (size_t)i * 57 : image2.size - 1 - (size_t)(i - 30) * 300;
		expect(restart_errno(&cut, CKPT_FLAG_VERSION2) == EIO, "EIO after %zu bytes of version 2", cut.size);
	}
}

const struct test error_tests[] = {
	{ "errors: EPERM without CAP_SYS_ADMIN", privilege },
	{ "errors: EBADF", bad_descriptors },
	{ "errors: EINVAL for unknown flags, after EBADF", flags },
	{ "errors: ESRCH, EBUSY for what runs, EACCES where ptrace may not", whom },
	{ "errors: EBUSY for memory that is shared with another process", shared_memory },
	{ "errors: EBUSY with threads", threads },
	{ "errors: ETXTBSY for writable shared memory", mappings },
	{ "errors: every check of a version-1 image", version1_checks },
	{ "errors: a hardware breakpoint in the kernel", debug_registers },
	{ "errors: every check of a version-2 image", version2_checks },
	{ "errors: EIO when the stream ends early", truncations },
	{ NULL, NULL },
};
