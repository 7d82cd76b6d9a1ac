// SPDX-License-Identifier: GPL-2.0
/*
 * The task that the version-1 tests dump: no libc.
 *
 *   task1 self [ldt]   checkpoints itself into fd 3; says "crid" or "copy" on fd 4
 *   task1 stop [ldt]   says "ready" on fd 4, stops itself; says "copy" when it goes on
 *   task1 ... tiny     as with ldt, with less memory
 *   task1 ... large    with more written pages in a mapping than a record holds
 *
 * Before it says "copy" it looks at every kind of memory that it has made, and
 * says what is wrong instead if something is. Exit status 42 for a good copy.
 */
#include <asm/ldt.h>
#include "../include/ckpt_syscalls.h"
#include "bare.h"

#define PAGE	4096UL
#define PROT_RW	3

void *memset(void *to, int c, ul n)
{
	char *p = to;

	while (n--)
		*p++ = c;
	return to;
}

void *memcpy(void *to, const void *from, ul n)
{
	char *p = to;
	const char *q = from;

	while (n--)
		*p++ = *q++;
	return to;
}

static ul data[1024] = { 0x1122334455667788UL };
static ul zeroed[4096];
static ul *rw, *ro, *none, *untouched, *file, *heap, *large;
static ul on_ldt = 0x4c44540000000001UL, on_tls = 0x544c530000000002UL;
static int use_ldt, tiny, is_large;
static unsigned int key_rights;

static ul *map(ul addr, ul bytes, int prot, int flags, int fd, ul off)
{
	long at = call6(NR_mmap, addr, bytes, prot, flags, fd, off);

	if (at < 0 && at > -4096) {
		say(4, "mmap failed\n");
		quit(3);
	}
	return (ul *)at;
}

static void fill(ul *at, ul pages, ul salt)
{
	for (ul i = 0; i < pages * PAGE / 8; i++)
		at[i] = salt * 0x9e3779b97f4a7c15UL + i;
}

static int filled(const ul *at, ul pages, ul salt)
{
	for (ul i = 0; i < pages * PAGE / 8; i++)
		if (at[i] != salt * 0x9e3779b97f4a7c15UL + i)
			return 0;
	return 1;
}

/* Segments whose base only a descriptor knows: fs through the LDT, gs through the TLS array. */
static void make_segments(void)
{
	/* static: a 32-bit call reaches only the first 4 GiB */
	static struct user_desc d = { .entry_number = 5, .limit = 0xfffff, .seg_32bit = 1,
				      .limit_in_pages = 1, .useable = 1 };
	long ret;

	if ((ul)&on_ldt >> 32) {
		say(4, "linked above 4 GiB\n");
		quit(3);
	}
	d.base_addr = (unsigned int)(ul)&on_ldt;
	ret = call3(NR_modify_ldt, 0x11, (ul)&d, sizeof(d));
	if ((int)ret) {
		say(4, "modify_ldt failed\n");
		quit(3);
	}
	asm volatile("mov %w0, %%fs" : : "r"(5 << 3 | 7));

	d.entry_number = -1;
	d.base_addr = (unsigned int)(ul)&on_tls;
	/* 243 is set_thread_area of the 32-bit table; r8 to r11 are lost in such a call */
	asm volatile("int $0x80\n\txor %%r8d, %%r8d\n\txor %%r9d, %%r9d\n\txor %%r10d, %%r10d\n\txor %%r11d, %%r11d"
		     : "=a"(ret) : "a"(243L), "b"(&d) : "memory");
	if ((int)ret) {
		say(4, "set_thread_area failed\n");
		quit(3);
	}
	asm volatile("mov %w0, %%gs" : : "r"(d.entry_number << 3 | 3));
}

static const char *wrong_segments(void)
{
	ul value;

	if (!use_ldt)
		return 0;
	asm volatile("mov %%fs:0, %0" : "=r"(value));
	if (value != on_ldt)
		return "fs through the LDT";
	asm volatile("mov %%gs:0, %0" : "=r"(value));
	if (value != on_tls)
		return "gs through the TLS array";
	return 0;
}

/* PKRU: what the task may do under protection keys, 0 where there are none. */
static unsigned int read_key_rights(void)
{
	unsigned int a = 7, b, c = 0, d;

	asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	if (!(c >> 4 & 1))
		return 0;
	asm volatile("rdpkru" : "=a"(a), "=d"(d) : "c"(0));
	return a;
}

#define LARGE_PAGES	33000UL

static void make_large(void)
{
	large = map(0x280000000000UL, LARGE_PAGES * PAGE, PROT_RW, 0x4022, -1, 0);
	for (ul page = 0; page < LARGE_PAGES; page++)
		large[page * PAGE / 8] = page * 5 + 1;
}

static int large_is_filled(void)
{
	for (ul page = 0; is_large && page < LARGE_PAGES; page++)
		if (large[page * PAGE / 8] != page * 5 + 1)
			return 0;
	return 1;
}

static void make(void)
{
	int fd = call3(NR_open, (ul)"/tmp/task1.data", 0, 0);

	if (fd < 0) {
		say(4, "no /tmp/task1.data\n");
		quit(3);
	}
	key_rights = read_key_rights();
	data[1023] = 77;
	zeroed[4000] = 88;
	rw = map(0, 64 * PAGE, PROT_RW, 0x22, -1, 0);
	fill(rw, tiny ? 2 : 64, 1);
	ro = map(0, 4 * PAGE, PROT_RW, 0x22, -1, 0);
	fill(ro, 4, 2);
	call3(NR_mprotect, (ul)ro, 4 * PAGE, 1);
	none = map(0, 2 * PAGE, PROT_RW, 0x22, -1, 0);
	fill(none, 2, 3);
	call3(NR_mprotect, (ul)none, 2 * PAGE, 0);
	untouched = map(0x200000000000UL, 1UL << 30, PROT_RW, 0x4022, -1, 0);
	/* eight pages: 0 and 1 never looked at, 2 and 3 only read, 4 written */
	file = map(0x300000000000UL, 8 * PAGE, PROT_RW, 0x02, fd, 0);
	heap = (ul *)call3(NR_brk, 0, 0, 0);
	if (call3(NR_brk, (ul)heap + 3 * PAGE, 0, 0) != (long)heap + 3 * (long)PAGE)
		say(4, "brk failed\n");
	heap = (ul *)(((ul)heap + PAGE - 1) & -PAGE);
	fill(heap, 2, 4);
	zeroed[0] = file[2 * PAGE / 8] + file[3 * PAGE / 8];
	file[4 * PAGE / 8] = 99;
	call3(NR_close, fd, 0, 0);
	if (is_large)
		make_large();
	if (use_ldt)
		make_segments();
}

static const char *wrong(void)
{
	if (data[0] != 0x1122334455667788UL || data[1023] != 77)
		return "data";
	if (zeroed[4000] != 88 || zeroed[0] != file[2 * PAGE / 8] + file[3 * PAGE / 8])
		return "bss";
	if (!filled(rw, tiny ? 2 : 64, 1))
		return "anonymous";
	if (!filled(ro, 4, 2))
		return "read-only";
	/* reading through a kernel copy tells a fault from a value: still no access, still read-only */
	if (call3(NR_write, 5, (ul)none, 8) != -14)
		return "PROT_NONE is readable";
	if (call3(NR_read, 6, (ul)ro, 8) != -14)
		return "read-only is writable";
	call3(NR_mprotect, (ul)none, 2 * PAGE, 1);
	if (!filled(none, 2, 3))
		return "PROT_NONE";
	if (untouched[0] || untouched[(1UL << 30) / 8 - 1])
		return "untouched";
	if (file[4 * PAGE / 8] != 99 || file[4 * PAGE / 8 + 1] != 0x4646464646464646UL ||
	    file[0] != 0x4646464646464646UL)
		return "file";
	if (!filled(heap, 2, 4) || call3(NR_brk, 0, 0, 0) <= (long)heap)
		return "heap";
	if (!large_is_filled())
		return "large";
	if (read_key_rights() != key_rights)
		return "protection keys";
	return wrong_segments();
}

static void copy(void)
{
	const char *what = wrong();

	say(4, what ? what : "copy");
	say(4, "\n");
	quit(what ? 1 : 42);
}

static void self(void)
{
	long ret = call3(CKPT_NR_CHECKPOINT, 0, 3, 0);
	char digits[24];
	int n = 0;

	if (!ret)
		copy();
	if (ret < 0) {
		say(4, "checkpoint failed ");
		ret = -ret;
	} else {
		say(4, "crid ");
	}
	digits[23] = '\n';
	do {
		digits[22 - n++] = '0' + ret % 10;
		ret /= 10;
	} while (ret);
	call3(NR_write, 4, (ul)digits + 23 - n, n + 1);
	quit(wrong() ? 1 : 0);
}

static void stop(void)
{
	say(4, "ready\n");
	call3(NR_kill, call3(NR_getpid, 0, 0, 0), 19, 0);
	copy();
}

void begin(ul *sp)
{
	char **argv = (char **)(sp + 1);

	use_ldt = sp[0] > 2 && (same(argv[2], "ldt") || same(argv[2], "tiny"));
	tiny = sp[0] > 2 && same(argv[2], "tiny");
	is_large = sp[0] > 2 && same(argv[2], "large");
	make();
	if (sp[0] > 1 && same(argv[1], "self"))
		self();
	stop();
}

asm(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall begin\n\thlt\n");
