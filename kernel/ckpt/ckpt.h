/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Checkpoint and restart of one task through a file descriptor.
 *
 * Invariants that every file here keeps:
 *  - no lock is held while the stream is read or written, the f_pos lock of
 *    the stream itself excepted;
 *  - memory use does not depend on the size of the task, nor on any number
 *    that was read from an image and not yet checked;
 *  - a restart changes nothing of the caller before the image's tail was read
 *    and checked, except for signals being blocked meanwhile.
 */
#ifndef _KERNEL_CKPT_H
#define _KERNEL_CKPT_H

#include <linux/fs.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/path.h>
#include <linux/sched.h>
#include <linux/signal_types.h>
#include <asm/desc_defs.h>
#include <uapi/linux/ckpt_image.h>
#include <uapi/linux/ckpt_syscalls.h>

struct fpstate;
struct kstat;
struct vdso_image;

#define CKPT_BATCH	64	/* pages that are held between two writes */

/**
 * struct ckpt_stream - the image on its way through a file
 * @file: what the caller's descriptor refers to
 * @buf: one page, gathers small writes; unused when reading
 * @used: bytes in @buf
 * @bytes: bytes of the image so far
 * @crc: CRC-32C of those bytes, not yet inverted
 * @records: records of the image so far
 * @pages: pages of the image so far
 */
struct ckpt_stream {
	struct file *file;
	u8 *buf;
	size_t used;
	u64 bytes;
	u32 crc;
	u64 records;
	u64 pages;
};

int ckpt_stream_open(struct ckpt_stream *s, int fd, fmode_t mode);
void ckpt_stream_close(struct ckpt_stream *s);
int ckpt_put(struct ckpt_stream *s, const void *data, size_t len);
int ckpt_put_pages(struct ckpt_stream *s, struct page **pages, int count);
int ckpt_flush(struct ckpt_stream *s);
int ckpt_get(struct ckpt_stream *s, void *data, size_t len);
int ckpt_skip(struct ckpt_stream *s, u64 len);
int ckpt_put1(struct ckpt_stream *s, s16 type, u32 id, const void *payload, s16 len);
int ckpt_put2(struct ckpt_stream *s, u32 type, u32 id, const void *payload, u32 len, u32 more);

/**
 * struct ckpt_vma - a mapping as it was when the map lock was held
 * @how: what becomes of it in an image
 * @file: referenced while the structure is in use
 */
struct ckpt_vma {
	enum { CKPT_MAP_SKIP, CKPT_MAP_VDSO, CKPT_MAP_ANON, CKPT_MAP_FILE } how;
	unsigned long start;
	unsigned long end;
	unsigned long flags;
	unsigned long pgoff;
	u64 prot;
	struct file *file;
};

/**
 * struct ckpt_source - a task that is being dumped
 * @stream: where the image goes
 * @pid: pid argument of the call: the id of version-1 records
 * @task: stopped, or current
 * @mm: its address space, with a reference
 * @version: 1 or 2
 * @stopped_by_signal: the task is in a group stop, not only in a trace stop
 * @page: scratch for the names of files
 * @files: version 2: FILE records to be
 * @records: mapping records that the plan counted
 * @plan: CRC of all that the plan saw; the dump must see the same
 * @seen: CRC of all that the dump saw
 */
struct ckpt_source {
	struct ckpt_stream stream;
	pid_t pid;
	struct task_struct *task;
	struct mm_struct *mm;
	int version;
	bool stopped_by_signal;
	char *page;
	u32 files;
	long records;
	u32 plan;
	u32 seen;
};

#define ckpt_say(task, fmt, ...)						\
	pr_info_ratelimited("ckpt: pid %d (%s): " fmt "\n", task_pid_nr(task),	\
			    (task)->comm, ##__VA_ARGS__)

/* freeze.c */
bool ckpt_mm_is_private(struct task_struct *task, struct mm_struct *mm);
int ckpt_freeze(struct task_struct *task, unsigned int *state);
void ckpt_thaw(struct task_struct *task, unsigned int state);

/* vma.c */
int ckpt_vma_at(struct ckpt_source *src, unsigned long addr, struct ckpt_vma *out);
int ckpt_vma_next(struct ckpt_source *src, unsigned long addr, struct ckpt_vma *out);
void ckpt_vma_put(struct ckpt_vma *vma);
int ckpt_vma_lock(struct ckpt_source *src, const struct ckpt_vma *vma);
const char *ckpt_special_name(struct vm_area_struct *vma);

/* pages.c: all under the map lock */
int ckpt_walk_addrs(struct mm_struct *mm, unsigned long from, unsigned long end,
		    u64 *addrs, int max, unsigned long *next);
int ckpt_walk_count(struct mm_struct *mm, unsigned long from, unsigned long end,
		    long max, unsigned long *next, u32 *crc);
int ckpt_walk_pages(struct mm_struct *mm, unsigned long from, unsigned long end,
		    u64 *addrs, struct page **pages, int max, unsigned long *next);

/**
 * struct ckpt_segment - the part of a mapping that one record describes
 * @start: first byte
 * @end: byte after the last; the mapping's end, or the next segment's start
 * @pages: pages in it, at most CKPT_PAGES_PER_RECORD_MAX
 * @crc: of their addresses
 */
struct ckpt_segment {
	unsigned long start;
	unsigned long end;
	long pages;
	u32 crc;
};

/* dump_mm.c */
int ckpt_plan(struct ckpt_source *src);
int ckpt_segment_find(struct ckpt_source *src, const struct ckpt_vma *vma,
		      unsigned long from, struct ckpt_segment *seg);
int ckpt_segment_write(struct ckpt_source *src, const struct ckpt_vma *vma,
		       const struct ckpt_segment *seg);
void ckpt_seen(u32 *crc, const struct ckpt_vma *vma);
int ckpt_plan_verify(struct ckpt_source *src);
char *ckpt_path_of(const struct path *path, char *page, int *len);
u32 ckpt_crc32c(u32 crc, const void *data, size_t len);

/* dump_regs.c */
int ckpt_read_regs(struct task_struct *task, struct cr2_regs *regs);
void *ckpt_read_xstate(struct task_struct *task, size_t *bytes);
int ckpt_read_ldt(struct mm_struct *mm, void **entries);

/* dump_lost.c */
int ckpt_say_what_version1_loses(struct ckpt_source *src);
int ckpt_refuse_what_version2_loses(struct ckpt_source *src);

/* cpu1.c */
void ckpt_cpu_from_regs(struct cr_cpu *cpu, const struct cr2_regs *regs);
void ckpt_regs_from_cpu(struct cr2_regs *regs, const struct cr_cpu *cpu);

#define CKPT_MM_FIELDS	11	/* of MM, from start_code to env_end */

/* One record, or one kind of records, of an image. */
typedef int (*ckpt_write_step)(struct ckpt_source *src);
typedef int (*ckpt_write_vma)(struct ckpt_source *src, const struct ckpt_vma *vma, long *records);

/* checkpoint.c; checkpoint1.c and checkpoint2.c have the steps, up to a NULL */
int ckpt_checkpoint(struct ckpt_source *src);
void ckpt_fill_head(struct cr_head *head, u16 version);
int ckpt_write_head(struct ckpt_source *src);
void ckpt_get_mm_fields(struct mm_struct *mm, u64 fields[CKPT_MM_FIELDS]);
int ckpt_vdso_whole(struct ckpt_source *src, u64 bytes, const struct vdso_image **image);
int ckpt_write_vmas(struct ckpt_source *src, ckpt_write_vma write);
extern const ckpt_write_step ckpt_write1[], ckpt_write2[];

/* dump_proc.c: what a version-2 image says about the process and its thread */
int ckpt_write_machine(struct ckpt_source *src);
int ckpt_write_process(struct ckpt_source *src);
int ckpt_write_signals(struct ckpt_source *src);
int ckpt_write_thread(struct ckpt_source *src);

/* timers.c */
struct ckpt_proc;
struct ckpt_target;
int ckpt_write_posix_timers(struct ckpt_source *src);
int ckpt_read_posix_timers(struct ckpt_target *to);
void ckpt_load_posix_timers(struct ckpt_proc *proc);
void ckpt_free_posix_timers(struct ckpt_proc *proc);

/* dump_files.c */
int ckpt_count_files(struct ckpt_source *src);
int ckpt_write_paths(struct ckpt_source *src);
int ckpt_write_files(struct ckpt_source *src);
int ckpt_stat(const struct path *path, struct kstat *stat);
int ckpt_describe(struct ckpt_source *src, const struct path *path, struct kstat *stat,
		  char **name, int *len);
bool ckpt_stateless_device(struct inode *inode);

/**
 * struct ckpt_target - a task that is being rebuilt in the caller
 * @stream: where the image comes from
 * @version: 1 or 2
 * @mm: the new address space, nobody's until it is committed
 * @old_flags: mm->flags that @mm was born with
 * @page: scratch
 * @addrs: page addresses of one record, CKPT_PAGES_PER_RECORD_MAX at most
 * @addrs_max: room in @addrs
 * @regs: general, segment and debug registers; checked
 * @has_bases: @regs.fs_base and gs_base are from the image
 * @xstate: scratch fpstate that already passed the kernel's checks, or NULL
 * @pkru: protection keys that belong to @xstate
 * @tls: descriptors that passed the checks of set_thread_area
 * @vdso_at: where this kernel's vdso was put, 0 if it was not
 * @vdso_same: it is the image's, code and all
 * @map_count: version 2: mapping records that MM2 announced
 * @lock_future: version 2: mappings that the task makes are to be locked
 * @lock_on_fault: likewise, and nothing is to be populated for it
 * @counted: pages of @mm that count as the caller's meanwhile
 * @proc: version 2: all that is not memory or registers
 * @ahead: version 2: header of the next record, if @has_ahead
 * @bytes_before: bytes of the image before that header
 * @crc_before: their CRC
 */
struct ckpt_target {
	struct ckpt_stream stream;
	int version;
	struct mm_struct *mm;
	unsigned long old_flags;
	u8 *page;
	u64 *addrs;
	u32 addrs_max;
	char comm[TASK_COMM_LEN];
	struct cr2_regs regs;
	bool has_bases;
	struct fpstate *xstate;
	u32 pkru;
	struct desc_struct tls[CKPT_TLS_ENTRIES];
	unsigned long vdso_at;
	bool vdso_same;
	u32 map_count;
	bool lock_future;
	bool lock_on_fault;
	long counted;
	struct ckpt_proc *proc;
	struct cr2_hdr ahead;
	bool has_ahead;
	u64 bytes_before;
	u32 crc_before;
};

typedef int (*ckpt_read_step)(struct ckpt_target *to);

/* restart.c; restart1.c and restart2.c have the steps, up to a NULL */
long ckpt_restart(int fd, unsigned long flags);
int ckpt_read_head(struct ckpt_target *to);
extern const ckpt_read_step ckpt_read1[], ckpt_read2[];

/**
 * struct ckpt_want - a mapping that an image asks for
 * @file: what it maps, or NULL; the caller of ckpt_map() keeps its reference
 */
struct ckpt_want {
	unsigned long start;
	unsigned long end;
	unsigned long pgoff;
	unsigned long prot;
	bool shared;
	bool growsdown;
	bool locked;
	bool lock_on_fault;
	bool noreserve;
	struct file *file;
};

/* The caller's own memory and segments while the new mm is current's. */
struct ckpt_caller {
	struct mm_struct *mm;
	unsigned int personality;
	unsigned long fs_base;
	unsigned long gs_base;
	u16 ds;
	u16 es;
	u16 fs;
	u16 gs;
};

/* new_mm.c */
int ckpt_new_mm(struct ckpt_target *to);
void ckpt_uncount_pages(struct ckpt_target *to);
void ckpt_drop_mm(struct ckpt_target *to);
void ckpt_enter_mm(struct ckpt_target *to, struct ckpt_caller *caller);
void ckpt_leave_mm(struct ckpt_caller *caller);
int ckpt_map(struct ckpt_target *to, const struct ckpt_want *want);
int ckpt_read_pages(struct ckpt_target *to, const struct ckpt_want *want, u32 count);
struct file *ckpt_open_mapped(const char *path);
int ckpt_set_exe(struct ckpt_target *to, struct file *file);
int ckpt_set_mm_fields(struct ckpt_target *to, const u64 fields[CKPT_MM_FIELDS]);

/* vdso.c */
int ckpt_vdso_image(const struct vdso_image **image);
bool ckpt_vdso_maybe(const struct ckpt_want *want, u32 pages);
int ckpt_vdso_replace(struct ckpt_target *to, const struct ckpt_want *want);
int ckpt_vdso_place(struct ckpt_target *to, unsigned long at);
int ckpt_vdso_build_id(u8 id[32]);

/* segments.c */
int ckpt_tls_used(struct task_struct *task);
int ckpt_check_tls(struct ckpt_target *to, const u64 desc[CKPT_TLS_ENTRIES]);
int ckpt_read_descriptors(struct ckpt_target *to, u32 count);

/* load_regs.c */
int ckpt_check_regs(struct ckpt_target *to);
int ckpt_arm_debugregs(struct ckpt_target *to);
long ckpt_load_regs(struct ckpt_target *to);

/* load_xstate.c */
int ckpt_check_xstate(struct ckpt_target *to, const void *area);
void ckpt_default_pkru(struct ckpt_target *to);
u32 ckpt_xstate_bytes(void);
u64 ckpt_xstate_features(void);
int ckpt_xstate_fits(u64 features, u32 bytes);
void ckpt_load_xstate(struct ckpt_target *to);

/*
 * Version 2. A record has an announced end; what is behind the part that we
 * know is passed over, as records are that we do not know and may ignore.
 */
int ckpt_next2(struct ckpt_target *to);
int ckpt_expect2(struct ckpt_target *to, u32 type, u32 id, void *payload, u32 fixed, u32 *more);
int ckpt_optional2(struct ckpt_target *to, u32 type, void *payload, u32 fixed, u32 *more);

struct ckpt_open {
	int fd;
	u32 fd_flags;
	struct file *file;	/* NULL: the caller's own descriptor of that number stays */
};

/**
 * struct ckpt_proc - all of a version-2 image that is not memory or registers
 * @shared: pending signals of the process, as struct sigqueue
 * @own: and of the thread
 * @posix_timers: allocated, not yet anybody's
 * @files: descriptors, ascending
 * @file_count: how many so far; room is made as they come
 */
struct ckpt_proc {
	struct cr2_task task;
	struct cr2_thread thread;
	struct cr2_itimers timers;
	struct k_sigaction actions[_NSIG];
	struct list_head shared;
	struct list_head own;
	struct list_head posix_timers;
	struct path cwd;
	struct ckpt_open *files;
	u32 file_count;
	u32 file_room;
};

/* load_proc.c */
struct ckpt_proc *ckpt_proc_alloc(void);
void ckpt_proc_free(struct ckpt_proc *proc);
int ckpt_read_task2(struct ckpt_target *to);
int ckpt_read_signals2(struct ckpt_target *to);
int ckpt_read_thread2(struct ckpt_target *to);
void ckpt_load_proc(struct ckpt_target *to);

/* load_files.c */
int ckpt_read_path2(struct ckpt_target *to, u32 bytes);
int ckpt_read_paths2(struct ckpt_target *to);
int ckpt_read_files2(struct ckpt_target *to);
int ckpt_prepare_files(struct ckpt_target *to);
void ckpt_load_files(struct ckpt_target *to);

/* commit.c */
int ckpt_commit(struct ckpt_target *to, long *ax);

#endif /* _KERNEL_CKPT_H */
