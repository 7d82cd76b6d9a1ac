// SPDX-License-Identifier: Apache-2.0
// Generated from format/image.mjs by format/generate.mjs. Do not edit: npm run generate

function text(buffer: Buffer, at: number, bytes: number): string {
  const end = buffer.subarray(at, at + bytes).indexOf(0);
  return buffer.toString('latin1', at, at + (end < 0 ? bytes : end));
}

/** bytes of a page */
export const PAGE_BYTES = 4096;
/** bytes of a pathname, its NUL included */
export const STR_BYTES_MAX = 4096;
/** pages of one VMA record (version 1) or one PAGES record (version 2) */
export const PAGES_PER_RECORD_MAX = 32767;
/** VMA records of a version-1 image (map_count is an s16) */
export const V1_VMAS_MAX = 32767;
/** descriptors of an LDT */
export const LDT_ENTRIES_MAX = 8192;
/** descriptors of the TLS array */
export const TLS_ENTRIES = 3;
/** HEAD.magic, both versions */
export const HEAD_MAGIC = 0x00a2d200;
/** TAIL.magic, version 1 */
export const TAIL_MAGIC = 0x002d2a00;
/** TAIL.magic, version 2 */
export const TAIL2_MAGIC = 0x002d2a02;
/** HEAD.flags: set by every writer; any other bit is refused */
export const CTX_CKPT = 1;
/** version 2, header flags: a restart that does not know this record may go on without it */
export const REC_OPTIONAL = 1;

/** Record numbers. */
export const RecordType = {
  HEAD: 1,
  STR: 2,
  TASK: 101,
  THREAD: 102,
  CPU: 103,
  MM: 201,
  VMA: 202,
  MM_CONTEXT: 203,
  TAIL: 5001,
  MACHINE: 301,
  TASK2: 302,
  CREDS: 303,
  RLIMITS: 304,
  PATH: 305,
  SIGACTIONS: 306,
  SIGPENDING: 307,
  ITIMERS: 308,
  POSIX_TIMER: 309,
  FILE: 310,
  MM2: 320,
  VDSO: 321,
  VMA2: 322,
  PAGES: 323,
  LDT: 324,
  THREAD2: 330,
  REGS: 331,
  XSTATE: 332,
  TLS: 333,
  TAIL2: 5002,
} as const;
export type RecordName = keyof typeof RecordType;

/** The name of a record number of an image version, or undefined. */
export const recordNames: Readonly<Record<1 | 2, ReadonlyMap<number, RecordName>>> = {
  1: new Map<number, RecordName>([[1, 'HEAD'], [2, 'STR'], [101, 'TASK'], [102, 'THREAD'], [103, 'CPU'], [201, 'MM'], [202, 'VMA'], [203, 'MM_CONTEXT'], [5001, 'TAIL']]),
  2: new Map<number, RecordName>([[1, 'HEAD'], [301, 'MACHINE'], [302, 'TASK2'], [303, 'CREDS'], [304, 'RLIMITS'], [305, 'PATH'], [306, 'SIGACTIONS'], [307, 'SIGPENDING'], [308, 'ITIMERS'], [309, 'POSIX_TIMER'], [310, 'FILE'], [320, 'MM2'], [321, 'VDSO'], [322, 'VMA2'], [323, 'PAGES'], [324, 'LDT'], [330, 'THREAD2'], [331, 'REGS'], [332, 'XSTATE'], [333, 'TLS'], [5002, 'TAIL2']]),
};

/** cr_vma.how */
export const VmaHow = {
  /** anonymous */
  ANON: 0x1,
  /** of a file, by path */
  FILE: 0x2,
} as const;

/** cr_vma.vm_flags: the bits whose meaning has stayed the same since 2008 */
export const Vm = {
  READ: 0x1,
  WRITE: 0x2,
  EXEC: 0x4,
  SHARED: 0x8,
  MAYREAD: 0x10,
  MAYWRITE: 0x20,
  MAYEXEC: 0x40,
  MAYSHARE: 0x80,
  GROWSDOWN: 0x100,
  LOCKED: 0x2000,
  IO: 0x4000,
  HUGETLB: 0x400000,
} as const;

/** cr2_vma.kind */
export const Vma2Kind = {
  /** private anonymous memory */
  ANON: 0x1,
  /** private mapping of a file; PAGES hold what was copied on write */
  FILE_PRIVATE: 0x2,
  /** shared mapping of a file that cannot be written through it; never has PAGES */
  FILE_SHARED: 0x3,
} as const;

/** cr2_vma.flags: what the mapping was told besides its protection */
export const Vma2Flag = {
  /** MAP_GROWSDOWN, a stack */
  GROWSDOWN: 0x1,
  /** mlock */
  LOCKED: 0x2,
  /** mlock2 MLOCK_ONFAULT */
  LOCKONFAULT: 0x4,
  /** MAP_NORESERVE */
  NORESERVE: 0x8,
  /** MADV_DONTFORK */
  DONTFORK: 0x10,
  /** MADV_DONTDUMP */
  DONTDUMP: 0x20,
  /** MADV_WIPEONFORK */
  WIPEONFORK: 0x40,
  /** MADV_HUGEPAGE */
  HUGEPAGE: 0x80,
  /** MADV_NOHUGEPAGE */
  NOHUGEPAGE: 0x100,
  /** MADV_MERGEABLE */
  MERGEABLE: 0x200,
  /** MADV_SEQUENTIAL */
  SEQUENTIAL: 0x400,
  /** MADV_RANDOM */
  RANDOM: 0x800,
  /** the brk heap */
  HEAP: 0x1000,
  /** the stack of the main thread */
  STACK: 0x2000,
  /** opened for sharing, mapped without write */
  MAYSHARE: 0x4000,
  /** MAP_DROPPABLE: never has PAGES */
  DROPPABLE: 0x8000,
} as const;

/** cr2_path.kind */
export const PathKind = {
  /** /proc/PID/exe */
  EXE: 0x1,
  /** working directory */
  CWD: 0x2,
  /** root directory */
  ROOT: 0x3,
} as const;

/** cr2_file.kind */
export const FileKind = {
  /** regular file: opened by path, positioned at offset */
  REGULAR: 0x1,
  /** directory: opened by path */
  DIRECTORY: 0x2,
  /** character device that keeps no state (null, zero, full, random, urandom): opened by path */
  DEVICE: 0x3,
  /** descriptor 0, 1 or 2 of any other kind: taken from whoever restarts */
  STDIO: 0x4,
} as const;

/** cr2_task.state, before the checkpoint stopped it */
export const TaskState = {
  /** R, S or D */
  RUNNING: 0x1,
  /** T, by a signal: stays stopped after a restart */
  STOPPED: 0x2,
} as const;

/** Header of every version-1 record, and of HEAD in version 2. */
export interface CrHdr {
  /** record number */
  type: number;
  /** payload bytes, 0..32767 */
  len: number;
  /** 0 for HEAD, STR and TAIL; otherwise the pid argument of sys_checkpoint */
  id: number;
}
export const CR_HDR_BYTES = 8;
/** Reads a cr_hdr at a byte offset. RangeError when the buffer is too short. */
export function decodeCrHdr(buffer: Buffer, at = 0): CrHdr {
  return {
    type: buffer.readInt16LE(at),
    len: buffer.readInt16LE(at + 2),
    id: buffer.readUInt32LE(at + 4),
  };
}
/** The 8 bytes of a cr_hdr; what is left out is zero. */
export function encodeCrHdr(value: Partial<CrHdr>): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeInt16LE(value.type ?? 0, 0);
  buffer.writeInt16LE(value.len ?? 0, 2);
  buffer.writeUInt32LE(value.id ?? 0, 4);
  return buffer;
}

/** HEAD: the first record of either version. */
export interface CrHead {
  /** HEAD_MAGIC */
  magic: number;
  /** kernel version of the writer, masked to 8 bits */
  major: number;
  /** likewise */
  minor: number;
  /** likewise */
  patch: number;
  /** 1 or 2: the format of all that follows */
  version: number;
  /** CTX_CKPT */
  flags: number;
  /** seconds since the epoch */
  time: bigint;
}
export const CR_HEAD_BYTES = 24;
/** Reads a cr_head at a byte offset. RangeError when the buffer is too short. */
export function decodeCrHead(buffer: Buffer, at = 0): CrHead {
  return {
    magic: buffer.readUInt32LE(at),
    major: buffer.readUInt16LE(at + 4),
    minor: buffer.readUInt16LE(at + 6),
    patch: buffer.readUInt16LE(at + 8),
    version: buffer.readUInt16LE(at + 10),
    flags: buffer.readUInt32LE(at + 12),
    time: buffer.readBigUInt64LE(at + 16),
  };
}
/** The 24 bytes of a cr_head; what is left out is zero. */
export function encodeCrHead(value: Partial<CrHead>): Buffer {
  const buffer = Buffer.alloc(24);
  buffer.writeUInt32LE(value.magic ?? 0, 0);
  buffer.writeUInt16LE(value.major ?? 0, 4);
  buffer.writeUInt16LE(value.minor ?? 0, 6);
  buffer.writeUInt16LE(value.patch ?? 0, 8);
  buffer.writeUInt16LE(value.version ?? 0, 10);
  buffer.writeUInt32LE(value.flags ?? 0, 12);
  buffer.writeBigUInt64LE(value.time ?? 0n, 16);
  return buffer;
}

/** TASK. */
export interface CrTask {
  /** task state bits of the writing kernel */
  state: bigint;
  exitState: number;
  exitCode: number;
  /** signal to the parent at exit */
  exitSignal: number;
  /** cut to 16 bits */
  pid: number;
  /** cut to 16 bits */
  tgid: number;
  utime: bigint;
  stime: bigint;
  utimescaled: bigint;
  stimescaled: bigint;
  gtime: bigint;
  prevUtime: bigint;
  prevStime: bigint;
  nvcsw: bigint;
  nivcsw: bigint;
  startTimeSec: bigint;
  startTimeNsec: bigint;
  realStartTimeSec: bigint;
  realStartTimeNsec: bigint;
  minFlt: bigint;
  majFlt: bigint;
  /** 16; 0..16 is accepted */
  taskCommLen: number;
  /** command name */
  comm: string;
  pad: Buffer;
}
export const CR_TASK_BYTES = 168;
/** Reads a cr_task at a byte offset. RangeError when the buffer is too short. */
export function decodeCrTask(buffer: Buffer, at = 0): CrTask {
  return {
    state: buffer.readBigUInt64LE(at),
    exitState: buffer.readUInt32LE(at + 8),
    exitCode: buffer.readUInt32LE(at + 12),
    exitSignal: buffer.readUInt32LE(at + 16),
    pid: buffer.readUInt16LE(at + 20),
    tgid: buffer.readUInt16LE(at + 22),
    utime: buffer.readBigUInt64LE(at + 24),
    stime: buffer.readBigUInt64LE(at + 32),
    utimescaled: buffer.readBigUInt64LE(at + 40),
    stimescaled: buffer.readBigUInt64LE(at + 48),
    gtime: buffer.readBigUInt64LE(at + 56),
    prevUtime: buffer.readBigUInt64LE(at + 64),
    prevStime: buffer.readBigUInt64LE(at + 72),
    nvcsw: buffer.readBigUInt64LE(at + 80),
    nivcsw: buffer.readBigUInt64LE(at + 88),
    startTimeSec: buffer.readBigUInt64LE(at + 96),
    startTimeNsec: buffer.readBigUInt64LE(at + 104),
    realStartTimeSec: buffer.readBigUInt64LE(at + 112),
    realStartTimeNsec: buffer.readBigUInt64LE(at + 120),
    minFlt: buffer.readBigUInt64LE(at + 128),
    majFlt: buffer.readBigUInt64LE(at + 136),
    taskCommLen: buffer.readInt16LE(at + 144),
    comm: text(buffer, at + 146, 16),
    pad: buffer.subarray(at + 162, at + 168),
  };
}
/** The 168 bytes of a cr_task; what is left out is zero. */
export function encodeCrTask(value: Partial<CrTask>): Buffer {
  const buffer = Buffer.alloc(168);
  buffer.writeBigUInt64LE(value.state ?? 0n, 0);
  buffer.writeUInt32LE(value.exitState ?? 0, 8);
  buffer.writeUInt32LE(value.exitCode ?? 0, 12);
  buffer.writeUInt32LE(value.exitSignal ?? 0, 16);
  buffer.writeUInt16LE(value.pid ?? 0, 20);
  buffer.writeUInt16LE(value.tgid ?? 0, 22);
  buffer.writeBigUInt64LE(value.utime ?? 0n, 24);
  buffer.writeBigUInt64LE(value.stime ?? 0n, 32);
  buffer.writeBigUInt64LE(value.utimescaled ?? 0n, 40);
  buffer.writeBigUInt64LE(value.stimescaled ?? 0n, 48);
  buffer.writeBigUInt64LE(value.gtime ?? 0n, 56);
  buffer.writeBigUInt64LE(value.prevUtime ?? 0n, 64);
  buffer.writeBigUInt64LE(value.prevStime ?? 0n, 72);
  buffer.writeBigUInt64LE(value.nvcsw ?? 0n, 80);
  buffer.writeBigUInt64LE(value.nivcsw ?? 0n, 88);
  buffer.writeBigUInt64LE(value.startTimeSec ?? 0n, 96);
  buffer.writeBigUInt64LE(value.startTimeNsec ?? 0n, 104);
  buffer.writeBigUInt64LE(value.realStartTimeSec ?? 0n, 112);
  buffer.writeBigUInt64LE(value.realStartTimeNsec ?? 0n, 120);
  buffer.writeBigUInt64LE(value.minFlt ?? 0n, 128);
  buffer.writeBigUInt64LE(value.majFlt ?? 0n, 136);
  buffer.writeInt16LE(value.taskCommLen ?? 0, 144);
  if (value.comm !== undefined) buffer.write(value.comm, 146, 16, 'latin1');
  value.pad?.copy(buffer, 162, 0, 6);
  return buffer;
}

/** MM. */
export interface CrMm {
  /** 1 */
  tag: number;
  pad0: Buffer;
  startCode: bigint;
  endCode: bigint;
  startData: bigint;
  endData: bigint;
  startBrk: bigint;
  brk: bigint;
  startStack: bigint;
  argStart: bigint;
  argEnd: bigint;
  envStart: bigint;
  envEnd: bigint;
  /** VMA records that follow */
  mapCount: number;
  pad1: Buffer;
}
export const CR_MM_BYTES = 104;
/** Reads a cr_mm at a byte offset. RangeError when the buffer is too short. */
export function decodeCrMm(buffer: Buffer, at = 0): CrMm {
  return {
    tag: buffer.readUInt32LE(at),
    pad0: buffer.subarray(at + 4, at + 8),
    startCode: buffer.readBigUInt64LE(at + 8),
    endCode: buffer.readBigUInt64LE(at + 16),
    startData: buffer.readBigUInt64LE(at + 24),
    endData: buffer.readBigUInt64LE(at + 32),
    startBrk: buffer.readBigUInt64LE(at + 40),
    brk: buffer.readBigUInt64LE(at + 48),
    startStack: buffer.readBigUInt64LE(at + 56),
    argStart: buffer.readBigUInt64LE(at + 64),
    argEnd: buffer.readBigUInt64LE(at + 72),
    envStart: buffer.readBigUInt64LE(at + 80),
    envEnd: buffer.readBigUInt64LE(at + 88),
    mapCount: buffer.readInt16LE(at + 96),
    pad1: buffer.subarray(at + 98, at + 104),
  };
}
/** The 104 bytes of a cr_mm; what is left out is zero. */
export function encodeCrMm(value: Partial<CrMm>): Buffer {
  const buffer = Buffer.alloc(104);
  buffer.writeUInt32LE(value.tag ?? 0, 0);
  value.pad0?.copy(buffer, 4, 0, 4);
  buffer.writeBigUInt64LE(value.startCode ?? 0n, 8);
  buffer.writeBigUInt64LE(value.endCode ?? 0n, 16);
  buffer.writeBigUInt64LE(value.startData ?? 0n, 24);
  buffer.writeBigUInt64LE(value.endData ?? 0n, 32);
  buffer.writeBigUInt64LE(value.startBrk ?? 0n, 40);
  buffer.writeBigUInt64LE(value.brk ?? 0n, 48);
  buffer.writeBigUInt64LE(value.startStack ?? 0n, 56);
  buffer.writeBigUInt64LE(value.argStart ?? 0n, 64);
  buffer.writeBigUInt64LE(value.argEnd ?? 0n, 72);
  buffer.writeBigUInt64LE(value.envStart ?? 0n, 80);
  buffer.writeBigUInt64LE(value.envEnd ?? 0n, 88);
  buffer.writeInt16LE(value.mapCount ?? 0, 96);
  value.pad1?.copy(buffer, 98, 0, 6);
  return buffer;
}

/** VMA. */
export interface CrVma {
  /** VMA_ANON or VMA_FILE */
  how: number;
  pad0: Buffer;
  /** first byte */
  vmStart: bigint;
  /** byte after the last */
  vmEnd: bigint;
  vmPageProt: bigint;
  /** VM_ bits */
  vmFlags: bigint;
  /** pages into the file */
  vmPgoff: bigint;
  /** pages that follow */
  npages: number;
  /** bytes of the STR that follows, 0 for none */
  namelen: number;
  pad1: Buffer;
}
export const CR_VMA_BYTES = 56;
/** Reads a cr_vma at a byte offset. RangeError when the buffer is too short. */
export function decodeCrVma(buffer: Buffer, at = 0): CrVma {
  return {
    how: buffer.readUInt32LE(at),
    pad0: buffer.subarray(at + 4, at + 8),
    vmStart: buffer.readBigUInt64LE(at + 8),
    vmEnd: buffer.readBigUInt64LE(at + 16),
    vmPageProt: buffer.readBigUInt64LE(at + 24),
    vmFlags: buffer.readBigUInt64LE(at + 32),
    vmPgoff: buffer.readBigUInt64LE(at + 40),
    npages: buffer.readInt16LE(at + 48),
    namelen: buffer.readInt16LE(at + 50),
    pad1: buffer.subarray(at + 52, at + 56),
  };
}
/** The 56 bytes of a cr_vma; what is left out is zero. */
export function encodeCrVma(value: Partial<CrVma>): Buffer {
  const buffer = Buffer.alloc(56);
  buffer.writeUInt32LE(value.how ?? 0, 0);
  value.pad0?.copy(buffer, 4, 0, 4);
  buffer.writeBigUInt64LE(value.vmStart ?? 0n, 8);
  buffer.writeBigUInt64LE(value.vmEnd ?? 0n, 16);
  buffer.writeBigUInt64LE(value.vmPageProt ?? 0n, 24);
  buffer.writeBigUInt64LE(value.vmFlags ?? 0n, 32);
  buffer.writeBigUInt64LE(value.vmPgoff ?? 0n, 40);
  buffer.writeInt16LE(value.npages ?? 0, 48);
  buffer.writeInt16LE(value.namelen ?? 0, 50);
  value.pad1?.copy(buffer, 52, 0, 4);
  return buffer;
}

/** MM_CONTEXT. */
export interface CrMmContext {
  /** 8 */
  ldtEntrySize: number;
  /** descriptors that follow */
  nldt: number;
}
export const CR_MM_CONTEXT_BYTES = 4;
/** Reads a cr_mm_context at a byte offset. RangeError when the buffer is too short. */
export function decodeCrMmContext(buffer: Buffer, at = 0): CrMmContext {
  return {
    ldtEntrySize: buffer.readInt16LE(at),
    nldt: buffer.readInt16LE(at + 2),
  };
}
/** The 4 bytes of a cr_mm_context; what is left out is zero. */
export function encodeCrMmContext(value: Partial<CrMmContext>): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt16LE(value.ldtEntrySize ?? 0, 0);
  buffer.writeInt16LE(value.nldt ?? 0, 2);
  return buffer;
}

/** THREAD. */
export interface CrThread {
  /** 3 */
  gdtEntryTlsEntries: number;
  /** 24 */
  sizeofTlsArray: number;
  /** entries in use, 0..3; the array follows in any case */
  ntls: number;
}
export const CR_THREAD_BYTES = 6;
/** Reads a cr_thread at a byte offset. RangeError when the buffer is too short. */
export function decodeCrThread(buffer: Buffer, at = 0): CrThread {
  return {
    gdtEntryTlsEntries: buffer.readInt16LE(at),
    sizeofTlsArray: buffer.readInt16LE(at + 2),
    ntls: buffer.readInt16LE(at + 4),
  };
}
/** The 6 bytes of a cr_thread; what is left out is zero. */
export function encodeCrThread(value: Partial<CrThread>): Buffer {
  const buffer = Buffer.alloc(6);
  buffer.writeInt16LE(value.gdtEntryTlsEntries ?? 0, 0);
  buffer.writeInt16LE(value.sizeofTlsArray ?? 0, 2);
  buffer.writeInt16LE(value.ntls ?? 0, 4);
  return buffer;
}

/** CPU: the i386 view of the registers; r8 to r15 and the bases of fs and gs are not in it. */
export interface CrCpu {
  bx: bigint;
  cx: bigint;
  dx: bigint;
  si: bigint;
  di: bigint;
  bp: bigint;
  ax: bigint;
  ds: bigint;
  es: bigint;
  origAx: bigint;
  ip: bigint;
  cs: bigint;
  flags: bigint;
  sp: bigint;
  ss: bigint;
  fs: bigint;
  gs: bigint;
  debugreg0: bigint;
  debugreg1: bigint;
  debugreg2: bigint;
  debugreg3: bigint;
  debugreg6: bigint;
  debugreg7: bigint;
  usesDebug: number;
  /** the area below holds state */
  usedMath: number;
  hasFxsr: number;
  pad: Buffer;
  /** FXSAVE area */
  fxsave: Buffer;
}
export const CR_CPU_BYTES = 704;
/** Reads a cr_cpu at a byte offset. RangeError when the buffer is too short. */
export function decodeCrCpu(buffer: Buffer, at = 0): CrCpu {
  return {
    bx: buffer.readBigUInt64LE(at),
    cx: buffer.readBigUInt64LE(at + 8),
    dx: buffer.readBigUInt64LE(at + 16),
    si: buffer.readBigUInt64LE(at + 24),
    di: buffer.readBigUInt64LE(at + 32),
    bp: buffer.readBigUInt64LE(at + 40),
    ax: buffer.readBigUInt64LE(at + 48),
    ds: buffer.readBigUInt64LE(at + 56),
    es: buffer.readBigUInt64LE(at + 64),
    origAx: buffer.readBigUInt64LE(at + 72),
    ip: buffer.readBigUInt64LE(at + 80),
    cs: buffer.readBigUInt64LE(at + 88),
    flags: buffer.readBigUInt64LE(at + 96),
    sp: buffer.readBigUInt64LE(at + 104),
    ss: buffer.readBigUInt64LE(at + 112),
    fs: buffer.readBigUInt64LE(at + 120),
    gs: buffer.readBigUInt64LE(at + 128),
    debugreg0: buffer.readBigUInt64LE(at + 136),
    debugreg1: buffer.readBigUInt64LE(at + 144),
    debugreg2: buffer.readBigUInt64LE(at + 152),
    debugreg3: buffer.readBigUInt64LE(at + 160),
    debugreg6: buffer.readBigUInt64LE(at + 168),
    debugreg7: buffer.readBigUInt64LE(at + 176),
    usesDebug: buffer.readUInt8(at + 184),
    usedMath: buffer.readUInt8(at + 185),
    hasFxsr: buffer.readUInt8(at + 186),
    pad: buffer.subarray(at + 187, at + 192),
    fxsave: buffer.subarray(at + 192, at + 704),
  };
}
/** The 704 bytes of a cr_cpu; what is left out is zero. */
export function encodeCrCpu(value: Partial<CrCpu>): Buffer {
  const buffer = Buffer.alloc(704);
  buffer.writeBigUInt64LE(value.bx ?? 0n, 0);
  buffer.writeBigUInt64LE(value.cx ?? 0n, 8);
  buffer.writeBigUInt64LE(value.dx ?? 0n, 16);
  buffer.writeBigUInt64LE(value.si ?? 0n, 24);
  buffer.writeBigUInt64LE(value.di ?? 0n, 32);
  buffer.writeBigUInt64LE(value.bp ?? 0n, 40);
  buffer.writeBigUInt64LE(value.ax ?? 0n, 48);
  buffer.writeBigUInt64LE(value.ds ?? 0n, 56);
  buffer.writeBigUInt64LE(value.es ?? 0n, 64);
  buffer.writeBigUInt64LE(value.origAx ?? 0n, 72);
  buffer.writeBigUInt64LE(value.ip ?? 0n, 80);
  buffer.writeBigUInt64LE(value.cs ?? 0n, 88);
  buffer.writeBigUInt64LE(value.flags ?? 0n, 96);
  buffer.writeBigUInt64LE(value.sp ?? 0n, 104);
  buffer.writeBigUInt64LE(value.ss ?? 0n, 112);
  buffer.writeBigUInt64LE(value.fs ?? 0n, 120);
  buffer.writeBigUInt64LE(value.gs ?? 0n, 128);
  buffer.writeBigUInt64LE(value.debugreg0 ?? 0n, 136);
  buffer.writeBigUInt64LE(value.debugreg1 ?? 0n, 144);
  buffer.writeBigUInt64LE(value.debugreg2 ?? 0n, 152);
  buffer.writeBigUInt64LE(value.debugreg3 ?? 0n, 160);
  buffer.writeBigUInt64LE(value.debugreg6 ?? 0n, 168);
  buffer.writeBigUInt64LE(value.debugreg7 ?? 0n, 176);
  buffer.writeUInt8(value.usesDebug ?? 0, 184);
  buffer.writeUInt8(value.usedMath ?? 0, 185);
  buffer.writeUInt8(value.hasFxsr ?? 0, 186);
  value.pad?.copy(buffer, 187, 0, 5);
  value.fxsave?.copy(buffer, 192, 0, 512);
  return buffer;
}

/** TAIL. */
export interface CrTail {
  /** TAIL_MAGIC */
  magic: number;
  /** 1 and 1 */
  cksum: number[];
}
export const CR_TAIL_BYTES = 12;
/** Reads a cr_tail at a byte offset. RangeError when the buffer is too short. */
export function decodeCrTail(buffer: Buffer, at = 0): CrTail {
  return {
    magic: buffer.readUInt32LE(at),
    cksum: Array.from({ length: 2 }, (_, i) => buffer.readUInt32LE(at + 4 + 4 * i)),
  };
}
/** The 12 bytes of a cr_tail; what is left out is zero. */
export function encodeCrTail(value: Partial<CrTail>): Buffer {
  const buffer = Buffer.alloc(12);
  buffer.writeUInt32LE(value.magic ?? 0, 0);
  value.cksum?.forEach((v, i) => buffer.writeUInt32LE(v, 4 + 4 * i));
  return buffer;
}

/** Header of every version-2 record after HEAD. */
export interface Cr2Hdr {
  /** record number */
  type: number;
  /** REC_ bits */
  flags: number;
  /** payload bytes */
  len: number;
  /** pid of the task, tid of the thread, 0 for records of the whole image */
  id: number;
}
export const CR2_HDR_BYTES = 16;
/** Reads a cr2_hdr at a byte offset. RangeError when the buffer is too short. */
export function decodeCr2Hdr(buffer: Buffer, at = 0): Cr2Hdr {
  return {
    type: buffer.readUInt32LE(at),
    flags: buffer.readUInt32LE(at + 4),
    len: buffer.readUInt32LE(at + 8),
    id: buffer.readUInt32LE(at + 12),
  };
}
/** The 16 bytes of a cr2_hdr; what is left out is zero. */
export function encodeCr2Hdr(value: Partial<Cr2Hdr>): Buffer {
  const buffer = Buffer.alloc(16);
  buffer.writeUInt32LE(value.type ?? 0, 0);
  buffer.writeUInt32LE(value.flags ?? 0, 4);
  buffer.writeUInt32LE(value.len ?? 0, 8);
  buffer.writeUInt32LE(value.id ?? 0, 12);
  return buffer;
}

/** MACHINE: where and when the image was made. Once, right after HEAD. */
export interface Cr2Machine {
  /** 4096 */
  pageBytes: number;
  /** TASK2 records in the image */
  taskCount: number;
  /** XCR0: the state components that the machine had switched on */
  xfeatures: bigint;
  /** size of an XSAVE area with all of them */
  xsaveBytes: number;
  /** feature words: leaf 1 ecx, edx; leaf 7.0 ebx, ecx, edx; leaf 0x80000001 ecx */
  cpuid: number[];
  /** 0 */
  reserved: number;
  /** CLOCK_REALTIME at the checkpoint */
  realtimeNs: bigint;
  /** CLOCK_MONOTONIC */
  monotonicNs: bigint;
  /** CLOCK_BOOTTIME */
  boottimeNs: bigint;
  /** /proc/sys/kernel/random/boot_id */
  bootId: Buffer;
  /** uname -r */
  kernelRelease: string;
  /** uname -n */
  hostname: string;
  /** name and version of the program or kernel that wrote the image */
  writer: string;
}
export const CR2_MACHINE_BYTES = 304;
/** Reads a cr2_machine at a byte offset. RangeError when the buffer is too short. */
export function decodeCr2Machine(buffer: Buffer, at = 0): Cr2Machine {
  return {
    pageBytes: buffer.readUInt32LE(at),
    taskCount: buffer.readUInt32LE(at + 4),
    xfeatures: buffer.readBigUInt64LE(at + 8),
    xsaveBytes: buffer.readUInt32LE(at + 16),
    cpuid: Array.from({ length: 6 }, (_, i) => buffer.readUInt32LE(at + 20 + 4 * i)),
    reserved: buffer.readUInt32LE(at + 44),
    realtimeNs: buffer.readBigInt64LE(at + 48),
    monotonicNs: buffer.readBigInt64LE(at + 56),
    boottimeNs: buffer.readBigInt64LE(at + 64),
    bootId: buffer.subarray(at + 72, at + 88),
    kernelRelease: text(buffer, at + 88, 72),
    hostname: text(buffer, at + 160, 72),
    writer: text(buffer, at + 232, 72),
  };
}
/** The 304 bytes of a cr2_machine; what is left out is zero. */
export function encodeCr2Machine(value: Partial<Cr2Machine>): Buffer {
  const buffer = Buffer.alloc(304);
  buffer.writeUInt32LE(value.pageBytes ?? 0, 0);
  buffer.writeUInt32LE(value.taskCount ?? 0, 4);
  buffer.writeBigUInt64LE(value.xfeatures ?? 0n, 8);
  buffer.writeUInt32LE(value.xsaveBytes ?? 0, 16);
  value.cpuid?.forEach((v, i) => buffer.writeUInt32LE(v, 20 + 4 * i));
  buffer.writeUInt32LE(value.reserved ?? 0, 44);
  buffer.writeBigInt64LE(value.realtimeNs ?? 0n, 48);
  buffer.writeBigInt64LE(value.monotonicNs ?? 0n, 56);
  buffer.writeBigInt64LE(value.boottimeNs ?? 0n, 64);
  value.bootId?.copy(buffer, 72, 0, 16);
  if (value.kernelRelease !== undefined) buffer.write(value.kernelRelease, 88, 72, 'latin1');
  if (value.hostname !== undefined) buffer.write(value.hostname, 160, 72, 'latin1');
  if (value.writer !== undefined) buffer.write(value.writer, 232, 72, 'latin1');
  return buffer;
}

/** TASK2: a process. What follows, up to the next TASK2 or TAIL2, is its own. */
export interface Cr2Task {
  pid: number;
  parentPid: number;
  /** process group */
  pgid: number;
  /** session */
  sid: number;
  /** THREAD2 records of this task */
  threadCount: number;
  /** STATE_ */
  state: number;
  /** signal to the parent at exit */
  exitSignal: number;
  personality: number;
  umask: number;
  /** PR_GET_DUMPABLE */
  dumpable: number;
  noNewPrivs: number;
  childSubreaper: number;
  /** PR_GET_THP_DISABLE */
  thpDisable: number;
  oomScoreAdj: number;
  /** PR_GET_PDEATHSIG */
  pdeathsig: number;
  /** FILE records of this task */
  fileCount: number;
  utimeTicks: bigint;
  stimeTicks: bigint;
  /** since boot */
  startTicks: bigint;
  timerslackNs: bigint;
  /** command name */
  comm: string;
  /** of the three above */
  clockTicksPerSec: number;
  /** 0 */
  reserved: number;
}
export const CR2_TASK_BYTES = 120;
/** Reads a cr2_task at a byte offset. RangeError when the buffer is too short. */
export function decodeCr2Task(buffer: Buffer, at = 0): Cr2Task {
  return {
    pid: buffer.readUInt32LE(at),
    parentPid: buffer.readUInt32LE(at + 4),
    pgid: buffer.readUInt32LE(at + 8),
    sid: buffer.readUInt32LE(at + 12),
    threadCount: buffer.readUInt32LE(at + 16),
    state: buffer.readUInt32LE(at + 20),
    exitSignal: buffer.readUInt32LE(at + 24),
    personality: buffer.readUInt32LE(at + 28),
    umask: buffer.readUInt32LE(at + 32),
    dumpable: buffer.readUInt32LE(at + 36),
    noNewPrivs: buffer.readUInt32LE(at + 40),
    childSubreaper: buffer.readUInt32LE(at + 44),
    thpDisable: buffer.readUInt32LE(at + 48),
    oomScoreAdj: buffer.readInt32LE(at + 52),
    pdeathsig: buffer.readInt32LE(at + 56),
    fileCount: buffer.readUInt32LE(at + 60),
    utimeTicks: buffer.readBigUInt64LE(at + 64),
    stimeTicks: buffer.readBigUInt64LE(at + 72),
    startTicks: buffer.readBigUInt64LE(at + 80),
    timerslackNs: buffer.readBigUInt64LE(at + 88),
    comm: text(buffer, at + 96, 16),
    clockTicksPerSec: buffer.readUInt32LE(at + 112),
    reserved: buffer.readUInt32LE(at + 116),
  };
}
/** The 120 bytes of a cr2_task; what is left out is zero. */
export function encodeCr2Task(value: Partial<Cr2Task>): Buffer {
  const buffer = Buffer.alloc(120);
  buffer.writeUInt32LE(value.pid ?? 0, 0);
  buffer.writeUInt32LE(value.parentPid ?? 0, 4);
  buffer.writeUInt32LE(value.pgid ?? 0, 8);
  buffer.writeUInt32LE(value.sid ?? 0, 12);
  buffer.writeUInt32LE(value.threadCount ?? 0, 16);
  buffer.writeUInt32LE(value.state ?? 0, 20);
  buffer.writeUInt32LE(value.exitSignal ?? 0, 24);
  buffer.writeUInt32LE(value.personality ?? 0, 28);
  buffer.writeUInt32LE(value.umask ?? 0, 32);
  buffer.writeUInt32LE(value.dumpable ?? 0, 36);
  buffer.writeUInt32LE(value.noNewPrivs ?? 0, 40);
  buffer.writeUInt32LE(value.childSubreaper ?? 0, 44);
  buffer.writeUInt32LE(value.thpDisable ?? 0, 48);
  buffer.writeInt32LE(value.oomScoreAdj ?? 0, 52);
  buffer.writeInt32LE(value.pdeathsig ?? 0, 56);
  buffer.writeUInt32LE(value.fileCount ?? 0, 60);
  buffer.writeBigUInt64LE(value.utimeTicks ?? 0n, 64);
  buffer.writeBigUInt64LE(value.stimeTicks ?? 0n, 72);
  buffer.writeBigUInt64LE(value.startTicks ?? 0n, 80);
  buffer.writeBigUInt64LE(value.timerslackNs ?? 0n, 88);
  if (value.comm !== undefined) buffer.write(value.comm, 96, 16, 'latin1');
  buffer.writeUInt32LE(value.clockTicksPerSec ?? 0, 112);
  buffer.writeUInt32LE(value.reserved ?? 0, 116);
  return buffer;
}

/** CREDS: for show and for checks; a restart never raises what the restarter has. */
export interface Cr2Creds {
  /** real, effective, saved, file system */
  uid: number[];
  /** likewise */
  gid: number[];
  capInheritable: bigint;
  capPermitted: bigint;
  capEffective: bigint;
  capBounding: bigint;
  capAmbient: bigint;
  securebits: number;
  /** supplementary groups that follow */
  groupCount: number;
}
export const CR2_CREDS_BYTES = 80;
/** Reads a cr2_creds at a byte offset. RangeError when the buffer is too short. */
export function decodeCr2Creds(buffer: Buffer, at = 0): Cr2Creds {
  return {
    uid: Array.from({ length: 4 }, (_, i) => buffer.readUInt32LE(at + 4 * i)),
    gid: Array.from({ length: 4 }, (_, i) => buffer.readUInt32LE(at + 16 + 4 * i)),
    capInheritable: buffer.readBigUInt64LE(at + 32),
    capPermitted: buffer.readBigUInt64LE(at + 40),
    capEffective: buffer.readBigUInt64LE(at + 48),
    capBounding: buffer.readBigUInt64LE(at + 56),
    capAmbient: buffer.readBigUInt64LE(at + 64),
    securebits: buffer.readUInt32LE(at + 72),
    groupCount: buffer.readUInt32LE(at + 76),
  };
}
/** The 80 bytes of a cr2_creds; what is left out is zero. */
export function encodeCr2Creds(value: Partial<Cr2Creds>): Buffer {
  const buffer = Buffer.alloc(80);
  value.uid?.forEach((v, i) => buffer.writeUInt32LE(v, 0 + 4 * i));
  value.gid?.forEach((v, i) => buffer.writeUInt32LE(v, 16 + 4 * i));
  buffer.writeBigUInt64LE(value.capInheritable ?? 0n, 32);
  buffer.writeBigUInt64LE(value.capPermitted ?? 0n, 40);
  buffer.writeBigUInt64LE(value.capEffective ?? 0n, 48);
  buffer.writeBigUInt64LE(value.capBounding ?? 0n, 56);
  buffer.writeBigUInt64LE(value.capAmbient ?? 0n, 64);
  buffer.writeUInt32LE(value.securebits ?? 0, 72);
  buffer.writeUInt32LE(value.groupCount ?? 0, 76);
  return buffer;
}

/** RLIMITS. */
export interface Cr2Rlimits {
  /** pairs that follow */
  count: number;
  /** 0 */
  reserved: number;
}
export const CR2_RLIMITS_BYTES = 8;
/** Reads a cr2_rlimits at a byte offset. RangeError when the buffer is too short. */
export function decodeCr2Rlimits(buffer: Buffer, at = 0): Cr2Rlimits {
  return {
    count: buffer.readUInt32LE(at),
    reserved: buffer.readUInt32LE(at + 4),
  };
}
/** The 8 bytes of a cr2_rlimits; what is left out is zero. */
export function encodeCr2Rlimits(value: Partial<Cr2Rlimits>): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeUInt32LE(value.count ?? 0, 0);
  buffer.writeUInt32LE(value.reserved ?? 0, 4);
  return buffer;
}

/** PATH: a file that the task refers to by itself. */
export interface Cr2Path {
  /** PATH_ */
  kind: number;
  /** st_mode */
  mode: number;
  /** st_dev */
  dev: bigint;
  /** st_ino */
  ino: bigint;
  /** st_size */
  size: bigint;
  mtimeSec: bigint;
  mtimeNsec: number;
  pathBytes: number;
  /** 0 */
  reserved: bigint;
}
export const CR2_PATH_BYTES = 56;
/** Reads a cr2_path at a byte offset. RangeError when the buffer is too short. */
export function decodeCr2Path(buffer: Buffer, at = 0): Cr2Path {
  return {
    kind: buffer.readUInt32LE(at),
    mode: buffer.readUInt32LE(at + 4),
    dev: buffer.readBigUInt64LE(at + 8),
    ino: buffer.readBigUInt64LE(at + 16),
    size: buffer.readBigUInt64LE(at + 24),
    mtimeSec: buffer.readBigInt64LE(at + 32),
    mtimeNsec: buffer.readUInt32LE(at + 40),
    pathBytes: buffer.readUInt32LE(at + 44),
    reserved: buffer.readBigUInt64LE(at + 48),
  };
}
/** The 56 bytes of a cr2_path; what is left out is zero. */
export function encodeCr2Path(value: Partial<Cr2Path>): Buffer {
  const buffer = Buffer.alloc(56);
  buffer.writeUInt32LE(value.kind ?? 0, 0);
  buffer.writeUInt32LE(value.mode ?? 0, 4);
  buffer.writeBigUInt64LE(value.dev ?? 0n, 8);
  buffer.writeBigUInt64LE(value.ino ?? 0n, 16);
  buffer.writeBigUInt64LE(value.size ?? 0n, 24);
  buffer.writeBigInt64LE(value.mtimeSec ?? 0n, 32);
  buffer.writeUInt32LE(value.mtimeNsec ?? 0, 40);
  buffer.writeUInt32LE(value.pathBytes ?? 0, 44);
  buffer.writeBigUInt64LE(value.reserved ?? 0n, 48);
  return buffer;
}

/** SIGACTIONS. */
export interface Cr2Sigactions {
  /** entries that follow, 64 */
  count: number;
  /** 0 */
  reserved: number;
}
export const CR2_SIGACTIONS_BYTES = 8;
/** Reads a cr2_sigactions at a byte offset. RangeError when the buffer is too short. */
export function decodeCr2Sigactions(buffer: Buffer, at = 0): Cr2Sigactions {
  return {
    count: buffer.readUInt32LE(at),
    reserved: buffer.readUInt32LE(at + 4),
  };
}
/** The 8 bytes of a cr2_sigactions; what is left out is zero. */
export function encodeCr2Sigactions(value: Partial<Cr2Sigactions>): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeUInt32LE(value.count ?? 0, 0);
  buffer.writeUInt32LE(value.reserved ?? 0, 4);
  return buffer;
}

/** SIGPENDING: id is the pid for those of the process, and it stands before THREAD2; the tid for those of a thread, behind THREAD2. */
export interface Cr2Sigpending {
  /** signals that follow */
  count: number;
  /** 128 */
  siginfoBytes: number;
  /** 0 process, 1 thread */
  ofThread: number;
  /** 0 */
  reserved: number;
}
export const CR2_SIGPENDING_BYTES = 16;
/** Reads a cr2_sigpending at a byte offset. RangeError when the buffer is too short. */
export function decodeCr2Sigpending(buffer: Buffer, at = 0): Cr2Sigpending {
  return {
    count: buffer.readUInt32LE(at),
    siginfoBytes: buffer.readUInt32LE(at + 4),
    ofThread: buffer.readUInt32LE(at + 8),
    reserved: buffer.readUInt32LE(at + 12),
  };
}
/** The 16 bytes of a cr2_sigpending; what is left out is zero. */
export function encodeCr2Sigpending(value: Partial<Cr2Sigpending>): Buffer {
  const buffer = Buffer.alloc(16);
  buffer.writeUInt32LE(value.count ?? 0, 0);
  buffer.writeUInt32LE(value.siginfoBytes ?? 0, 4);
  buffer.writeUInt32LE(value.ofThread ?? 0, 8);
  buffer.writeUInt32LE(value.reserved ?? 0, 12);
  return buffer;
}

/** ITIMERS: ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF, each {interval s, interval us, value s, value us}. */
export interface Cr2Itimers {
  real: bigint[];
  virtual: bigint[];
  prof: bigint[];
}
export const CR2_ITIMERS_BYTES = 96;
/** Reads a cr2_itimers at a byte offset. RangeError when the buffer is too short. */
export function decodeCr2Itimers(buffer: Buffer, at = 0): Cr2Itimers {
  return {
    real: Array.from({ length: 4 }, (_, i) => buffer.readBigUInt64LE(at + 8 * i)),
    virtual: Array.from({ length: 4 }, (_, i) => buffer.readBigUInt64LE(at + 32 + 8 * i)),
    prof: Array.from({ length: 4 }, (_, i) => buffer.readBigUInt64LE(at + 64 + 8 * i)),
  };
}
/** The 96 bytes of a cr2_itimers; what is left out is zero. */
export function encodeCr2Itimers(value: Partial<Cr2Itimers>): Buffer {
  const buffer = Buffer.alloc(96);
  value.real?.forEach((v, i) => buffer.writeBigUInt64LE(v, 0 + 8 * i));
  value.virtual?.forEach((v, i) => buffer.writeBigUInt64LE(v, 32 + 8 * i));
  value.prof?.forEach((v, i) => buffer.writeBigUInt64LE(v, 64 + 8 * i));
  return buffer;
}

/** POSIX_TIMER: one timer_create. */
export interface Cr2PosixTimer {
  timerId: number;
  clockId: number;
  signo: number;
  /** SIGEV_ */
  notify: number;
  sigval: bigint;
  /** with SIGEV_THREAD_ID */
  notifyTid: number;
  overrun: number;
  intervalSec: bigint;
  intervalNsec: bigint;
  /** time left; 0 and 0: not armed */
  valueSec: bigint;
  valueNsec: bigint;
  /** 0 */
  reserved: bigint;
  /** 0 */
  reserved1: bigint;
}
export const CR2_POSIX_TIMER_BYTES = 80;
/** Reads a cr2_posix_timer at a byte offset. RangeError when the buffer is too short. */
export function decodeCr2PosixTimer(buffer: Buffer, at = 0): Cr2PosixTimer {
  return {
    timerId: buffer.readInt32LE(at),
    clockId: buffer.readInt32LE(at + 4),
    signo: buffer.readInt32LE(at + 8),
    notify: buffer.readInt32LE(at + 12),
    sigval: buffer.readBigUInt64LE(at + 16),
    notifyTid: buffer.readInt32LE(at + 24),
    overrun: buffer.readUInt32LE(at + 28),
    intervalSec: buffer.readBigInt64LE(at + 32),
    intervalNsec: buffer.readBigInt64LE(at + 40),
    valueSec: buffer.readBigInt64LE(at + 48),
    valueNsec: buffer.readBigInt64LE(at + 56),
    reserved: buffer.readBigUInt64LE(at + 64),
    reserved1: buffer.readBigUInt64LE(at + 72),
  };
}
/** The 80 bytes of a cr2_posix_timer; what is left out is zero. */
export function encodeCr2PosixTimer(value: Partial<Cr2PosixTimer>): Buffer {
  const buffer = Buffer.alloc(80);
  buffer.writeInt32LE(value.timerId ?? 0, 0);
  buffer.writeInt32LE(value.clockId ?? 0, 4);
  buffer.writeInt32LE(value.signo ?? 0, 8);
  buffer.writeInt32LE(value.notify ?? 0, 12);
  buffer.writeBigUInt64LE(value.sigval ?? 0n, 16);
  buffer.writeInt32LE(value.notifyTid ?? 0, 24);
  buffer.writeUInt32LE(value.overrun ?? 0, 28);
  buffer.writeBigInt64LE(value.intervalSec ?? 0n, 32);
  buffer.writeBigInt64LE(value.intervalNsec ?? 0n, 40);
  buffer.writeBigInt64LE(value.valueSec ?? 0n, 48);
  buffer.writeBigInt64LE(value.valueNsec ?? 0n, 56);
  buffer.writeBigUInt64LE(value.reserved ?? 0n, 64);
  buffer.writeBigUInt64LE(value.reserved1 ?? 0n, 72);
  return buffer;
}

/** FILE: an open file descriptor. */
export interface Cr2File {
  fd: number;
  /** FILE_ */
  kind: number;
  /** O_ flags of the open file description */
  flags: number;
  /** FD_CLOEXEC */
  fdFlags: number;
  /** a lower descriptor with the same open file description, or -1 */
  sameAs: number;
  /** st_mode */
  mode: number;
  offset: bigint;
  /** st_dev */
  dev: bigint;
  /** st_ino */
  ino: bigint;
  /** st_rdev */
  rdev: bigint;
  /** st_size */
  size: bigint;
  mtimeSec: bigint;
  mtimeNsec: number;
  pathBytes: number;
  /** 0 */
  reserved: bigint;
}
export const CR2_FILE_BYTES = 88;
/** Reads a cr2_file at a byte offset. RangeError when the buffer is too short. */
export function decodeCr2File(buffer: Buffer, at = 0): Cr2File {
  return {
    fd: buffer.readInt32LE(at),
    kind: buffer.readUInt32LE(at + 4),
    flags: buffer.readUInt32LE(at + 8),
    fdFlags: buffer.readUInt32LE(at + 12),
    sameAs: buffer.readInt32LE(at + 16),
    mode: buffer.readUInt32LE(at + 20),
    offset: buffer.readBigUInt64LE(at + 24),
    dev: buffer.readBigUInt64LE(at + 32),
    ino: buffer.readBigUInt64LE(at + 40),
    rdev: buffer.readBigUInt64LE(at + 48),
    size: buffer.readBigUInt64LE(at + 56),
    mtimeSec: buffer.readBigInt64LE(at + 64),
    mtimeNsec: buffer.readUInt32LE(at + 72),
    pathBytes: buffer.readUInt32LE(at + 76),
    reserved: buffer.readBigUInt64LE(at + 80),
  };
}
/** The 88 bytes of a cr2_file; what is left out is zero. */
export function encodeCr2File(value: Partial<Cr2File>): Buffer {
  const buffer = Buffer.alloc(88);
  buffer.writeInt32LE(value.fd ?? 0, 0);
  buffer.writeUInt32LE(value.kind ?? 0, 4);
  buffer.writeUInt32LE(value.flags ?? 0, 8);
  buffer.writeUInt32LE(value.fdFlags ?? 0, 12);
  buffer.writeInt32LE(value.sameAs ?? 0, 16);
  buffer.writeUInt32LE(value.mode ?? 0, 20);
  buffer.writeBigUInt64LE(value.offset ?? 0n, 24);
  buffer.writeBigUInt64LE(value.dev ?? 0n, 32);
  buffer.writeBigUInt64LE(value.ino ?? 0n, 40);
  buffer.writeBigUInt64LE(value.rdev ?? 0n, 48);
  buffer.writeBigUInt64LE(value.size ?? 0n, 56);
  buffer.writeBigInt64LE(value.mtimeSec ?? 0n, 64);
  buffer.writeUInt32LE(value.mtimeNsec ?? 0, 72);
  buffer.writeUInt32LE(value.pathBytes ?? 0, 76);
  buffer.writeBigUInt64LE(value.reserved ?? 0n, 80);
  return buffer;
}

/** MM2. */
export interface Cr2Mm {
  startCode: bigint;
  endCode: bigint;
  startData: bigint;
  endData: bigint;
  startBrk: bigint;
  brk: bigint;
  startStack: bigint;
  argStart: bigint;
  argEnd: bigint;
  envStart: bigint;
  envEnd: bigint;
  /** VMA2_F_ bits that mlockall(MCL_FUTURE) gave to new mappings */
  defFlags: bigint;
  /** VMA2 records of this task */
  mapCount: number;
  auxvBytes: number;
  /** 0 */
  reserved: bigint;
}
export const CR2_MM_BYTES = 112;
/** Reads a cr2_mm at a byte offset. RangeError when the buffer is too short. */
export function decodeCr2Mm(buffer: Buffer, at = 0): Cr2Mm {
  return {
    startCode: buffer.readBigUInt64LE(at),
    endCode: buffer.readBigUInt64LE(at + 8),
    startData: buffer.readBigUInt64LE(at + 16),
    endData: buffer.readBigUInt64LE(at + 24),
    startBrk: buffer.readBigUInt64LE(at + 32),
    brk: buffer.readBigUInt64LE(at + 40),
    startStack: buffer.readBigUInt64LE(at + 48),
    argStart: buffer.readBigUInt64LE(at + 56),
    argEnd: buffer.readBigUInt64LE(at + 64),
    envStart: buffer.readBigUInt64LE(at + 72),
    envEnd: buffer.readBigUInt64LE(at + 80),
    defFlags: buffer.readBigUInt64LE(at + 88),
    mapCount: buffer.readUInt32LE(at + 96),
    auxvBytes: buffer.readUInt32LE(at + 100),
    reserved: buffer.readBigUInt64LE(at + 104),
  };
}
/** The 112 bytes of a cr2_mm; what is left out is zero. */
export function encodeCr2Mm(value: Partial<Cr2Mm>): Buffer {
  const buffer = Buffer.alloc(112);
  buffer.writeBigUInt64LE(value.startCode ?? 0n, 0);
  buffer.writeBigUInt64LE(value.endCode ?? 0n, 8);
  buffer.writeBigUInt64LE(value.startData ?? 0n, 16);
  buffer.writeBigUInt64LE(value.endData ?? 0n, 24);
  buffer.writeBigUInt64LE(value.startBrk ?? 0n, 32);
  buffer.writeBigUInt64LE(value.brk ?? 0n, 40);
  buffer.writeBigUInt64LE(value.startStack ?? 0n, 48);
  buffer.writeBigUInt64LE(value.argStart ?? 0n, 56);
  buffer.writeBigUInt64LE(value.argEnd ?? 0n, 64);
  buffer.writeBigUInt64LE(value.envStart ?? 0n, 72);
  buffer.writeBigUInt64LE(value.envEnd ?? 0n, 80);
  buffer.writeBigUInt64LE(value.defFlags ?? 0n, 88);
  buffer.writeUInt32LE(value.mapCount ?? 0, 96);
  buffer.writeUInt32LE(value.auxvBytes ?? 0, 100);
  buffer.writeBigUInt64LE(value.reserved ?? 0n, 104);
  return buffer;
}

/** VDSO: where the kernel had put its own mappings. Start and bytes are 0 for one that is not there. */
export interface Cr2Vdso {
  vdsoStart: bigint;
  vdsoBytes: bigint;
  vvarStart: bigint;
  vvarBytes: bigint;
  vvarVclockStart: bigint;
  vvarVclockBytes: bigint;
  /** CRC32C of the vdso mapping */
  vdsoCrc32c: number;
  /** 0..32 */
  buildIdBytes: number;
  /** GNU build id of the vdso */
  buildId: Buffer;
  /** 0 */
  reserved: bigint;
}
export const CR2_VDSO_BYTES = 96;
/** Reads a cr2_vdso at a byte offset. RangeError when the buffer is too short. */
export function decodeCr2Vdso(buffer: Buffer, at = 0): Cr2Vdso {
  return {
    vdsoStart: buffer.readBigUInt64LE(at),
    vdsoBytes: buffer.readBigUInt64LE(at + 8),
    vvarStart: buffer.readBigUInt64LE(at + 16),
    vvarBytes: buffer.readBigUInt64LE(at + 24),
    vvarVclockStart: buffer.readBigUInt64LE(at + 32),
    vvarVclockBytes: buffer.readBigUInt64LE(at + 40),
    vdsoCrc32c: buffer.readUInt32LE(at + 48),
    buildIdBytes: buffer.readUInt32LE(at + 52),
    buildId: buffer.subarray(at + 56, at + 88),
    reserved: buffer.readBigUInt64LE(at + 88),
  };
}
/** The 96 bytes of a cr2_vdso; what is left out is zero. */
export function encodeCr2Vdso(value: Partial<Cr2Vdso>): Buffer {
  const buffer = Buffer.alloc(96);
  buffer.writeBigUInt64LE(value.vdsoStart ?? 0n, 0);
  buffer.writeBigUInt64LE(value.vdsoBytes ?? 0n, 8);
  buffer.writeBigUInt64LE(value.vvarStart ?? 0n, 16);
  buffer.writeBigUInt64LE(value.vvarBytes ?? 0n, 24);
  buffer.writeBigUInt64LE(value.vvarVclockStart ?? 0n, 32);
  buffer.writeBigUInt64LE(value.vvarVclockBytes ?? 0n, 40);
  buffer.writeUInt32LE(value.vdsoCrc32c ?? 0, 48);
  buffer.writeUInt32LE(value.buildIdBytes ?? 0, 52);
  value.buildId?.copy(buffer, 56, 0, 32);
  buffer.writeBigUInt64LE(value.reserved ?? 0n, 88);
  return buffer;
}

/** VMA2: a mapping. Its PAGES follow it. */
export interface Cr2Vma {
  /** first byte */
  start: bigint;
  /** byte after the last */
  end: bigint;
  /** pages into the file */
  pgoff: bigint;
  /** VMA2_ */
  kind: number;
  /** PROT_ bits */
  prot: number;
  /** VMA2_F_ bits */
  flags: number;
  /** PROT_ bits that mprotect could have given */
  mayProt: number;
  /** st_dev of the file */
  dev: bigint;
  /** st_ino */
  ino: bigint;
  /** st_size */
  fileBytes: bigint;
  mtimeSec: bigint;
  mtimeNsec: number;
  /** st_mode */
  fileMode: number;
  /** 0..32 */
  buildIdBytes: number;
  /** GNU build id of the file where it is an ELF file that has one */
  buildId: Buffer;
  /** 0 for ANON */
  pathBytes: number;
  /** 0 */
  reserved: bigint;
}
export const CR2_VMA_BYTES = 128;
/** Reads a cr2_vma at a byte offset. RangeError when the buffer is too short. */
export function decodeCr2Vma(buffer: Buffer, at = 0): Cr2Vma {
  return {
    start: buffer.readBigUInt64LE(at),
    end: buffer.readBigUInt64LE(at + 8),
    pgoff: buffer.readBigUInt64LE(at + 16),
    kind: buffer.readUInt32LE(at + 24),
    prot: buffer.readUInt32LE(at + 28),
    flags: buffer.readUInt32LE(at + 32),
    mayProt: buffer.readUInt32LE(at + 36),
    dev: buffer.readBigUInt64LE(at + 40),
    ino: buffer.readBigUInt64LE(at + 48),
    fileBytes: buffer.readBigUInt64LE(at + 56),
    mtimeSec: buffer.readBigInt64LE(at + 64),
    mtimeNsec: buffer.readUInt32LE(at + 72),
    fileMode: buffer.readUInt32LE(at + 76),
    buildIdBytes: buffer.readUInt32LE(at + 80),
    buildId: buffer.subarray(at + 84, at + 116),
    pathBytes: buffer.readUInt32LE(at + 116),
    reserved: buffer.readBigUInt64LE(at + 120),
  };
}
/** The 128 bytes of a cr2_vma; what is left out is zero. */
export function encodeCr2Vma(value: Partial<Cr2Vma>): Buffer {
  const buffer = Buffer.alloc(128);
  buffer.writeBigUInt64LE(value.start ?? 0n, 0);
  buffer.writeBigUInt64LE(value.end ?? 0n, 8);
  buffer.writeBigUInt64LE(value.pgoff ?? 0n, 16);
  buffer.writeUInt32LE(value.kind ?? 0, 24);
  buffer.writeUInt32LE(value.prot ?? 0, 28);
  buffer.writeUInt32LE(value.flags ?? 0, 32);
  buffer.writeUInt32LE(value.mayProt ?? 0, 36);
  buffer.writeBigUInt64LE(value.dev ?? 0n, 40);
  buffer.writeBigUInt64LE(value.ino ?? 0n, 48);
  buffer.writeBigUInt64LE(value.fileBytes ?? 0n, 56);
  buffer.writeBigInt64LE(value.mtimeSec ?? 0n, 64);
  buffer.writeUInt32LE(value.mtimeNsec ?? 0, 72);
  buffer.writeUInt32LE(value.fileMode ?? 0, 76);
  buffer.writeUInt32LE(value.buildIdBytes ?? 0, 80);
  value.buildId?.copy(buffer, 84, 0, 32);
  buffer.writeUInt32LE(value.pathBytes ?? 0, 116);
  buffer.writeBigUInt64LE(value.reserved ?? 0n, 120);
  return buffer;
}

/** PAGES: pages of the VMA2 before it, addresses ascending across all its PAGES. */
export interface Cr2Pages {
  /** pages, 1..PAGES_PER_RECORD_MAX */
  count: number;
  /** 0 */
  reserved: number;
  /** 0 */
  reserved1: bigint;
}
export const CR2_PAGES_BYTES = 16;
/** Reads a cr2_pages at a byte offset. RangeError when the buffer is too short. */
export function decodeCr2Pages(buffer: Buffer, at = 0): Cr2Pages {
  return {
    count: buffer.readUInt32LE(at),
    reserved: buffer.readUInt32LE(at + 4),
    reserved1: buffer.readBigUInt64LE(at + 8),
  };
}
/** The 16 bytes of a cr2_pages; what is left out is zero. */
export function encodeCr2Pages(value: Partial<Cr2Pages>): Buffer {
  const buffer = Buffer.alloc(16);
  buffer.writeUInt32LE(value.count ?? 0, 0);
  buffer.writeUInt32LE(value.reserved ?? 0, 4);
  buffer.writeBigUInt64LE(value.reserved1 ?? 0n, 8);
  return buffer;
}

/** LDT: only where the task has one. */
export interface Cr2Ldt {
  /** descriptors that follow, 1..LDT_ENTRIES_MAX */
  count: number;
  /** 0 */
  reserved: number;
}
export const CR2_LDT_BYTES = 8;
/** Reads a cr2_ldt at a byte offset. RangeError when the buffer is too short. */
export function decodeCr2Ldt(buffer: Buffer, at = 0): Cr2Ldt {
  return {
    count: buffer.readUInt32LE(at),
    reserved: buffer.readUInt32LE(at + 4),
  };
}
/** The 8 bytes of a cr2_ldt; what is left out is zero. */
export function encodeCr2Ldt(value: Partial<Cr2Ldt>): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeUInt32LE(value.count ?? 0, 0);
  buffer.writeUInt32LE(value.reserved ?? 0, 4);
  return buffer;
}

/** THREAD2: what follows, up to the next THREAD2, TASK2 or TAIL2, is this thread's own. */
export interface Cr2Thread {
  tid: number;
  /** SCHED_, with SCHED_RESET_ON_FORK */
  schedPolicy: number;
  nice: number;
  schedPriority: number;
  /** blocked signals */
  sigmask: bigint;
  /** sigaltstack */
  altstackSp: bigint;
  altstackBytes: bigint;
  /** SS_ flags */
  altstackFlags: number;
  rseqSig: number;
  /** 0: not registered */
  rseqAddr: bigint;
  rseqBytes: number;
  rseqFlags: number;
  robustListAddr: bigint;
  robustListBytes: bigint;
  clearChildTid: bigint;
  /** 0 */
  schedDeadlineNs: bigint;
  /** ioprio_get */
  ioPriority: number;
  /** 0 */
  reserved: number;
  /** name of the thread */
  comm: string;
  /** 0 */
  reserved1: bigint;
  /** 0 */
  reserved2: bigint;
}
export const CR2_THREAD_BYTES = 136;
/** Reads a cr2_thread at a byte offset. RangeError when the buffer is too short. */
export function decodeCr2Thread(buffer: Buffer, at = 0): Cr2Thread {
  return {
    tid: buffer.readUInt32LE(at),
    schedPolicy: buffer.readUInt32LE(at + 4),
    nice: buffer.readInt32LE(at + 8),
    schedPriority: buffer.readUInt32LE(at + 12),
    sigmask: buffer.readBigUInt64LE(at + 16),
    altstackSp: buffer.readBigUInt64LE(at + 24),
    altstackBytes: buffer.readBigUInt64LE(at + 32),
    altstackFlags: buffer.readUInt32LE(at + 40),
    rseqSig: buffer.readUInt32LE(at + 44),
    rseqAddr: buffer.readBigUInt64LE(at + 48),
    rseqBytes: buffer.readUInt32LE(at + 56),
    rseqFlags: buffer.readUInt32LE(at + 60),
    robustListAddr: buffer.readBigUInt64LE(at + 64),
    robustListBytes: buffer.readBigUInt64LE(at + 72),
    clearChildTid: buffer.readBigUInt64LE(at + 80),
    schedDeadlineNs: buffer.readBigUInt64LE(at + 88),
    ioPriority: buffer.readUInt32LE(at + 96),
    reserved: buffer.readUInt32LE(at + 100),
    comm: text(buffer, at + 104, 16),
    reserved1: buffer.readBigUInt64LE(at + 120),
    reserved2: buffer.readBigUInt64LE(at + 128),
  };
}
/** The 136 bytes of a cr2_thread; what is left out is zero. */
export function encodeCr2Thread(value: Partial<Cr2Thread>): Buffer {
  const buffer = Buffer.alloc(136);
  buffer.writeUInt32LE(value.tid ?? 0, 0);
  buffer.writeUInt32LE(value.schedPolicy ?? 0, 4);
  buffer.writeInt32LE(value.nice ?? 0, 8);
  buffer.writeUInt32LE(value.schedPriority ?? 0, 12);
  buffer.writeBigUInt64LE(value.sigmask ?? 0n, 16);
  buffer.writeBigUInt64LE(value.altstackSp ?? 0n, 24);
  buffer.writeBigUInt64LE(value.altstackBytes ?? 0n, 32);
  buffer.writeUInt32LE(value.altstackFlags ?? 0, 40);
  buffer.writeUInt32LE(value.rseqSig ?? 0, 44);
  buffer.writeBigUInt64LE(value.rseqAddr ?? 0n, 48);
  buffer.writeUInt32LE(value.rseqBytes ?? 0, 56);
  buffer.writeUInt32LE(value.rseqFlags ?? 0, 60);
  buffer.writeBigUInt64LE(value.robustListAddr ?? 0n, 64);
  buffer.writeBigUInt64LE(value.robustListBytes ?? 0n, 72);
  buffer.writeBigUInt64LE(value.clearChildTid ?? 0n, 80);
  buffer.writeBigUInt64LE(value.schedDeadlineNs ?? 0n, 88);
  buffer.writeUInt32LE(value.ioPriority ?? 0, 96);
  buffer.writeUInt32LE(value.reserved ?? 0, 100);
  if (value.comm !== undefined) buffer.write(value.comm, 104, 16, 'latin1');
  buffer.writeBigUInt64LE(value.reserved1 ?? 0n, 120);
  buffer.writeBigUInt64LE(value.reserved2 ?? 0n, 128);
  return buffer;
}

/** REGS: general registers in the order of struct user_regs_struct, and debug registers. */
export interface Cr2Regs {
  r15: bigint;
  r14: bigint;
  r13: bigint;
  r12: bigint;
  bp: bigint;
  bx: bigint;
  r11: bigint;
  r10: bigint;
  r9: bigint;
  r8: bigint;
  ax: bigint;
  cx: bigint;
  dx: bigint;
  si: bigint;
  di: bigint;
  origAx: bigint;
  ip: bigint;
  cs: bigint;
  flags: bigint;
  sp: bigint;
  ss: bigint;
  fsBase: bigint;
  gsBase: bigint;
  ds: bigint;
  es: bigint;
  fs: bigint;
  gs: bigint;
  debugreg0: bigint;
  debugreg1: bigint;
  debugreg2: bigint;
  debugreg3: bigint;
  debugreg6: bigint;
  debugreg7: bigint;
  usesDebug: number;
  /** 0 */
  reserved: number;
  /** 0 */
  reserved1: bigint;
}
export const CR2_REGS_BYTES = 280;
/** Reads a cr2_regs at a byte offset. RangeError when the buffer is too short. */
export function decodeCr2Regs(buffer: Buffer, at = 0): Cr2Regs {
  return {
    r15: buffer.readBigUInt64LE(at),
    r14: buffer.readBigUInt64LE(at + 8),
    r13: buffer.readBigUInt64LE(at + 16),
    r12: buffer.readBigUInt64LE(at + 24),
    bp: buffer.readBigUInt64LE(at + 32),
    bx: buffer.readBigUInt64LE(at + 40),
    r11: buffer.readBigUInt64LE(at + 48),
    r10: buffer.readBigUInt64LE(at + 56),
    r9: buffer.readBigUInt64LE(at + 64),
    r8: buffer.readBigUInt64LE(at + 72),
    ax: buffer.readBigUInt64LE(at + 80),
    cx: buffer.readBigUInt64LE(at + 88),
    dx: buffer.readBigUInt64LE(at + 96),
    si: buffer.readBigUInt64LE(at + 104),
    di: buffer.readBigUInt64LE(at + 112),
    origAx: buffer.readBigUInt64LE(at + 120),
    ip: buffer.readBigUInt64LE(at + 128),
    cs: buffer.readBigUInt64LE(at + 136),
    flags: buffer.readBigUInt64LE(at + 144),
    sp: buffer.readBigUInt64LE(at + 152),
    ss: buffer.readBigUInt64LE(at + 160),
    fsBase: buffer.readBigUInt64LE(at + 168),
    gsBase: buffer.readBigUInt64LE(at + 176),
    ds: buffer.readBigUInt64LE(at + 184),
    es: buffer.readBigUInt64LE(at + 192),
    fs: buffer.readBigUInt64LE(at + 200),
    gs: buffer.readBigUInt64LE(at + 208),
    debugreg0: buffer.readBigUInt64LE(at + 216),
    debugreg1: buffer.readBigUInt64LE(at + 224),
    debugreg2: buffer.readBigUInt64LE(at + 232),
    debugreg3: buffer.readBigUInt64LE(at + 240),
    debugreg6: buffer.readBigUInt64LE(at + 248),
    debugreg7: buffer.readBigUInt64LE(at + 256),
    usesDebug: buffer.readUInt32LE(at + 264),
    reserved: buffer.readUInt32LE(at + 268),
    reserved1: buffer.readBigUInt64LE(at + 272),
  };
}
/** The 280 bytes of a cr2_regs; what is left out is zero. */
export function encodeCr2Regs(value: Partial<Cr2Regs>): Buffer {
  const buffer = Buffer.alloc(280);
  buffer.writeBigUInt64LE(value.r15 ?? 0n, 0);
  buffer.writeBigUInt64LE(value.r14 ?? 0n, 8);
  buffer.writeBigUInt64LE(value.r13 ?? 0n, 16);
  buffer.writeBigUInt64LE(value.r12 ?? 0n, 24);
  buffer.writeBigUInt64LE(value.bp ?? 0n, 32);
  buffer.writeBigUInt64LE(value.bx ?? 0n, 40);
  buffer.writeBigUInt64LE(value.r11 ?? 0n, 48);
  buffer.writeBigUInt64LE(value.r10 ?? 0n, 56);
  buffer.writeBigUInt64LE(value.r9 ?? 0n, 64);
  buffer.writeBigUInt64LE(value.r8 ?? 0n, 72);
  buffer.writeBigUInt64LE(value.ax ?? 0n, 80);
  buffer.writeBigUInt64LE(value.cx ?? 0n, 88);
  buffer.writeBigUInt64LE(value.dx ?? 0n, 96);
  buffer.writeBigUInt64LE(value.si ?? 0n, 104);
  buffer.writeBigUInt64LE(value.di ?? 0n, 112);
  buffer.writeBigUInt64LE(value.origAx ?? 0n, 120);
  buffer.writeBigUInt64LE(value.ip ?? 0n, 128);
  buffer.writeBigUInt64LE(value.cs ?? 0n, 136);
  buffer.writeBigUInt64LE(value.flags ?? 0n, 144);
  buffer.writeBigUInt64LE(value.sp ?? 0n, 152);
  buffer.writeBigUInt64LE(value.ss ?? 0n, 160);
  buffer.writeBigUInt64LE(value.fsBase ?? 0n, 168);
  buffer.writeBigUInt64LE(value.gsBase ?? 0n, 176);
  buffer.writeBigUInt64LE(value.ds ?? 0n, 184);
  buffer.writeBigUInt64LE(value.es ?? 0n, 192);
  buffer.writeBigUInt64LE(value.fs ?? 0n, 200);
  buffer.writeBigUInt64LE(value.gs ?? 0n, 208);
  buffer.writeBigUInt64LE(value.debugreg0 ?? 0n, 216);
  buffer.writeBigUInt64LE(value.debugreg1 ?? 0n, 224);
  buffer.writeBigUInt64LE(value.debugreg2 ?? 0n, 232);
  buffer.writeBigUInt64LE(value.debugreg3 ?? 0n, 240);
  buffer.writeBigUInt64LE(value.debugreg6 ?? 0n, 248);
  buffer.writeBigUInt64LE(value.debugreg7 ?? 0n, 256);
  buffer.writeUInt32LE(value.usesDebug ?? 0, 264);
  buffer.writeUInt32LE(value.reserved ?? 0, 268);
  buffer.writeBigUInt64LE(value.reserved1 ?? 0n, 272);
  return buffer;
}

/** XSTATE. */
export interface Cr2Xstate {
  /** XCR0 of the machine */
  xfeatures: bigint;
  /** components in the area that are not in their initial state */
  xstateBv: bigint;
  areaBytes: number;
  /** 0 */
  reserved: number;
}
export const CR2_XSTATE_BYTES = 24;
/** Reads a cr2_xstate at a byte offset. RangeError when the buffer is too short. */
export function decodeCr2Xstate(buffer: Buffer, at = 0): Cr2Xstate {
  return {
    xfeatures: buffer.readBigUInt64LE(at),
    xstateBv: buffer.readBigUInt64LE(at + 8),
    areaBytes: buffer.readUInt32LE(at + 16),
    reserved: buffer.readUInt32LE(at + 20),
  };
}
/** The 24 bytes of a cr2_xstate; what is left out is zero. */
export function encodeCr2Xstate(value: Partial<Cr2Xstate>): Buffer {
  const buffer = Buffer.alloc(24);
  buffer.writeBigUInt64LE(value.xfeatures ?? 0n, 0);
  buffer.writeBigUInt64LE(value.xstateBv ?? 0n, 8);
  buffer.writeUInt32LE(value.areaBytes ?? 0, 16);
  buffer.writeUInt32LE(value.reserved ?? 0, 20);
  return buffer;
}

/** TLS: GDT entries set by set_thread_area; only where one is set. */
export interface Cr2Tls {
  /** 3 */
  count: number;
  /** GDT entry of the first */
  firstEntry: number;
}
export const CR2_TLS_BYTES = 8;
/** Reads a cr2_tls at a byte offset. RangeError when the buffer is too short. */
export function decodeCr2Tls(buffer: Buffer, at = 0): Cr2Tls {
  return {
    count: buffer.readUInt32LE(at),
    firstEntry: buffer.readUInt32LE(at + 4),
  };
}
/** The 8 bytes of a cr2_tls; what is left out is zero. */
export function encodeCr2Tls(value: Partial<Cr2Tls>): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeUInt32LE(value.count ?? 0, 0);
  buffer.writeUInt32LE(value.firstEntry ?? 0, 4);
  return buffer;
}

/** TAIL2: the last record. An image without it does not exist. */
export interface Cr2Tail {
  /** TAIL2_MAGIC */
  magic: number;
  /** CRC32C of every byte of the image before this record's header */
  crc32c: number;
  /** count of those bytes */
  bytes: bigint;
  /** pages in all PAGES records */
  pages: bigint;
  /** records before this one, HEAD included */
  records: bigint;
  /** 0 */
  reserved: bigint;
}
export const CR2_TAIL_BYTES = 40;
/** Reads a cr2_tail at a byte offset. RangeError when the buffer is too short. */
export function decodeCr2Tail(buffer: Buffer, at = 0): Cr2Tail {
  return {
    magic: buffer.readUInt32LE(at),
    crc32c: buffer.readUInt32LE(at + 4),
    bytes: buffer.readBigUInt64LE(at + 8),
    pages: buffer.readBigUInt64LE(at + 16),
    records: buffer.readBigUInt64LE(at + 24),
    reserved: buffer.readBigUInt64LE(at + 32),
  };
}
/** The 40 bytes of a cr2_tail; what is left out is zero. */
export function encodeCr2Tail(value: Partial<Cr2Tail>): Buffer {
  const buffer = Buffer.alloc(40);
  buffer.writeUInt32LE(value.magic ?? 0, 0);
  buffer.writeUInt32LE(value.crc32c ?? 0, 4);
  buffer.writeBigUInt64LE(value.bytes ?? 0n, 8);
  buffer.writeBigUInt64LE(value.pages ?? 0n, 16);
  buffer.writeBigUInt64LE(value.records ?? 0n, 24);
  buffer.writeBigUInt64LE(value.reserved ?? 0n, 32);
  return buffer;
}
