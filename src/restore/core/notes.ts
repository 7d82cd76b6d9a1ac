// SPDX-License-Identifier: Apache-2.0
//
// The notes of an ELF core as Linux on x86-64 writes them (include/uapi/linux/elf.h, fs/binfmt_elf.c): what a debugger knows of a
// task that is not its memory. Structs of the kernel's ABI, not of this project's formats.
import type { TaskView, ThreadView, VmaEntry } from '../../store/index.js';

const NT_PRSTATUS = 1;
const NT_FPREGSET = 2;
const NT_PRPSINFO = 3;
const NT_AUXV = 6;
const NT_SIGINFO = 0x53494749;
const NT_FILE = 0x46494c45;
const NT_X86_XSTATE = 0x202;

const PRSTATUS_BYTES = 336;
const PRPSINFO_BYTES = 136;
const SIGINFO_BYTES = 128;
const FXSAVE_BYTES = 512;

/** struct user_regs_struct, in its order. */
const userRegs = [
  'r15',
  'r14',
  'r13',
  'r12',
  'rbp',
  'rbx',
  'r11',
  'r10',
  'r9',
  'r8',
  'rax',
  'rcx',
  'rdx',
  'rsi',
  'rdi',
  'orig_rax',
  'rip',
  'cs',
  'rflags',
  'rsp',
  'ss',
  'fs_base',
  'gs_base',
  'ds',
  'es',
  'fs',
  'gs',
] as const;

/** The contents of the PT_NOTE segment: the first thread's notes with those of the process among them, then the other threads'. */
export function coreNotes(task: TaskView, vmas: readonly VmaEntry[]): Buffer {
  const [first, ...others] = task.threads;
  const ofProcess = [
    note('CORE', NT_PRPSINFO, prpsinfo(task)),
    // The task was stopped, not ended by a signal.
    note('CORE', NT_SIGINFO, Buffer.alloc(SIGINFO_BYTES)),
    note('CORE', NT_AUXV, task.auxv.length > 0 ? task.auxv : Buffer.alloc(16)),
    note('CORE', NT_FILE, mappedFiles(vmas)),
  ];
  const ofThread = (thread: ThreadView): Buffer => note('CORE', NT_PRSTATUS, prstatus(task, thread));
  return Buffer.concat([
    ...(first ? [ofThread(first)] : []),
    ...ofProcess,
    ...(first ? vectorNotes(first) : []),
    ...others.flatMap((thread) => [ofThread(thread), ...vectorNotes(thread)]),
  ]);
}

function vectorNotes({ vector }: ThreadView): Buffer[] {
  if (!vector || vector.length < FXSAVE_BYTES) return [];
  // The legacy registers; what XSAVE keeps for software in their area is none of them.
  const legacy = Buffer.from(vector.subarray(0, FXSAVE_BYTES));
  legacy.fill(0, 464);
  const whole = vector.length > FXSAVE_BYTES ? [note('LINUX', NT_X86_XSTATE, vector)] : [];
  return [note('CORE', NT_FPREGSET, legacy), ...whole];
}

/** Header, name and contents, each padded to four bytes. */
function note(name: string, type: number, contents: Buffer): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt32LE(name.length + 1, 0);
  header.writeUInt32LE(contents.length, 4);
  header.writeUInt32LE(type, 8);
  return Buffer.concat([header, padded(Buffer.from(`${name}\0`)), padded(contents)]);
}

function padded(bytes: Buffer): Buffer {
  const rest = bytes.length % 4;
  return rest === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(4 - rest)]);
}

/** struct elf_prstatus. */
function prstatus(task: TaskView, thread: ThreadView): Buffer {
  const status = Buffer.alloc(PRSTATUS_BYTES);
  status.writeBigUInt64LE(thread.sigmask, 24);
  status.writeUInt32LE(thread.tid, 32);
  status.writeUInt32LE(task.parentPid ?? 0, 36);
  status.writeUInt32LE(task.group ?? 0, 40);
  status.writeUInt32LE(task.session ?? 0, 44);
  (task.times ?? [0, 0]).forEach((seconds, index) => {
    status.writeBigInt64LE(BigInt(Math.floor(seconds)), 48 + index * 16);
    status.writeBigInt64LE(BigInt(Math.floor((seconds % 1) * 1e6)), 56 + index * 16);
  });
  userRegs.forEach((name, index) => status.writeBigUInt64LE(thread.registers[name] ?? 0n, 112 + index * 8));
  status.writeInt32LE(thread.vector ? 1 : 0, 328);
  return status;
}

/** struct elf_prpsinfo. */
function prpsinfo(task: TaskView): Buffer {
  const info = Buffer.alloc(PRPSINFO_BYTES);
  const stopped = task.state === 'stopped';
  info.writeUInt8(stopped ? 3 : 0, 0);
  info.write(stopped ? 'T' : 'R', 1, 'latin1');
  info.writeInt8(Math.max(-20, Math.min(19, task.threads[0]?.nice ?? 0)), 3);
  info.writeUInt32LE(task.uid ?? 0, 16);
  info.writeUInt32LE(task.gid ?? 0, 20);
  info.writeUInt32LE(task.pid, 24);
  info.writeUInt32LE(task.parentPid ?? 0, 28);
  info.writeUInt32LE(task.group ?? 0, 32);
  info.writeUInt32LE(task.session ?? 0, 36);
  info.write(task.comm.slice(0, 15), 40, 'utf8');
  info.write((task.exe ?? task.comm).slice(0, 79), 56, 'utf8');
  return info;
}

/** Count, page size, {start, end, offset in pages} of each mapping of a file, then their paths. */
function mappedFiles(vmas: readonly VmaEntry[]): Buffer {
  const mapped = vmas.filter((vma) => vma.file_offset !== null && vma.path !== null);
  const table = Buffer.alloc(16 + mapped.length * 24);
  table.writeBigUInt64LE(BigInt(mapped.length), 0);
  table.writeBigUInt64LE(4096n, 8);
  mapped.forEach((vma, index) => {
    table.writeBigUInt64LE(vma.start_addr, 16 + index * 24);
    table.writeBigUInt64LE(vma.end_addr, 24 + index * 24);
    table.writeBigUInt64LE((vma.file_offset ?? 0n) / 4096n, 32 + index * 24);
  });
  return Buffer.concat([table, Buffer.from(mapped.map(({ path }) => `${path ?? ''}\0`).join(''), 'utf8')]);
}
