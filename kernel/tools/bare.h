/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Enough of a C library for a program that version 1 can carry: no thread-local
 * storage, and r8 to r15 zero at every system call (the program is compiled
 * with -ffixed-r8 .. -ffixed-r15, and the calls below clear what they used).
 */
#ifndef BARE_H
#define BARE_H

typedef unsigned long ul;

static inline long call3(long nr, ul a, ul b, ul c)
{
	long ret;

	asm volatile("syscall" : "=a"(ret) : "a"(nr), "D"(a), "S"(b), "d"(c) : "rcx", "memory");
	return ret;
}

static inline long call6(long nr, ul a, ul b, ul c, ul d, ul e, ul f)
{
	ul rest[3] = { d, e, f };
	long ret;

	asm volatile("mov (%[rest]), %%r10\n\tmov 8(%[rest]), %%r8\n\tmov 16(%[rest]), %%r9\n\t"
		     "syscall\n\txor %%r10d, %%r10d\n\txor %%r8d, %%r8d\n\txor %%r9d, %%r9d"
		     : "=a"(ret)
		     : "a"(nr), "D"(a), "S"(b), "d"(c), [rest] "b"(rest)
		     : "rcx", "memory");
	return ret;
}

enum {
	NR_read = 0, NR_write = 1, NR_open = 2, NR_close = 3, NR_mmap = 9, NR_mprotect = 10,
	NR_munmap = 11, NR_brk = 12, NR_pause = 34, NR_getpid = 39, NR_exit = 60, NR_kill = 62,
	NR_modify_ldt = 154,
};

static inline void say(int fd, const char *text)
{
	ul n = 0;

	while (text[n])
		n++;
	call3(NR_write, fd, (ul)text, n);
}

static inline int same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static inline void quit(int code)
{
	for (;;)
		call3(NR_exit, code, 0, 0);
}

/* Freestanding code still needs these by name. */
void *memset(void *to, int c, ul n);
void *memcpy(void *to, const void *from, ul n);

#endif /* BARE_H */
