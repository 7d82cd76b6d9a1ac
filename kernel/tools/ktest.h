/* SPDX-License-Identifier: GPL-2.0 */
/* The tests that run inside the guest, as its root. One binary, one function a test. */
#ifndef KTEST_H
#define KTEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <ckpt_image.h>
#include <ckpt_syscalls.h>

/* check.c: results */
void expect_at(const char *file, int line, bool ok, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
#define expect(ok, ...) expect_at(__FILE__, __LINE__, ok, __VA_ARGS__)
#define expect_error(call, error)							\
	do {										\
		int got = error_of(call);						\
		expect(got == (error), "%s from %s, not %s", strerrorname_np(error),	\
		       #call, got ? strerrorname_np(got) : "success");			\
	} while (0)
bool run_test(const char *name, void (*test)(void));
int tests_failed(void);

struct test {
	const char *name;
	void (*run)(void);
};

extern const struct test version1_tests[], version2_tests[], memory_tests[], error_tests[],
	identity_tests[], writing_tests[], caller_tests[], mixed_tests[], via_tests[], fault_tests[],
	refused_tests[], held_tests[], life_tests[], tools_tests[];

/* image.c: an image in memory */
struct image {
	uint8_t *bytes;
	size_t size;
};

/* A mapping record; where_pages and where_addrs are offsets into the image. */
struct mapping {
	uint64_t start, end, flags;
	long pages;
	size_t addrs, contents;
	char name[256];
};

struct layout {
	int version;
	struct mapping maps[4096];
	int count;
	size_t task, mm, context, ldt, thread, tls, cpu, regs, xstate, tail, first_vma;
};

struct image image_read(int fd);
struct image image_copy(const struct image *image);
void image_free(struct image *image);
bool image_parse(const struct image *image, struct layout *layout);
long pages_between(const struct image *image, const struct layout *layout, uint64_t start, uint64_t end);
size_t image_find2(const struct image *image, uint32_t type, size_t after);
uint32_t crc32c(const uint8_t *p, size_t n);
const uint8_t *page_at(const struct image *image, const struct layout *layout, uint64_t addr);

/* guest.c: tasks and the two system calls */
long sys_checkpoint(pid_t pid, int fd, unsigned long flags);
long sys_restart(int crid, int fd, unsigned long flags);
int error_of(long ret);

struct task {
	pid_t pid;
	int says;
};

void descriptors(int says, int image_fd);
struct task task_fork(void (*body)(int says, const void *arg), const void *arg);
struct task task_start(const char *program, const char *mode, const char *option, int image_fd);
bool task_says(struct task *task, const char *word);
char *task_line(struct task *task);
pid_t task1_with_files(const char *option);
void task_wait_stopped(struct task *task);
void task_files(void);
struct task task_stopped(const char *program, const char *option);
struct task task_making(void (*make)(void), bool (*intact)(void));
void task_goes_on(struct task *task, bool stopped, int status);
int task_end(struct task *task);
void task_kill(struct task *task);
struct image dump_stopped(pid_t pid, unsigned long flags, long *crid);
struct image dump_whole(pid_t pid, unsigned long flags, struct layout *layout);
struct task task_of_image(const struct image *image, void (*become)(int in, int says, const void *how), const void *how);
struct task restart_image(const struct image *image, unsigned long flags);
int restart_errno(const struct image *image, unsigned long flags);
pid_t feeder_start(const struct image *image, int *in);
void feed(int fd, const void *bytes, size_t size);
int status_of(pid_t pid);

/* program.c: ckpt-process in the guest */
struct run {
	int status;
	char said[4096]; /* its status lines */
	struct image image;
};

bool program_there(void);
int memory(const struct image *image);
void program_said(struct run *run, int fd);
struct run program_checkpoint(pid_t pid, const char *format, const char *more, const char *value, bool drop);
struct task program_restart(const struct image *image, const char *more, const char *value, int status);

/* fuse.c: a file that does not take all it is given */
struct taker {
	int whole; /* writes that it takes whole */
	int error; /* its answer to all others; 0: it takes a byte less, if there are two */
	bool nothing; /* or nothing of them */
	int writes; /* how many there were */
	int cut; /* how many of them it took only a part of */
	int took; /* memory that has what it took */
	pid_t server;
};

struct taker *taker_start(const char *path, const struct taker *how);
struct image taker_end(const char *path, struct taker *taker);

/* test_errors.c: images to be spoilt, made once */
extern struct image image1, image2;
void make_images(void);

/* test_mutation.c */
int mutate(uint64_t seed, long first, long count);

#endif /* KTEST_H */
