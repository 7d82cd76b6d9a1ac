// SPDX-License-Identifier: Apache-2.0
//
// The one source of every byte of a checkpoint image. `npm run generate` makes from it the C header
// (format/generated/ckpt_image.h), the TypeScript codec (src/format/generated/image.ts) and the tables in
// docs/format.md. Nothing else in the project may state an offset, a size or a record number.
//
// A field is [type, name, meaning]. Types: u8 u16 s16 u32 s32 u64 s64, char[n] (text, zero padded), u8[n],
// u32[n], u64[n], and pad[n] (bytes without a meaning, kept as they are found). Layout is the x86-64 C layout
// with natural alignment; version 1 has padding because its C structs had, version 2 spells every byte out.
// `size` is asserted. Numbers never change their meaning; a retired one stays here as a comment.

export const PAGE_BYTES = 4096;

/** Limits that both versions share, or that the specification of version 1 fixes. */
export const limits = [
  ['PAGE_BYTES', PAGE_BYTES, 'bytes of a page'],
  ['STR_BYTES_MAX', 4096, 'bytes of a pathname, its NUL included'],
  ['PAGES_PER_RECORD_MAX', 32767, 'pages of one VMA record (version 1) or one PAGES record (version 2)'],
  ['V1_VMAS_MAX', 32767, 'VMA records of a version-1 image (map_count is an s16)'],
  ['LDT_ENTRIES_MAX', 8192, 'descriptors of an LDT'],
  ['TLS_ENTRIES', 3, 'descriptors of the TLS array'],
  ['HEAD_MAGIC', 0x00a2d200, 'HEAD.magic, both versions'],
  ['TAIL_MAGIC', 0x002d2a00, 'TAIL.magic, version 1'],
  ['TAIL2_MAGIC', 0x002d2a02, 'TAIL.magic, version 2'],
  ['CTX_CKPT', 0x1, 'HEAD.flags: set by every writer; any other bit is refused'],
  ['REC_OPTIONAL', 0x1, 'version 2, header flags: a restart that does not know this record may go on without it'],
];

/** Record numbers. Version 1 and 2 share one number space. */
export const records = [
  { name: 'HEAD', type: 1, versions: [1, 2], struct: 'cr_head', raw: '' },
  { name: 'STR', type: 2, versions: [1], struct: null, raw: '' },
  { name: 'TASK', type: 101, versions: [1], struct: 'cr_task', raw: '' },
  { name: 'THREAD', type: 102, versions: [1], struct: 'cr_thread', raw: 'the TLS array, sizeof_tls_array bytes' },
  { name: 'CPU', type: 103, versions: [1], struct: 'cr_cpu', raw: '' },
  { name: 'MM', type: 201, versions: [1], struct: 'cr_mm', raw: '' },
  { name: 'VMA', type: 202, versions: [1], struct: 'cr_vma', raw: 'after its STR if any: npages x u64 addresses, then npages x 4096 bytes of contents' },
  { name: 'MM_CONTEXT', type: 203, versions: [1], struct: 'cr_mm_context', raw: 'nldt x ldt_entry_size bytes of descriptors' },
  { name: 'TAIL', type: 5001, versions: [1], struct: 'cr_tail', raw: '' },

  { name: 'MACHINE', type: 301, versions: [2], struct: 'cr2_machine', tail: '' },
  { name: 'TASK2', type: 302, versions: [2], struct: 'cr2_task', tail: '' },
  { name: 'CREDS', type: 303, versions: [2], struct: 'cr2_creds', tail: 'group_count x u32 supplementary groups' },
  { name: 'RLIMITS', type: 304, versions: [2], struct: 'cr2_rlimits', tail: 'count x {u64 soft, u64 hard}, by RLIMIT_ number' },
  { name: 'PATH', type: 305, versions: [2], struct: 'cr2_path', tail: 'path_bytes of the path, its NUL included' },
  { name: 'SIGACTIONS', type: 306, versions: [2], struct: 'cr2_sigactions', tail: 'count x {u64 handler, u64 flags, u64 restorer, u64 mask}, signal 1 first' },
  { name: 'SIGPENDING', type: 307, versions: [2], struct: 'cr2_sigpending', tail: 'count x siginfo_bytes of siginfo_t, oldest first' },
  { name: 'ITIMERS', type: 308, versions: [2], struct: 'cr2_itimers', tail: '' },
  { name: 'POSIX_TIMER', type: 309, versions: [2], struct: 'cr2_posix_timer', tail: '' },
  { name: 'FILE', type: 310, versions: [2], struct: 'cr2_file', tail: 'path_bytes of the path, its NUL included' },
  { name: 'MM2', type: 320, versions: [2], struct: 'cr2_mm', tail: 'auxv_bytes of the auxiliary vector' },
  { name: 'VDSO', type: 321, versions: [2], struct: 'cr2_vdso', tail: '' },
  { name: 'VMA2', type: 322, versions: [2], struct: 'cr2_vma', tail: 'path_bytes of the path, its NUL included' },
  { name: 'PAGES', type: 323, versions: [2], struct: 'cr2_pages', tail: 'count x u64 addresses, then count x 4096 bytes of contents in the same order' },
  { name: 'LDT', type: 324, versions: [2], struct: 'cr2_ldt', tail: 'count x 8 bytes of descriptors' },
  { name: 'THREAD2', type: 330, versions: [2], struct: 'cr2_thread', tail: '' },
  { name: 'REGS', type: 331, versions: [2], struct: 'cr2_regs', tail: '' },
  { name: 'XSTATE', type: 332, versions: [2], struct: 'cr2_xstate', tail: 'area_bytes of XSAVE area, standard (not compacted) format, as PTRACE_GETREGSET NT_X86_XSTATE gives it' },
  { name: 'TLS', type: 333, versions: [2], struct: 'cr2_tls', tail: 'count x 8 bytes of descriptors' },
  { name: 'TAIL2', type: 5002, versions: [2], struct: 'cr2_tail', tail: '' },
];

/** Enumerations and bit sets that payload fields hold. */
export const enums = [
  { name: 'VMA_HOW', prefix: 'VMA_', doc: 'cr_vma.how', values: [['ANON', 1, 'anonymous'], ['FILE', 2, 'of a file, by path']] },
  {
    name: 'VM', prefix: 'VM_', doc: 'cr_vma.vm_flags: the bits whose meaning has stayed the same since 2008',
    values: [['READ', 0x1, ''], ['WRITE', 0x2, ''], ['EXEC', 0x4, ''], ['SHARED', 0x8, ''], ['MAYREAD', 0x10, ''],
      ['MAYWRITE', 0x20, ''], ['MAYEXEC', 0x40, ''], ['MAYSHARE', 0x80, ''], ['GROWSDOWN', 0x100, ''],
      ['LOCKED', 0x2000, ''], ['IO', 0x4000, ''], ['HUGETLB', 0x400000, '']],
  },
  {
    name: 'VMA2_KIND', prefix: 'VMA2_', doc: 'cr2_vma.kind',
    values: [['ANON', 1, 'private anonymous memory'], ['FILE_PRIVATE', 2, 'private mapping of a file; PAGES hold what was copied on write'],
      ['FILE_SHARED', 3, 'shared mapping of a file that cannot be written through it; never has PAGES']],
  },
  {
    name: 'VMA2_FLAG', prefix: 'VMA2_F_', doc: 'cr2_vma.flags: what the mapping was told besides its protection',
    values: [['GROWSDOWN', 0x1, 'MAP_GROWSDOWN, a stack'], ['LOCKED', 0x2, 'mlock'], ['LOCKONFAULT', 0x4, 'mlock2 MLOCK_ONFAULT'],
      ['NORESERVE', 0x8, 'MAP_NORESERVE'], ['DONTFORK', 0x10, 'MADV_DONTFORK'], ['DONTDUMP', 0x20, 'MADV_DONTDUMP'],
      ['WIPEONFORK', 0x40, 'MADV_WIPEONFORK'], ['HUGEPAGE', 0x80, 'MADV_HUGEPAGE'], ['NOHUGEPAGE', 0x100, 'MADV_NOHUGEPAGE'],
      ['MERGEABLE', 0x200, 'MADV_MERGEABLE'], ['SEQUENTIAL', 0x400, 'MADV_SEQUENTIAL'], ['RANDOM', 0x800, 'MADV_RANDOM'],
      ['HEAP', 0x1000, 'the brk heap'], ['STACK', 0x2000, 'the stack of the main thread'], ['MAYSHARE', 0x4000, 'opened for sharing, mapped without write'],
      ['DROPPABLE', 0x8000, 'MAP_DROPPABLE: never has PAGES']],
  },
  { name: 'PATH_KIND', prefix: 'PATH_', doc: 'cr2_path.kind', values: [['EXE', 1, '/proc/PID/exe'], ['CWD', 2, 'working directory'], ['ROOT', 3, 'root directory']] },
  {
    name: 'FILE_KIND', prefix: 'FILE_', doc: 'cr2_file.kind',
    values: [['REGULAR', 1, 'regular file: opened by path, positioned at offset'], ['DIRECTORY', 2, 'directory: opened by path'],
      ['DEVICE', 3, 'character device that keeps no state (null, zero, full, random, urandom): opened by path'],
      ['STDIO', 4, 'descriptor 0, 1 or 2 of any other kind: taken from whoever restarts']],
  },
  {
    name: 'TASK_STATE', prefix: 'STATE_', doc: 'cr2_task.state, before the checkpoint stopped it',
    values: [['RUNNING', 1, 'R, S or D'], ['STOPPED', 2, 'T, by a signal: stays stopped after a restart']],
  },
];

export const structs = [
  // ---- version 1, exactly as the specification has it -------------------------------------------------
  { name: 'cr_hdr', size: 8, versions: [1], doc: 'Header of every version-1 record, and of HEAD in version 2.', fields: [
    ['s16', 'type', 'record number'], ['s16', 'len', 'payload bytes, 0..32767'],
    ['u32', 'id', '0 for HEAD, STR and TAIL; otherwise the pid argument of sys_checkpoint']] },
  { name: 'cr_head', size: 24, versions: [1, 2], doc: 'HEAD: the first record of either version.', fields: [
    ['u32', 'magic', 'HEAD_MAGIC'], ['u16', 'major', 'kernel version of the writer, masked to 8 bits'], ['u16', 'minor', 'likewise'],
    ['u16', 'patch', 'likewise'], ['u16', 'version', '1 or 2: the format of all that follows'],
    ['u32', 'flags', 'CTX_CKPT'], ['u64', 'time', 'seconds since the epoch']] },
  { name: 'cr_task', size: 168, versions: [1], doc: 'TASK.', fields: [
    ['u64', 'state', 'task state bits of the writing kernel'], ['u32', 'exit_state', ''], ['u32', 'exit_code', ''], ['u32', 'exit_signal', 'signal to the parent at exit'],
    ['u16', 'pid', 'cut to 16 bits'], ['u16', 'tgid', 'cut to 16 bits'],
    ['u64', 'utime', ''], ['u64', 'stime', ''], ['u64', 'utimescaled', ''], ['u64', 'stimescaled', ''], ['u64', 'gtime', ''],
    ['u64', 'prev_utime', ''], ['u64', 'prev_stime', ''], ['u64', 'nvcsw', ''], ['u64', 'nivcsw', ''],
    ['u64', 'start_time_sec', ''], ['u64', 'start_time_nsec', ''], ['u64', 'real_start_time_sec', ''], ['u64', 'real_start_time_nsec', ''],
    ['u64', 'min_flt', ''], ['u64', 'maj_flt', ''], ['s16', 'task_comm_len', '16; 0..16 is accepted'], ['char[16]', 'comm', 'command name'], ['pad[6]', 'pad', '']] },
  { name: 'cr_mm', size: 104, versions: [1], doc: 'MM.', fields: [
    ['u32', 'tag', '1'], ['pad[4]', 'pad0', ''],
    ['u64', 'start_code', ''], ['u64', 'end_code', ''], ['u64', 'start_data', ''], ['u64', 'end_data', ''], ['u64', 'start_brk', ''], ['u64', 'brk', ''],
    ['u64', 'start_stack', ''], ['u64', 'arg_start', ''], ['u64', 'arg_end', ''], ['u64', 'env_start', ''], ['u64', 'env_end', ''],
    ['s16', 'map_count', 'VMA records that follow'], ['pad[6]', 'pad1', '']] },
  { name: 'cr_vma', size: 56, versions: [1], doc: 'VMA.', fields: [
    ['u32', 'how', 'VMA_ANON or VMA_FILE'], ['pad[4]', 'pad0', ''],
    ['u64', 'vm_start', 'first byte'], ['u64', 'vm_end', 'byte after the last'], ['u64', 'vm_page_prot', ''], ['u64', 'vm_flags', 'VM_ bits'], ['u64', 'vm_pgoff', 'pages into the file'],
    ['s16', 'npages', 'pages that follow'], ['s16', 'namelen', 'bytes of the STR that follows, 0 for none'], ['pad[4]', 'pad1', '']] },
  { name: 'cr_mm_context', size: 4, versions: [1], doc: 'MM_CONTEXT.', fields: [['s16', 'ldt_entry_size', '8'], ['s16', 'nldt', 'descriptors that follow']] },
  { name: 'cr_thread', size: 6, versions: [1], doc: 'THREAD.', fields: [
    ['s16', 'gdt_entry_tls_entries', '3'], ['s16', 'sizeof_tls_array', '24'], ['s16', 'ntls', 'entries in use, 0..3; the array follows in any case']] },
  { name: 'cr_cpu', size: 704, versions: [1], doc: 'CPU: the i386 view of the registers; r8 to r15 and the bases of fs and gs are not in it.', fields: [
    ...['bx', 'cx', 'dx', 'si', 'di', 'bp', 'ax', 'ds', 'es', 'orig_ax', 'ip', 'cs', 'flags', 'sp', 'ss', 'fs', 'gs',
      'debugreg0', 'debugreg1', 'debugreg2', 'debugreg3', 'debugreg6', 'debugreg7'].map((n) => ['u64', n, '']),
    ['u8', 'uses_debug', ''], ['u8', 'used_math', 'the area below holds state'], ['u8', 'has_fxsr', ''], ['pad[5]', 'pad', ''],
    ['u8[512]', 'fxsave', 'FXSAVE area']] },
  { name: 'cr_tail', size: 12, versions: [1], doc: 'TAIL.', fields: [['u32', 'magic', 'TAIL_MAGIC'], ['u32[2]', 'cksum', '1 and 1']] },

  // ---- version 2 --------------------------------------------------------------------------------------
  { name: 'cr2_hdr', size: 16, versions: [2], doc: 'Header of every version-2 record after HEAD.', fields: [
    ['u32', 'type', 'record number'], ['u32', 'flags', 'REC_ bits'], ['u32', 'len', 'payload bytes'],
    ['u32', 'id', 'pid of the task, tid of the thread, 0 for records of the whole image']] },
  { name: 'cr2_machine', size: 304, versions: [2], doc: 'MACHINE: where and when the image was made. Once, right after HEAD.', fields: [
    ['u32', 'page_bytes', '4096'], ['u32', 'task_count', 'TASK2 records in the image'],
    ['u64', 'xfeatures', 'XCR0: the state components that the machine had switched on'], ['u32', 'xsave_bytes', 'size of an XSAVE area with all of them'],
    ['u32[6]', 'cpuid', 'feature words: leaf 1 ecx, edx; leaf 7.0 ebx, ecx, edx; leaf 0x80000001 ecx'], ['u32', 'reserved', '0'],
    ['s64', 'realtime_ns', 'CLOCK_REALTIME at the checkpoint'], ['s64', 'monotonic_ns', 'CLOCK_MONOTONIC'], ['s64', 'boottime_ns', 'CLOCK_BOOTTIME'],
    ['u8[16]', 'boot_id', '/proc/sys/kernel/random/boot_id'],
    ['char[72]', 'kernel_release', 'uname -r'], ['char[72]', 'hostname', 'uname -n'], ['char[72]', 'writer', 'name and version of the program or kernel that wrote the image']] },
  { name: 'cr2_task', size: 120, versions: [2], doc: 'TASK2: a process. What follows, up to the next TASK2 or TAIL2, is its own.', fields: [
    ['u32', 'pid', ''], ['u32', 'parent_pid', ''], ['u32', 'pgid', 'process group'], ['u32', 'sid', 'session'], ['u32', 'thread_count', 'THREAD2 records of this task'],
    ['u32', 'state', 'STATE_'], ['u32', 'exit_signal', 'signal to the parent at exit'], ['u32', 'personality', ''], ['u32', 'umask', ''], ['u32', 'dumpable', 'PR_GET_DUMPABLE'],
    ['u32', 'no_new_privs', ''], ['u32', 'child_subreaper', ''], ['u32', 'thp_disable', 'PR_GET_THP_DISABLE'], ['s32', 'oom_score_adj', ''], ['s32', 'pdeathsig', 'PR_GET_PDEATHSIG'], ['u32', 'file_count', 'FILE records of this task'],
    ['u64', 'utime_ticks', ''], ['u64', 'stime_ticks', ''], ['u64', 'start_ticks', 'since boot'], ['u64', 'timerslack_ns', ''], ['char[16]', 'comm', 'command name'], ['u32', 'clock_ticks_per_sec', 'of the three above'], ['u32', 'reserved', '0']] },
  { name: 'cr2_creds', size: 80, versions: [2], doc: 'CREDS: for show and for checks; a restart never raises what the restarter has.', fields: [
    ['u32[4]', 'uid', 'real, effective, saved, file system'], ['u32[4]', 'gid', 'likewise'],
    ['u64', 'cap_inheritable', ''], ['u64', 'cap_permitted', ''], ['u64', 'cap_effective', ''], ['u64', 'cap_bounding', ''], ['u64', 'cap_ambient', ''],
    ['u32', 'securebits', ''], ['u32', 'group_count', 'supplementary groups that follow']] },
  { name: 'cr2_rlimits', size: 8, versions: [2], doc: 'RLIMITS.', fields: [['u32', 'count', 'pairs that follow'], ['u32', 'reserved', '0']] },
  { name: 'cr2_path', size: 56, versions: [2], doc: 'PATH: a file that the task refers to by itself.', fields: [
    ['u32', 'kind', 'PATH_'], ['u32', 'mode', 'st_mode'], ['u64', 'dev', 'st_dev'], ['u64', 'ino', 'st_ino'], ['u64', 'size', 'st_size'], ['s64', 'mtime_sec', ''], ['u32', 'mtime_nsec', ''],
    ['u32', 'path_bytes', ''], ['u64', 'reserved', '0']] },
  { name: 'cr2_sigactions', size: 8, versions: [2], doc: 'SIGACTIONS.', fields: [['u32', 'count', 'entries that follow, 64'], ['u32', 'reserved', '0']] },
  { name: 'cr2_sigpending', size: 16, versions: [2], doc: 'SIGPENDING: id is the pid for those of the process, and it stands before THREAD2; the tid for those of a thread, behind THREAD2.', fields: [
    ['u32', 'count', 'signals that follow'], ['u32', 'siginfo_bytes', '128'], ['u32', 'of_thread', '0 process, 1 thread'], ['u32', 'reserved', '0']] },
  { name: 'cr2_itimers', size: 96, versions: [2], doc: 'ITIMERS: ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF, each {interval s, interval us, value s, value us}.', fields: [
    ['u64[4]', 'real', ''], ['u64[4]', 'virtual_', ''], ['u64[4]', 'prof', '']] },
  { name: 'cr2_posix_timer', size: 80, versions: [2], doc: 'POSIX_TIMER: one timer_create.', fields: [
    ['s32', 'timer_id', ''], ['s32', 'clock_id', ''], ['s32', 'signo', ''], ['s32', 'notify', 'SIGEV_'], ['u64', 'sigval', ''], ['s32', 'notify_tid', 'with SIGEV_THREAD_ID'], ['u32', 'overrun', ''],
    ['s64', 'interval_sec', ''], ['s64', 'interval_nsec', ''], ['s64', 'value_sec', 'time left; 0 and 0: not armed'], ['s64', 'value_nsec', ''], ['u64', 'reserved', '0'], ['u64', 'reserved1', '0']] },
  { name: 'cr2_file', size: 88, versions: [2], doc: 'FILE: an open file descriptor.', fields: [
    ['s32', 'fd', ''], ['u32', 'kind', 'FILE_'], ['u32', 'flags', 'O_ flags of the open file description'], ['u32', 'fd_flags', 'FD_CLOEXEC'],
    ['s32', 'same_as', 'a lower descriptor with the same open file description, or -1'], ['u32', 'mode', 'st_mode'],
    ['u64', 'offset', ''], ['u64', 'dev', 'st_dev'], ['u64', 'ino', 'st_ino'], ['u64', 'rdev', 'st_rdev'], ['u64', 'size', 'st_size'], ['s64', 'mtime_sec', ''], ['u32', 'mtime_nsec', ''],
    ['u32', 'path_bytes', ''], ['u64', 'reserved', '0']] },
  { name: 'cr2_mm', size: 112, versions: [2], doc: 'MM2.', fields: [
    ['u64', 'start_code', ''], ['u64', 'end_code', ''], ['u64', 'start_data', ''], ['u64', 'end_data', ''], ['u64', 'start_brk', ''], ['u64', 'brk', ''],
    ['u64', 'start_stack', ''], ['u64', 'arg_start', ''], ['u64', 'arg_end', ''], ['u64', 'env_start', ''], ['u64', 'env_end', ''],
    ['u64', 'def_flags', 'VMA2_F_ bits that mlockall(MCL_FUTURE) gave to new mappings'], ['u32', 'map_count', 'VMA2 records of this task'], ['u32', 'auxv_bytes', ''], ['u64', 'reserved', '0']] },
  { name: 'cr2_vdso', size: 96, versions: [2], doc: 'VDSO: where the kernel had put its own mappings. Start and bytes are 0 for one that is not there.', fields: [
    ['u64', 'vdso_start', ''], ['u64', 'vdso_bytes', ''], ['u64', 'vvar_start', ''], ['u64', 'vvar_bytes', ''], ['u64', 'vvar_vclock_start', ''], ['u64', 'vvar_vclock_bytes', ''],
    ['u32', 'vdso_crc32c', 'CRC32C of the vdso mapping'], ['u32', 'build_id_bytes', '0..32'], ['u8[32]', 'build_id', 'GNU build id of the vdso'], ['u64', 'reserved', '0']] },
  { name: 'cr2_vma', size: 128, versions: [2], doc: 'VMA2: a mapping. Its PAGES follow it.', fields: [
    ['u64', 'start', 'first byte'], ['u64', 'end', 'byte after the last'], ['u64', 'pgoff', 'pages into the file'], ['u32', 'kind', 'VMA2_'], ['u32', 'prot', 'PROT_ bits'], ['u32', 'flags', 'VMA2_F_ bits'], ['u32', 'may_prot', 'PROT_ bits that mprotect could have given'],
    ['u64', 'dev', 'st_dev of the file'], ['u64', 'ino', 'st_ino'], ['u64', 'file_bytes', 'st_size'], ['s64', 'mtime_sec', ''], ['u32', 'mtime_nsec', ''], ['u32', 'file_mode', 'st_mode'],
    ['u32', 'build_id_bytes', '0..32'], ['u8[32]', 'build_id', 'GNU build id of the file where it is an ELF file that has one'], ['u32', 'path_bytes', '0 for ANON'], ['u64', 'reserved', '0']] },
  { name: 'cr2_pages', size: 16, versions: [2], doc: 'PAGES: pages of the VMA2 before it, addresses ascending across all its PAGES.', fields: [
    ['u32', 'count', 'pages, 1..PAGES_PER_RECORD_MAX'], ['u32', 'reserved', '0'], ['u64', 'reserved1', '0']] },
  { name: 'cr2_ldt', size: 8, versions: [2], doc: 'LDT: only where the task has one.', fields: [['u32', 'count', 'descriptors that follow, 1..LDT_ENTRIES_MAX'], ['u32', 'reserved', '0']] },
  { name: 'cr2_thread', size: 136, versions: [2], doc: 'THREAD2: what follows, up to the next THREAD2, TASK2 or TAIL2, is this thread\'s own.', fields: [
    ['u32', 'tid', ''], ['u32', 'sched_policy', 'SCHED_, with SCHED_RESET_ON_FORK'], ['s32', 'nice', ''], ['u32', 'sched_priority', ''], ['u64', 'sigmask', 'blocked signals'],
    ['u64', 'altstack_sp', 'sigaltstack'], ['u64', 'altstack_bytes', ''], ['u32', 'altstack_flags', 'SS_ flags'], ['u32', 'rseq_sig', ''],
    ['u64', 'rseq_addr', '0: not registered'], ['u32', 'rseq_bytes', ''], ['u32', 'rseq_flags', ''], ['u64', 'robust_list_addr', ''], ['u64', 'robust_list_bytes', ''], ['u64', 'clear_child_tid', ''],
    ['u64', 'sched_deadline_ns', '0'], ['u32', 'io_priority', 'ioprio_get'], ['u32', 'reserved', '0'], ['char[16]', 'comm', 'name of the thread'], ['u64', 'reserved1', '0'], ['u64', 'reserved2', '0']] },
  { name: 'cr2_regs', size: 280, versions: [2], doc: 'REGS: general registers in the order of struct user_regs_struct, and debug registers.', fields: [
    ...['r15', 'r14', 'r13', 'r12', 'bp', 'bx', 'r11', 'r10', 'r9', 'r8', 'ax', 'cx', 'dx', 'si', 'di', 'orig_ax', 'ip', 'cs', 'flags', 'sp', 'ss', 'fs_base', 'gs_base', 'ds', 'es', 'fs', 'gs'].map((n) => ['u64', n, '']),
    ...['debugreg0', 'debugreg1', 'debugreg2', 'debugreg3', 'debugreg6', 'debugreg7'].map((n) => ['u64', n, '']),
    ['u32', 'uses_debug', ''], ['u32', 'reserved', '0'], ['u64', 'reserved1', '0']] },
  { name: 'cr2_xstate', size: 24, versions: [2], doc: 'XSTATE.', fields: [['u64', 'xfeatures', 'XCR0 of the machine'], ['u64', 'xstate_bv', 'components in the area that are not in their initial state'], ['u32', 'area_bytes', ''], ['u32', 'reserved', '0']] },
  { name: 'cr2_tls', size: 8, versions: [2], doc: 'TLS: GDT entries set by set_thread_area; only where one is set.', fields: [['u32', 'count', '3'], ['u32', 'first_entry', 'GDT entry of the first']] },
  { name: 'cr2_tail', size: 40, versions: [2], doc: 'TAIL2: the last record. An image without it does not exist.', fields: [
    ['u32', 'magic', 'TAIL2_MAGIC'], ['u32', 'crc32c', 'CRC32C of every byte of the image before this record\'s header'], ['u64', 'bytes', 'count of those bytes'], ['u64', 'pages', 'pages in all PAGES records'],
    ['u64', 'records', 'records before this one, HEAD included'], ['u64', 'reserved', '0']] },
];

/** The order of a version-1 image, and of a version-2 image, for the documents. */
export const order = {
  1: `HEAD
TASK
MM
  map_count times: VMA [STR] [addresses][contents]
  MM_CONTEXT [descriptors]
THREAD [TLS array]
CPU
TAIL`,
  2: `HEAD
MACHINE
task_count times:
  TASK2 CREDS RLIMITS PATH(exe) PATH(cwd) [PATH(root)]
  SIGACTIONS SIGPENDING ITIMERS [POSIX_TIMER...]
  [FILE...]
  MM2 VDSO
    map_count times: VMA2 [PAGES...]
    [LDT]
  thread_count times: THREAD2 [SIGPENDING] REGS XSTATE [TLS]
TAIL2

Unknown records may stand anywhere between MACHINE and TAIL2; readers keep them, a restart refuses those without REC_OPTIONAL.`,
};
