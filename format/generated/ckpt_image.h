/* SPDX-License-Identifier: (GPL-2.0 OR Apache-2.0) */
/* Generated from format/image.mjs by format/generate.mjs. Do not edit: npm run generate */
#ifndef CKPT_IMAGE_H
#define CKPT_IMAGE_H

#include <linux/types.h>

#ifdef __cplusplus
#define CKPT_ASSERT(what, why) static_assert(what, why)
#define CKPT_OFFSETOF(t, f) __builtin_offsetof(t, f)
#else
#define CKPT_ASSERT(what, why) _Static_assert(what, why)
#define CKPT_OFFSETOF(t, f) __builtin_offsetof(struct t, f)
#endif

#define CKPT_PAGE_BYTES 4096 /* bytes of a page */
#define CKPT_STR_BYTES_MAX 4096 /* bytes of a pathname, its NUL included */
#define CKPT_PAGES_PER_RECORD_MAX 32767 /* pages of one VMA record (version 1) or one PAGES record (version 2) */
#define CKPT_V1_VMAS_MAX 32767 /* VMA records of a version-1 image (map_count is an s16) */
#define CKPT_LDT_ENTRIES_MAX 8192 /* descriptors of an LDT */
#define CKPT_TLS_ENTRIES 3 /* descriptors of the TLS array */
#define CKPT_HEAD_MAGIC 0x00a2d200 /* HEAD.magic, both versions */
#define CKPT_TAIL_MAGIC 0x002d2a00 /* TAIL.magic, version 1 */
#define CKPT_TAIL2_MAGIC 0x002d2a02 /* TAIL.magic, version 2 */
#define CKPT_CTX_CKPT 1 /* HEAD.flags: set by every writer; any other bit is refused */
#define CKPT_REC_OPTIONAL 1 /* version 2, header flags: a restart that does not know this record may go on without it */

/* record numbers */
#define CKPT_REC_HEAD 1
#define CKPT_REC_STR 2
#define CKPT_REC_TASK 101
#define CKPT_REC_THREAD 102
#define CKPT_REC_CPU 103
#define CKPT_REC_MM 201
#define CKPT_REC_VMA 202
#define CKPT_REC_MM_CONTEXT 203
#define CKPT_REC_TAIL 5001
#define CKPT_REC_MACHINE 301
#define CKPT_REC_TASK2 302
#define CKPT_REC_CREDS 303
#define CKPT_REC_RLIMITS 304
#define CKPT_REC_PATH 305
#define CKPT_REC_SIGACTIONS 306
#define CKPT_REC_SIGPENDING 307
#define CKPT_REC_ITIMERS 308
#define CKPT_REC_POSIX_TIMER 309
#define CKPT_REC_FILE 310
#define CKPT_REC_MM2 320
#define CKPT_REC_VDSO 321
#define CKPT_REC_VMA2 322
#define CKPT_REC_PAGES 323
#define CKPT_REC_LDT 324
#define CKPT_REC_THREAD2 330
#define CKPT_REC_REGS 331
#define CKPT_REC_XSTATE 332
#define CKPT_REC_TLS 333
#define CKPT_REC_TAIL2 5002

/* cr_vma.how */
#define CKPT_VMA_ANON 0x1 /* anonymous */
#define CKPT_VMA_FILE 0x2 /* of a file, by path */

/* cr_vma.vm_flags: the bits whose meaning has stayed the same since 2008 */
#define CKPT_VM_READ 0x1
#define CKPT_VM_WRITE 0x2
#define CKPT_VM_EXEC 0x4
#define CKPT_VM_SHARED 0x8
#define CKPT_VM_MAYREAD 0x10
#define CKPT_VM_MAYWRITE 0x20
#define CKPT_VM_MAYEXEC 0x40
#define CKPT_VM_MAYSHARE 0x80
#define CKPT_VM_GROWSDOWN 0x100
#define CKPT_VM_LOCKED 0x2000
#define CKPT_VM_IO 0x4000
#define CKPT_VM_HUGETLB 0x400000

/* cr2_vma.kind */
#define CKPT_VMA2_ANON 0x1 /* private anonymous memory */
#define CKPT_VMA2_FILE_PRIVATE 0x2 /* private mapping of a file; PAGES hold what was copied on write */
#define CKPT_VMA2_FILE_SHARED 0x3 /* shared mapping of a file that cannot be written through it; never has PAGES */

/* cr2_vma.flags: what the mapping was told besides its protection */
#define CKPT_VMA2_F_GROWSDOWN 0x1 /* MAP_GROWSDOWN, a stack */
#define CKPT_VMA2_F_LOCKED 0x2 /* mlock */
#define CKPT_VMA2_F_LOCKONFAULT 0x4 /* mlock2 MLOCK_ONFAULT */
#define CKPT_VMA2_F_NORESERVE 0x8 /* MAP_NORESERVE */
#define CKPT_VMA2_F_DONTFORK 0x10 /* MADV_DONTFORK */
#define CKPT_VMA2_F_DONTDUMP 0x20 /* MADV_DONTDUMP */
#define CKPT_VMA2_F_WIPEONFORK 0x40 /* MADV_WIPEONFORK */
#define CKPT_VMA2_F_HUGEPAGE 0x80 /* MADV_HUGEPAGE */
#define CKPT_VMA2_F_NOHUGEPAGE 0x100 /* MADV_NOHUGEPAGE */
#define CKPT_VMA2_F_MERGEABLE 0x200 /* MADV_MERGEABLE */
#define CKPT_VMA2_F_SEQUENTIAL 0x400 /* MADV_SEQUENTIAL */
#define CKPT_VMA2_F_RANDOM 0x800 /* MADV_RANDOM */
#define CKPT_VMA2_F_HEAP 0x1000 /* the brk heap */
#define CKPT_VMA2_F_STACK 0x2000 /* the stack of the main thread */
#define CKPT_VMA2_F_MAYSHARE 0x4000 /* opened for sharing, mapped without write */
#define CKPT_VMA2_F_DROPPABLE 0x8000 /* MAP_DROPPABLE: never has PAGES */

/* cr2_path.kind */
#define CKPT_PATH_EXE 0x1 /* /proc/PID/exe */
#define CKPT_PATH_CWD 0x2 /* working directory */
#define CKPT_PATH_ROOT 0x3 /* root directory */

/* cr2_file.kind */
#define CKPT_FILE_REGULAR 0x1 /* regular file: opened by path, positioned at offset */
#define CKPT_FILE_DIRECTORY 0x2 /* directory: opened by path */
#define CKPT_FILE_DEVICE 0x3 /* character device that keeps no state (null, zero, full, random, urandom): opened by path */
#define CKPT_FILE_STDIO 0x4 /* descriptor 0, 1 or 2 of any other kind: taken from whoever restarts */

/* cr2_task.state, before the checkpoint stopped it */
#define CKPT_STATE_RUNNING 0x1 /* R, S or D */
#define CKPT_STATE_STOPPED 0x2 /* T, by a signal: stays stopped after a restart */

/* Header of every version-1 record, and of HEAD in version 2. */
struct cr_hdr {
	__s16 type; /* record number */
	__s16 len; /* payload bytes, 0..32767 */
	__u32 id; /* 0 for HEAD, STR and TAIL; otherwise the pid argument of sys_checkpoint */
};
CKPT_ASSERT(sizeof(struct cr_hdr) == 8, "cr_hdr");
CKPT_ASSERT(CKPT_OFFSETOF(cr_hdr, type) == 0, "cr_hdr.type");
CKPT_ASSERT(CKPT_OFFSETOF(cr_hdr, len) == 2, "cr_hdr.len");
CKPT_ASSERT(CKPT_OFFSETOF(cr_hdr, id) == 4, "cr_hdr.id");

/* HEAD: the first record of either version. */
struct cr_head {
	__u32 magic; /* HEAD_MAGIC */
	__u16 major; /* kernel version of the writer, masked to 8 bits */
	__u16 minor; /* likewise */
	__u16 patch; /* likewise */
	__u16 version; /* 1 or 2: the format of all that follows */
	__u32 flags; /* CTX_CKPT */
	__u64 time; /* seconds since the epoch */
};
CKPT_ASSERT(sizeof(struct cr_head) == 24, "cr_head");
CKPT_ASSERT(CKPT_OFFSETOF(cr_head, magic) == 0, "cr_head.magic");
CKPT_ASSERT(CKPT_OFFSETOF(cr_head, major) == 4, "cr_head.major");
CKPT_ASSERT(CKPT_OFFSETOF(cr_head, minor) == 6, "cr_head.minor");
CKPT_ASSERT(CKPT_OFFSETOF(cr_head, patch) == 8, "cr_head.patch");
CKPT_ASSERT(CKPT_OFFSETOF(cr_head, version) == 10, "cr_head.version");
CKPT_ASSERT(CKPT_OFFSETOF(cr_head, flags) == 12, "cr_head.flags");
CKPT_ASSERT(CKPT_OFFSETOF(cr_head, time) == 16, "cr_head.time");

/* TASK. */
struct cr_task {
	__u64 state; /* task state bits of the writing kernel */
	__u32 exit_state;
	__u32 exit_code;
	__u32 exit_signal; /* signal to the parent at exit */
	__u16 pid; /* cut to 16 bits */
	__u16 tgid; /* cut to 16 bits */
	__u64 utime;
	__u64 stime;
	__u64 utimescaled;
	__u64 stimescaled;
	__u64 gtime;
	__u64 prev_utime;
	__u64 prev_stime;
	__u64 nvcsw;
	__u64 nivcsw;
	__u64 start_time_sec;
	__u64 start_time_nsec;
	__u64 real_start_time_sec;
	__u64 real_start_time_nsec;
	__u64 min_flt;
	__u64 maj_flt;
	__s16 task_comm_len; /* 16; 0..16 is accepted */
	char comm[16]; /* command name */
	__u8 pad[6];
};
CKPT_ASSERT(sizeof(struct cr_task) == 168, "cr_task");
CKPT_ASSERT(CKPT_OFFSETOF(cr_task, state) == 0, "cr_task.state");
CKPT_ASSERT(CKPT_OFFSETOF(cr_task, exit_state) == 8, "cr_task.exit_state");
CKPT_ASSERT(CKPT_OFFSETOF(cr_task, exit_code) == 12, "cr_task.exit_code");
CKPT_ASSERT(CKPT_OFFSETOF(cr_task, exit_signal) == 16, "cr_task.exit_signal");
CKPT_ASSERT(CKPT_OFFSETOF(cr_task, pid) == 20, "cr_task.pid");
CKPT_ASSERT(CKPT_OFFSETOF(cr_task, tgid) == 22, "cr_task.tgid");
CKPT_ASSERT(CKPT_OFFSETOF(cr_task, utime) == 24, "cr_task.utime");
CKPT_ASSERT(CKPT_OFFSETOF(cr_task, stime) == 32, "cr_task.stime");
CKPT_ASSERT(CKPT_OFFSETOF(cr_task, utimescaled) == 40, "cr_task.utimescaled");
CKPT_ASSERT(CKPT_OFFSETOF(cr_task, stimescaled) == 48, "cr_task.stimescaled");
CKPT_ASSERT(CKPT_OFFSETOF(cr_task, gtime) == 56, "cr_task.gtime");
CKPT_ASSERT(CKPT_OFFSETOF(cr_task, prev_utime) == 64, "cr_task.prev_utime");
CKPT_ASSERT(CKPT_OFFSETOF(cr_task, prev_stime) == 72, "cr_task.prev_stime");
CKPT_ASSERT(CKPT_OFFSETOF(cr_task, nvcsw) == 80, "cr_task.nvcsw");
CKPT_ASSERT(CKPT_OFFSETOF(cr_task, nivcsw) == 88, "cr_task.nivcsw");
CKPT_ASSERT(CKPT_OFFSETOF(cr_task, start_time_sec) == 96, "cr_task.start_time_sec");
CKPT_ASSERT(CKPT_OFFSETOF(cr_task, start_time_nsec) == 104, "cr_task.start_time_nsec");
CKPT_ASSERT(CKPT_OFFSETOF(cr_task, real_start_time_sec) == 112, "cr_task.real_start_time_sec");
CKPT_ASSERT(CKPT_OFFSETOF(cr_task, real_start_time_nsec) == 120, "cr_task.real_start_time_nsec");
CKPT_ASSERT(CKPT_OFFSETOF(cr_task, min_flt) == 128, "cr_task.min_flt");
CKPT_ASSERT(CKPT_OFFSETOF(cr_task, maj_flt) == 136, "cr_task.maj_flt");
CKPT_ASSERT(CKPT_OFFSETOF(cr_task, task_comm_len) == 144, "cr_task.task_comm_len");
CKPT_ASSERT(CKPT_OFFSETOF(cr_task, comm) == 146, "cr_task.comm");
CKPT_ASSERT(CKPT_OFFSETOF(cr_task, pad) == 162, "cr_task.pad");

/* MM. */
struct cr_mm {
	__u32 tag; /* 1 */
	__u8 pad0[4];
	__u64 start_code;
	__u64 end_code;
	__u64 start_data;
	__u64 end_data;
	__u64 start_brk;
	__u64 brk;
	__u64 start_stack;
	__u64 arg_start;
	__u64 arg_end;
	__u64 env_start;
	__u64 env_end;
	__s16 map_count; /* VMA records that follow */
	__u8 pad1[6];
};
CKPT_ASSERT(sizeof(struct cr_mm) == 104, "cr_mm");
CKPT_ASSERT(CKPT_OFFSETOF(cr_mm, tag) == 0, "cr_mm.tag");
CKPT_ASSERT(CKPT_OFFSETOF(cr_mm, pad0) == 4, "cr_mm.pad0");
CKPT_ASSERT(CKPT_OFFSETOF(cr_mm, start_code) == 8, "cr_mm.start_code");
CKPT_ASSERT(CKPT_OFFSETOF(cr_mm, end_code) == 16, "cr_mm.end_code");
CKPT_ASSERT(CKPT_OFFSETOF(cr_mm, start_data) == 24, "cr_mm.start_data");
CKPT_ASSERT(CKPT_OFFSETOF(cr_mm, end_data) == 32, "cr_mm.end_data");
CKPT_ASSERT(CKPT_OFFSETOF(cr_mm, start_brk) == 40, "cr_mm.start_brk");
CKPT_ASSERT(CKPT_OFFSETOF(cr_mm, brk) == 48, "cr_mm.brk");
CKPT_ASSERT(CKPT_OFFSETOF(cr_mm, start_stack) == 56, "cr_mm.start_stack");
CKPT_ASSERT(CKPT_OFFSETOF(cr_mm, arg_start) == 64, "cr_mm.arg_start");
CKPT_ASSERT(CKPT_OFFSETOF(cr_mm, arg_end) == 72, "cr_mm.arg_end");
CKPT_ASSERT(CKPT_OFFSETOF(cr_mm, env_start) == 80, "cr_mm.env_start");
CKPT_ASSERT(CKPT_OFFSETOF(cr_mm, env_end) == 88, "cr_mm.env_end");
CKPT_ASSERT(CKPT_OFFSETOF(cr_mm, map_count) == 96, "cr_mm.map_count");
CKPT_ASSERT(CKPT_OFFSETOF(cr_mm, pad1) == 98, "cr_mm.pad1");

/* VMA. */
struct cr_vma {
	__u32 how; /* VMA_ANON or VMA_FILE */
	__u8 pad0[4];
	__u64 vm_start; /* first byte */
	__u64 vm_end; /* byte after the last */
	__u64 vm_page_prot;
	__u64 vm_flags; /* VM_ bits */
	__u64 vm_pgoff; /* pages into the file */
	__s16 npages; /* pages that follow */
	__s16 namelen; /* bytes of the STR that follows, 0 for none */
	__u8 pad1[4];
};
CKPT_ASSERT(sizeof(struct cr_vma) == 56, "cr_vma");
CKPT_ASSERT(CKPT_OFFSETOF(cr_vma, how) == 0, "cr_vma.how");
CKPT_ASSERT(CKPT_OFFSETOF(cr_vma, pad0) == 4, "cr_vma.pad0");
CKPT_ASSERT(CKPT_OFFSETOF(cr_vma, vm_start) == 8, "cr_vma.vm_start");
CKPT_ASSERT(CKPT_OFFSETOF(cr_vma, vm_end) == 16, "cr_vma.vm_end");
CKPT_ASSERT(CKPT_OFFSETOF(cr_vma, vm_page_prot) == 24, "cr_vma.vm_page_prot");
CKPT_ASSERT(CKPT_OFFSETOF(cr_vma, vm_flags) == 32, "cr_vma.vm_flags");
CKPT_ASSERT(CKPT_OFFSETOF(cr_vma, vm_pgoff) == 40, "cr_vma.vm_pgoff");
CKPT_ASSERT(CKPT_OFFSETOF(cr_vma, npages) == 48, "cr_vma.npages");
CKPT_ASSERT(CKPT_OFFSETOF(cr_vma, namelen) == 50, "cr_vma.namelen");
CKPT_ASSERT(CKPT_OFFSETOF(cr_vma, pad1) == 52, "cr_vma.pad1");

/* MM_CONTEXT. */
struct cr_mm_context {
	__s16 ldt_entry_size; /* 8 */
	__s16 nldt; /* descriptors that follow */
};
CKPT_ASSERT(sizeof(struct cr_mm_context) == 4, "cr_mm_context");
CKPT_ASSERT(CKPT_OFFSETOF(cr_mm_context, ldt_entry_size) == 0, "cr_mm_context.ldt_entry_size");
CKPT_ASSERT(CKPT_OFFSETOF(cr_mm_context, nldt) == 2, "cr_mm_context.nldt");

/* THREAD. */
struct cr_thread {
	__s16 gdt_entry_tls_entries; /* 3 */
	__s16 sizeof_tls_array; /* 24 */
	__s16 ntls; /* entries in use, 0..3; the array follows in any case */
};
CKPT_ASSERT(sizeof(struct cr_thread) == 6, "cr_thread");
CKPT_ASSERT(CKPT_OFFSETOF(cr_thread, gdt_entry_tls_entries) == 0, "cr_thread.gdt_entry_tls_entries");
CKPT_ASSERT(CKPT_OFFSETOF(cr_thread, sizeof_tls_array) == 2, "cr_thread.sizeof_tls_array");
CKPT_ASSERT(CKPT_OFFSETOF(cr_thread, ntls) == 4, "cr_thread.ntls");

/* CPU: the i386 view of the registers; r8 to r15 and the bases of fs and gs are not in it. */
struct cr_cpu {
	__u64 bx;
	__u64 cx;
	__u64 dx;
	__u64 si;
	__u64 di;
	__u64 bp;
	__u64 ax;
	__u64 ds;
	__u64 es;
	__u64 orig_ax;
	__u64 ip;
	__u64 cs;
	__u64 flags;
	__u64 sp;
	__u64 ss;
	__u64 fs;
	__u64 gs;
	__u64 debugreg0;
	__u64 debugreg1;
	__u64 debugreg2;
	__u64 debugreg3;
	__u64 debugreg6;
	__u64 debugreg7;
	__u8 uses_debug;
	__u8 used_math; /* the area below holds state */
	__u8 has_fxsr;
	__u8 pad[5];
	__u8 fxsave[512]; /* FXSAVE area */
};
CKPT_ASSERT(sizeof(struct cr_cpu) == 704, "cr_cpu");
CKPT_ASSERT(CKPT_OFFSETOF(cr_cpu, bx) == 0, "cr_cpu.bx");
CKPT_ASSERT(CKPT_OFFSETOF(cr_cpu, cx) == 8, "cr_cpu.cx");
CKPT_ASSERT(CKPT_OFFSETOF(cr_cpu, dx) == 16, "cr_cpu.dx");
CKPT_ASSERT(CKPT_OFFSETOF(cr_cpu, si) == 24, "cr_cpu.si");
CKPT_ASSERT(CKPT_OFFSETOF(cr_cpu, di) == 32, "cr_cpu.di");
CKPT_ASSERT(CKPT_OFFSETOF(cr_cpu, bp) == 40, "cr_cpu.bp");
CKPT_ASSERT(CKPT_OFFSETOF(cr_cpu, ax) == 48, "cr_cpu.ax");
CKPT_ASSERT(CKPT_OFFSETOF(cr_cpu, ds) == 56, "cr_cpu.ds");
CKPT_ASSERT(CKPT_OFFSETOF(cr_cpu, es) == 64, "cr_cpu.es");
CKPT_ASSERT(CKPT_OFFSETOF(cr_cpu, orig_ax) == 72, "cr_cpu.orig_ax");
CKPT_ASSERT(CKPT_OFFSETOF(cr_cpu, ip) == 80, "cr_cpu.ip");
CKPT_ASSERT(CKPT_OFFSETOF(cr_cpu, cs) == 88, "cr_cpu.cs");
CKPT_ASSERT(CKPT_OFFSETOF(cr_cpu, flags) == 96, "cr_cpu.flags");
CKPT_ASSERT(CKPT_OFFSETOF(cr_cpu, sp) == 104, "cr_cpu.sp");
CKPT_ASSERT(CKPT_OFFSETOF(cr_cpu, ss) == 112, "cr_cpu.ss");
CKPT_ASSERT(CKPT_OFFSETOF(cr_cpu, fs) == 120, "cr_cpu.fs");
CKPT_ASSERT(CKPT_OFFSETOF(cr_cpu, gs) == 128, "cr_cpu.gs");
CKPT_ASSERT(CKPT_OFFSETOF(cr_cpu, debugreg0) == 136, "cr_cpu.debugreg0");
CKPT_ASSERT(CKPT_OFFSETOF(cr_cpu, debugreg1) == 144, "cr_cpu.debugreg1");
CKPT_ASSERT(CKPT_OFFSETOF(cr_cpu, debugreg2) == 152, "cr_cpu.debugreg2");
CKPT_ASSERT(CKPT_OFFSETOF(cr_cpu, debugreg3) == 160, "cr_cpu.debugreg3");
CKPT_ASSERT(CKPT_OFFSETOF(cr_cpu, debugreg6) == 168, "cr_cpu.debugreg6");
CKPT_ASSERT(CKPT_OFFSETOF(cr_cpu, debugreg7) == 176, "cr_cpu.debugreg7");
CKPT_ASSERT(CKPT_OFFSETOF(cr_cpu, uses_debug) == 184, "cr_cpu.uses_debug");
CKPT_ASSERT(CKPT_OFFSETOF(cr_cpu, used_math) == 185, "cr_cpu.used_math");
CKPT_ASSERT(CKPT_OFFSETOF(cr_cpu, has_fxsr) == 186, "cr_cpu.has_fxsr");
CKPT_ASSERT(CKPT_OFFSETOF(cr_cpu, pad) == 187, "cr_cpu.pad");
CKPT_ASSERT(CKPT_OFFSETOF(cr_cpu, fxsave) == 192, "cr_cpu.fxsave");

/* TAIL. */
struct cr_tail {
	__u32 magic; /* TAIL_MAGIC */
	__u32 cksum[2]; /* 1 and 1 */
};
CKPT_ASSERT(sizeof(struct cr_tail) == 12, "cr_tail");
CKPT_ASSERT(CKPT_OFFSETOF(cr_tail, magic) == 0, "cr_tail.magic");
CKPT_ASSERT(CKPT_OFFSETOF(cr_tail, cksum) == 4, "cr_tail.cksum");

/* Header of every version-2 record after HEAD. */
struct cr2_hdr {
	__u32 type; /* record number */
	__u32 flags; /* REC_ bits */
	__u32 len; /* payload bytes */
	__u32 id; /* pid of the task, tid of the thread, 0 for records of the whole image */
};
CKPT_ASSERT(sizeof(struct cr2_hdr) == 16, "cr2_hdr");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_hdr, type) == 0, "cr2_hdr.type");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_hdr, flags) == 4, "cr2_hdr.flags");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_hdr, len) == 8, "cr2_hdr.len");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_hdr, id) == 12, "cr2_hdr.id");

/* MACHINE: where and when the image was made. Once, right after HEAD. */
struct cr2_machine {
	__u32 page_bytes; /* 4096 */
	__u32 task_count; /* TASK2 records in the image */
	__u64 xfeatures; /* XCR0: the state components that the machine had switched on */
	__u32 xsave_bytes; /* size of an XSAVE area with all of them */
	__u32 cpuid[6]; /* feature words: leaf 1 ecx, edx; leaf 7.0 ebx, ecx, edx; leaf 0x80000001 ecx */
	__u32 reserved; /* 0 */
	__s64 realtime_ns; /* CLOCK_REALTIME at the checkpoint */
	__s64 monotonic_ns; /* CLOCK_MONOTONIC */
	__s64 boottime_ns; /* CLOCK_BOOTTIME */
	__u8 boot_id[16]; /* /proc/sys/kernel/random/boot_id */
	char kernel_release[72]; /* uname -r */
	char hostname[72]; /* uname -n */
	char writer[72]; /* name and version of the program or kernel that wrote the image */
};
CKPT_ASSERT(sizeof(struct cr2_machine) == 304, "cr2_machine");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_machine, page_bytes) == 0, "cr2_machine.page_bytes");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_machine, task_count) == 4, "cr2_machine.task_count");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_machine, xfeatures) == 8, "cr2_machine.xfeatures");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_machine, xsave_bytes) == 16, "cr2_machine.xsave_bytes");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_machine, cpuid) == 20, "cr2_machine.cpuid");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_machine, reserved) == 44, "cr2_machine.reserved");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_machine, realtime_ns) == 48, "cr2_machine.realtime_ns");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_machine, monotonic_ns) == 56, "cr2_machine.monotonic_ns");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_machine, boottime_ns) == 64, "cr2_machine.boottime_ns");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_machine, boot_id) == 72, "cr2_machine.boot_id");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_machine, kernel_release) == 88, "cr2_machine.kernel_release");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_machine, hostname) == 160, "cr2_machine.hostname");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_machine, writer) == 232, "cr2_machine.writer");

/* TASK2: a process. What follows, up to the next TASK2 or TAIL2, is its own. */
struct cr2_task {
	__u32 pid;
	__u32 parent_pid;
	__u32 pgid; /* process group */
	__u32 sid; /* session */
	__u32 thread_count; /* THREAD2 records of this task */
	__u32 state; /* STATE_ */
	__u32 exit_signal; /* signal to the parent at exit */
	__u32 personality;
	__u32 umask;
	__u32 dumpable; /* PR_GET_DUMPABLE */
	__u32 no_new_privs;
	__u32 child_subreaper;
	__u32 thp_disable; /* PR_GET_THP_DISABLE */
	__s32 oom_score_adj;
	__s32 pdeathsig; /* PR_GET_PDEATHSIG */
	__u32 file_count; /* FILE records of this task */
	__u64 utime_ticks;
	__u64 stime_ticks;
	__u64 start_ticks; /* since boot */
	__u64 timerslack_ns;
	char comm[16]; /* command name */
	__u32 clock_ticks_per_sec; /* of the three above */
	__u32 reserved; /* 0 */
};
CKPT_ASSERT(sizeof(struct cr2_task) == 120, "cr2_task");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_task, pid) == 0, "cr2_task.pid");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_task, parent_pid) == 4, "cr2_task.parent_pid");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_task, pgid) == 8, "cr2_task.pgid");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_task, sid) == 12, "cr2_task.sid");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_task, thread_count) == 16, "cr2_task.thread_count");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_task, state) == 20, "cr2_task.state");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_task, exit_signal) == 24, "cr2_task.exit_signal");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_task, personality) == 28, "cr2_task.personality");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_task, umask) == 32, "cr2_task.umask");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_task, dumpable) == 36, "cr2_task.dumpable");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_task, no_new_privs) == 40, "cr2_task.no_new_privs");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_task, child_subreaper) == 44, "cr2_task.child_subreaper");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_task, thp_disable) == 48, "cr2_task.thp_disable");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_task, oom_score_adj) == 52, "cr2_task.oom_score_adj");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_task, pdeathsig) == 56, "cr2_task.pdeathsig");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_task, file_count) == 60, "cr2_task.file_count");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_task, utime_ticks) == 64, "cr2_task.utime_ticks");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_task, stime_ticks) == 72, "cr2_task.stime_ticks");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_task, start_ticks) == 80, "cr2_task.start_ticks");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_task, timerslack_ns) == 88, "cr2_task.timerslack_ns");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_task, comm) == 96, "cr2_task.comm");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_task, clock_ticks_per_sec) == 112, "cr2_task.clock_ticks_per_sec");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_task, reserved) == 116, "cr2_task.reserved");

/* CREDS: for show and for checks; a restart never raises what the restarter has. */
struct cr2_creds {
	__u32 uid[4]; /* real, effective, saved, file system */
	__u32 gid[4]; /* likewise */
	__u64 cap_inheritable;
	__u64 cap_permitted;
	__u64 cap_effective;
	__u64 cap_bounding;
	__u64 cap_ambient;
	__u32 securebits;
	__u32 group_count; /* supplementary groups that follow */
};
CKPT_ASSERT(sizeof(struct cr2_creds) == 80, "cr2_creds");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_creds, uid) == 0, "cr2_creds.uid");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_creds, gid) == 16, "cr2_creds.gid");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_creds, cap_inheritable) == 32, "cr2_creds.cap_inheritable");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_creds, cap_permitted) == 40, "cr2_creds.cap_permitted");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_creds, cap_effective) == 48, "cr2_creds.cap_effective");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_creds, cap_bounding) == 56, "cr2_creds.cap_bounding");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_creds, cap_ambient) == 64, "cr2_creds.cap_ambient");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_creds, securebits) == 72, "cr2_creds.securebits");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_creds, group_count) == 76, "cr2_creds.group_count");

/* RLIMITS. */
struct cr2_rlimits {
	__u32 count; /* pairs that follow */
	__u32 reserved; /* 0 */
};
CKPT_ASSERT(sizeof(struct cr2_rlimits) == 8, "cr2_rlimits");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_rlimits, count) == 0, "cr2_rlimits.count");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_rlimits, reserved) == 4, "cr2_rlimits.reserved");

/* PATH: a file that the task refers to by itself. */
struct cr2_path {
	__u32 kind; /* PATH_ */
	__u32 mode; /* st_mode */
	__u64 dev; /* st_dev */
	__u64 ino; /* st_ino */
	__u64 size; /* st_size */
	__s64 mtime_sec;
	__u32 mtime_nsec;
	__u32 path_bytes;
	__u64 reserved; /* 0 */
};
CKPT_ASSERT(sizeof(struct cr2_path) == 56, "cr2_path");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_path, kind) == 0, "cr2_path.kind");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_path, mode) == 4, "cr2_path.mode");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_path, dev) == 8, "cr2_path.dev");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_path, ino) == 16, "cr2_path.ino");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_path, size) == 24, "cr2_path.size");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_path, mtime_sec) == 32, "cr2_path.mtime_sec");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_path, mtime_nsec) == 40, "cr2_path.mtime_nsec");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_path, path_bytes) == 44, "cr2_path.path_bytes");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_path, reserved) == 48, "cr2_path.reserved");

/* SIGACTIONS. */
struct cr2_sigactions {
	__u32 count; /* entries that follow, 64 */
	__u32 reserved; /* 0 */
};
CKPT_ASSERT(sizeof(struct cr2_sigactions) == 8, "cr2_sigactions");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_sigactions, count) == 0, "cr2_sigactions.count");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_sigactions, reserved) == 4, "cr2_sigactions.reserved");

/* SIGPENDING: id is the pid for those of the process, and it stands before THREAD2; the tid for those of a thread, behind THREAD2. */
struct cr2_sigpending {
	__u32 count; /* signals that follow */
	__u32 siginfo_bytes; /* 128 */
	__u32 of_thread; /* 0 process, 1 thread */
	__u32 reserved; /* 0 */
};
CKPT_ASSERT(sizeof(struct cr2_sigpending) == 16, "cr2_sigpending");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_sigpending, count) == 0, "cr2_sigpending.count");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_sigpending, siginfo_bytes) == 4, "cr2_sigpending.siginfo_bytes");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_sigpending, of_thread) == 8, "cr2_sigpending.of_thread");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_sigpending, reserved) == 12, "cr2_sigpending.reserved");

/* ITIMERS: ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF, each {interval s, interval us, value s, value us}. */
struct cr2_itimers {
	__u64 real[4];
	__u64 virtual_[4];
	__u64 prof[4];
};
CKPT_ASSERT(sizeof(struct cr2_itimers) == 96, "cr2_itimers");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_itimers, real) == 0, "cr2_itimers.real");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_itimers, virtual_) == 32, "cr2_itimers.virtual_");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_itimers, prof) == 64, "cr2_itimers.prof");

/* POSIX_TIMER: one timer_create. */
struct cr2_posix_timer {
	__s32 timer_id;
	__s32 clock_id;
	__s32 signo;
	__s32 notify; /* SIGEV_ */
	__u64 sigval;
	__s32 notify_tid; /* with SIGEV_THREAD_ID */
	__u32 overrun;
	__s64 interval_sec;
	__s64 interval_nsec;
	__s64 value_sec; /* time left; 0 and 0: not armed */
	__s64 value_nsec;
	__u64 reserved; /* 0 */
	__u64 reserved1; /* 0 */
};
CKPT_ASSERT(sizeof(struct cr2_posix_timer) == 80, "cr2_posix_timer");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_posix_timer, timer_id) == 0, "cr2_posix_timer.timer_id");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_posix_timer, clock_id) == 4, "cr2_posix_timer.clock_id");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_posix_timer, signo) == 8, "cr2_posix_timer.signo");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_posix_timer, notify) == 12, "cr2_posix_timer.notify");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_posix_timer, sigval) == 16, "cr2_posix_timer.sigval");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_posix_timer, notify_tid) == 24, "cr2_posix_timer.notify_tid");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_posix_timer, overrun) == 28, "cr2_posix_timer.overrun");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_posix_timer, interval_sec) == 32, "cr2_posix_timer.interval_sec");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_posix_timer, interval_nsec) == 40, "cr2_posix_timer.interval_nsec");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_posix_timer, value_sec) == 48, "cr2_posix_timer.value_sec");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_posix_timer, value_nsec) == 56, "cr2_posix_timer.value_nsec");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_posix_timer, reserved) == 64, "cr2_posix_timer.reserved");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_posix_timer, reserved1) == 72, "cr2_posix_timer.reserved1");

/* FILE: an open file descriptor. */
struct cr2_file {
	__s32 fd;
	__u32 kind; /* FILE_ */
	__u32 flags; /* O_ flags of the open file description */
	__u32 fd_flags; /* FD_CLOEXEC */
	__s32 same_as; /* a lower descriptor with the same open file description, or -1 */
	__u32 mode; /* st_mode */
	__u64 offset;
	__u64 dev; /* st_dev */
	__u64 ino; /* st_ino */
	__u64 rdev; /* st_rdev */
	__u64 size; /* st_size */
	__s64 mtime_sec;
	__u32 mtime_nsec;
	__u32 path_bytes;
	__u64 reserved; /* 0 */
};
CKPT_ASSERT(sizeof(struct cr2_file) == 88, "cr2_file");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_file, fd) == 0, "cr2_file.fd");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_file, kind) == 4, "cr2_file.kind");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_file, flags) == 8, "cr2_file.flags");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_file, fd_flags) == 12, "cr2_file.fd_flags");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_file, same_as) == 16, "cr2_file.same_as");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_file, mode) == 20, "cr2_file.mode");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_file, offset) == 24, "cr2_file.offset");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_file, dev) == 32, "cr2_file.dev");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_file, ino) == 40, "cr2_file.ino");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_file, rdev) == 48, "cr2_file.rdev");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_file, size) == 56, "cr2_file.size");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_file, mtime_sec) == 64, "cr2_file.mtime_sec");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_file, mtime_nsec) == 72, "cr2_file.mtime_nsec");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_file, path_bytes) == 76, "cr2_file.path_bytes");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_file, reserved) == 80, "cr2_file.reserved");

/* MM2. */
struct cr2_mm {
	__u64 start_code;
	__u64 end_code;
	__u64 start_data;
	__u64 end_data;
	__u64 start_brk;
	__u64 brk;
	__u64 start_stack;
	__u64 arg_start;
	__u64 arg_end;
	__u64 env_start;
	__u64 env_end;
	__u64 def_flags; /* VMA2_F_ bits that mlockall(MCL_FUTURE) gave to new mappings */
	__u32 map_count; /* VMA2 records of this task */
	__u32 auxv_bytes;
	__u64 reserved; /* 0 */
};
CKPT_ASSERT(sizeof(struct cr2_mm) == 112, "cr2_mm");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_mm, start_code) == 0, "cr2_mm.start_code");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_mm, end_code) == 8, "cr2_mm.end_code");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_mm, start_data) == 16, "cr2_mm.start_data");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_mm, end_data) == 24, "cr2_mm.end_data");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_mm, start_brk) == 32, "cr2_mm.start_brk");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_mm, brk) == 40, "cr2_mm.brk");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_mm, start_stack) == 48, "cr2_mm.start_stack");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_mm, arg_start) == 56, "cr2_mm.arg_start");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_mm, arg_end) == 64, "cr2_mm.arg_end");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_mm, env_start) == 72, "cr2_mm.env_start");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_mm, env_end) == 80, "cr2_mm.env_end");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_mm, def_flags) == 88, "cr2_mm.def_flags");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_mm, map_count) == 96, "cr2_mm.map_count");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_mm, auxv_bytes) == 100, "cr2_mm.auxv_bytes");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_mm, reserved) == 104, "cr2_mm.reserved");

/* VDSO: where the kernel had put its own mappings. Start and bytes are 0 for one that is not there. */
struct cr2_vdso {
	__u64 vdso_start;
	__u64 vdso_bytes;
	__u64 vvar_start;
	__u64 vvar_bytes;
	__u64 vvar_vclock_start;
	__u64 vvar_vclock_bytes;
	__u32 vdso_crc32c; /* CRC32C of the vdso mapping */
	__u32 build_id_bytes; /* 0..32 */
	__u8 build_id[32]; /* GNU build id of the vdso */
	__u64 reserved; /* 0 */
};
CKPT_ASSERT(sizeof(struct cr2_vdso) == 96, "cr2_vdso");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_vdso, vdso_start) == 0, "cr2_vdso.vdso_start");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_vdso, vdso_bytes) == 8, "cr2_vdso.vdso_bytes");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_vdso, vvar_start) == 16, "cr2_vdso.vvar_start");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_vdso, vvar_bytes) == 24, "cr2_vdso.vvar_bytes");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_vdso, vvar_vclock_start) == 32, "cr2_vdso.vvar_vclock_start");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_vdso, vvar_vclock_bytes) == 40, "cr2_vdso.vvar_vclock_bytes");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_vdso, vdso_crc32c) == 48, "cr2_vdso.vdso_crc32c");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_vdso, build_id_bytes) == 52, "cr2_vdso.build_id_bytes");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_vdso, build_id) == 56, "cr2_vdso.build_id");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_vdso, reserved) == 88, "cr2_vdso.reserved");

/* VMA2: a mapping. Its PAGES follow it. */
struct cr2_vma {
	__u64 start; /* first byte */
	__u64 end; /* byte after the last */
	__u64 pgoff; /* pages into the file */
	__u32 kind; /* VMA2_ */
	__u32 prot; /* PROT_ bits */
	__u32 flags; /* VMA2_F_ bits */
	__u32 may_prot; /* PROT_ bits that mprotect could have given */
	__u64 dev; /* st_dev of the file */
	__u64 ino; /* st_ino */
	__u64 file_bytes; /* st_size */
	__s64 mtime_sec;
	__u32 mtime_nsec;
	__u32 file_mode; /* st_mode */
	__u32 build_id_bytes; /* 0..32 */
	__u8 build_id[32]; /* GNU build id of the file where it is an ELF file that has one */
	__u32 path_bytes; /* 0 for ANON */
	__u64 reserved; /* 0 */
};
CKPT_ASSERT(sizeof(struct cr2_vma) == 128, "cr2_vma");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_vma, start) == 0, "cr2_vma.start");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_vma, end) == 8, "cr2_vma.end");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_vma, pgoff) == 16, "cr2_vma.pgoff");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_vma, kind) == 24, "cr2_vma.kind");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_vma, prot) == 28, "cr2_vma.prot");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_vma, flags) == 32, "cr2_vma.flags");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_vma, may_prot) == 36, "cr2_vma.may_prot");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_vma, dev) == 40, "cr2_vma.dev");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_vma, ino) == 48, "cr2_vma.ino");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_vma, file_bytes) == 56, "cr2_vma.file_bytes");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_vma, mtime_sec) == 64, "cr2_vma.mtime_sec");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_vma, mtime_nsec) == 72, "cr2_vma.mtime_nsec");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_vma, file_mode) == 76, "cr2_vma.file_mode");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_vma, build_id_bytes) == 80, "cr2_vma.build_id_bytes");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_vma, build_id) == 84, "cr2_vma.build_id");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_vma, path_bytes) == 116, "cr2_vma.path_bytes");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_vma, reserved) == 120, "cr2_vma.reserved");

/* PAGES: pages of the VMA2 before it, addresses ascending across all its PAGES. */
struct cr2_pages {
	__u32 count; /* pages, 1..PAGES_PER_RECORD_MAX */
	__u32 reserved; /* 0 */
	__u64 reserved1; /* 0 */
};
CKPT_ASSERT(sizeof(struct cr2_pages) == 16, "cr2_pages");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_pages, count) == 0, "cr2_pages.count");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_pages, reserved) == 4, "cr2_pages.reserved");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_pages, reserved1) == 8, "cr2_pages.reserved1");

/* LDT: only where the task has one. */
struct cr2_ldt {
	__u32 count; /* descriptors that follow, 1..LDT_ENTRIES_MAX */
	__u32 reserved; /* 0 */
};
CKPT_ASSERT(sizeof(struct cr2_ldt) == 8, "cr2_ldt");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_ldt, count) == 0, "cr2_ldt.count");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_ldt, reserved) == 4, "cr2_ldt.reserved");

/* THREAD2: what follows, up to the next THREAD2, TASK2 or TAIL2, is this thread's own. */
struct cr2_thread {
	__u32 tid;
	__u32 sched_policy; /* SCHED_, with SCHED_RESET_ON_FORK */
	__s32 nice;
	__u32 sched_priority;
	__u64 sigmask; /* blocked signals */
	__u64 altstack_sp; /* sigaltstack */
	__u64 altstack_bytes;
	__u32 altstack_flags; /* SS_ flags */
	__u32 rseq_sig;
	__u64 rseq_addr; /* 0: not registered */
	__u32 rseq_bytes;
	__u32 rseq_flags;
	__u64 robust_list_addr;
	__u64 robust_list_bytes;
	__u64 clear_child_tid;
	__u64 sched_deadline_ns; /* 0 */
	__u32 io_priority; /* ioprio_get */
	__u32 reserved; /* 0 */
	char comm[16]; /* name of the thread */
	__u64 reserved1; /* 0 */
	__u64 reserved2; /* 0 */
};
CKPT_ASSERT(sizeof(struct cr2_thread) == 136, "cr2_thread");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_thread, tid) == 0, "cr2_thread.tid");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_thread, sched_policy) == 4, "cr2_thread.sched_policy");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_thread, nice) == 8, "cr2_thread.nice");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_thread, sched_priority) == 12, "cr2_thread.sched_priority");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_thread, sigmask) == 16, "cr2_thread.sigmask");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_thread, altstack_sp) == 24, "cr2_thread.altstack_sp");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_thread, altstack_bytes) == 32, "cr2_thread.altstack_bytes");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_thread, altstack_flags) == 40, "cr2_thread.altstack_flags");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_thread, rseq_sig) == 44, "cr2_thread.rseq_sig");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_thread, rseq_addr) == 48, "cr2_thread.rseq_addr");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_thread, rseq_bytes) == 56, "cr2_thread.rseq_bytes");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_thread, rseq_flags) == 60, "cr2_thread.rseq_flags");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_thread, robust_list_addr) == 64, "cr2_thread.robust_list_addr");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_thread, robust_list_bytes) == 72, "cr2_thread.robust_list_bytes");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_thread, clear_child_tid) == 80, "cr2_thread.clear_child_tid");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_thread, sched_deadline_ns) == 88, "cr2_thread.sched_deadline_ns");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_thread, io_priority) == 96, "cr2_thread.io_priority");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_thread, reserved) == 100, "cr2_thread.reserved");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_thread, comm) == 104, "cr2_thread.comm");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_thread, reserved1) == 120, "cr2_thread.reserved1");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_thread, reserved2) == 128, "cr2_thread.reserved2");

/* REGS: general registers in the order of struct user_regs_struct, and debug registers. */
struct cr2_regs {
	__u64 r15;
	__u64 r14;
	__u64 r13;
	__u64 r12;
	__u64 bp;
	__u64 bx;
	__u64 r11;
	__u64 r10;
	__u64 r9;
	__u64 r8;
	__u64 ax;
	__u64 cx;
	__u64 dx;
	__u64 si;
	__u64 di;
	__u64 orig_ax;
	__u64 ip;
	__u64 cs;
	__u64 flags;
	__u64 sp;
	__u64 ss;
	__u64 fs_base;
	__u64 gs_base;
	__u64 ds;
	__u64 es;
	__u64 fs;
	__u64 gs;
	__u64 debugreg0;
	__u64 debugreg1;
	__u64 debugreg2;
	__u64 debugreg3;
	__u64 debugreg6;
	__u64 debugreg7;
	__u32 uses_debug;
	__u32 reserved; /* 0 */
	__u64 reserved1; /* 0 */
};
CKPT_ASSERT(sizeof(struct cr2_regs) == 280, "cr2_regs");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_regs, r15) == 0, "cr2_regs.r15");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_regs, r14) == 8, "cr2_regs.r14");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_regs, r13) == 16, "cr2_regs.r13");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_regs, r12) == 24, "cr2_regs.r12");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_regs, bp) == 32, "cr2_regs.bp");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_regs, bx) == 40, "cr2_regs.bx");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_regs, r11) == 48, "cr2_regs.r11");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_regs, r10) == 56, "cr2_regs.r10");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_regs, r9) == 64, "cr2_regs.r9");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_regs, r8) == 72, "cr2_regs.r8");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_regs, ax) == 80, "cr2_regs.ax");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_regs, cx) == 88, "cr2_regs.cx");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_regs, dx) == 96, "cr2_regs.dx");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_regs, si) == 104, "cr2_regs.si");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_regs, di) == 112, "cr2_regs.di");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_regs, orig_ax) == 120, "cr2_regs.orig_ax");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_regs, ip) == 128, "cr2_regs.ip");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_regs, cs) == 136, "cr2_regs.cs");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_regs, flags) == 144, "cr2_regs.flags");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_regs, sp) == 152, "cr2_regs.sp");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_regs, ss) == 160, "cr2_regs.ss");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_regs, fs_base) == 168, "cr2_regs.fs_base");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_regs, gs_base) == 176, "cr2_regs.gs_base");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_regs, ds) == 184, "cr2_regs.ds");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_regs, es) == 192, "cr2_regs.es");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_regs, fs) == 200, "cr2_regs.fs");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_regs, gs) == 208, "cr2_regs.gs");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_regs, debugreg0) == 216, "cr2_regs.debugreg0");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_regs, debugreg1) == 224, "cr2_regs.debugreg1");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_regs, debugreg2) == 232, "cr2_regs.debugreg2");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_regs, debugreg3) == 240, "cr2_regs.debugreg3");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_regs, debugreg6) == 248, "cr2_regs.debugreg6");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_regs, debugreg7) == 256, "cr2_regs.debugreg7");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_regs, uses_debug) == 264, "cr2_regs.uses_debug");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_regs, reserved) == 268, "cr2_regs.reserved");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_regs, reserved1) == 272, "cr2_regs.reserved1");

/* XSTATE. */
struct cr2_xstate {
	__u64 xfeatures; /* XCR0 of the machine */
	__u64 xstate_bv; /* components in the area that are not in their initial state */
	__u32 area_bytes;
	__u32 reserved; /* 0 */
};
CKPT_ASSERT(sizeof(struct cr2_xstate) == 24, "cr2_xstate");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_xstate, xfeatures) == 0, "cr2_xstate.xfeatures");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_xstate, xstate_bv) == 8, "cr2_xstate.xstate_bv");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_xstate, area_bytes) == 16, "cr2_xstate.area_bytes");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_xstate, reserved) == 20, "cr2_xstate.reserved");

/* TLS: GDT entries set by set_thread_area; only where one is set. */
struct cr2_tls {
	__u32 count; /* 3 */
	__u32 first_entry; /* GDT entry of the first */
};
CKPT_ASSERT(sizeof(struct cr2_tls) == 8, "cr2_tls");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_tls, count) == 0, "cr2_tls.count");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_tls, first_entry) == 4, "cr2_tls.first_entry");

/* TAIL2: the last record. An image without it does not exist. */
struct cr2_tail {
	__u32 magic; /* TAIL2_MAGIC */
	__u32 crc32c; /* CRC32C of every byte of the image before this record's header */
	__u64 bytes; /* count of those bytes */
	__u64 pages; /* pages in all PAGES records */
	__u64 records; /* records before this one, HEAD included */
	__u64 reserved; /* 0 */
};
CKPT_ASSERT(sizeof(struct cr2_tail) == 40, "cr2_tail");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_tail, magic) == 0, "cr2_tail.magic");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_tail, crc32c) == 4, "cr2_tail.crc32c");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_tail, bytes) == 8, "cr2_tail.bytes");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_tail, pages) == 16, "cr2_tail.pages");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_tail, records) == 24, "cr2_tail.records");
CKPT_ASSERT(CKPT_OFFSETOF(cr2_tail, reserved) == 32, "cr2_tail.reserved");

#endif /* CKPT_IMAGE_H */
