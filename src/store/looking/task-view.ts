// SPDX-License-Identifier: Apache-2.0
//
// What the records of an image say of its tasks, as people and debuggers want it.
import {
  CR2_FILE_BYTES,
  CR2_MM_BYTES,
  CR2_PATH_BYTES,
  CR2_XSTATE_BYTES,
  decodeCr2Creds,
  decodeCr2File,
  decodeCr2Mm,
  decodeCr2Path,
  decodeCr2Regs,
  decodeCr2Task,
  decodeCr2Thread,
  decodeCr2Xstate,
  decodeCrCpu,
  decodeCrTask,
  FileKind,
  PathKind,
  RecordType,
  TaskState,
} from '../../format/generated/image.js';
import type { ScannedRecord } from '../catalog/record-scan.js';

/** General registers by the names that debuggers use, in their order. */
export const registerNames = [
  'rip',
  'rsp',
  'rbp',
  'rflags',
  'rax',
  'rbx',
  'rcx',
  'rdx',
  'rsi',
  'rdi',
  'r8',
  'r9',
  'r10',
  'r11',
  'r12',
  'r13',
  'r14',
  'r15',
  'cs',
  'ss',
  'ds',
  'es',
  'fs',
  'gs',
  'fs_base',
  'gs_base',
  'orig_rax',
] as const;
export type RegisterName = (typeof registerNames)[number];
/** Null: the image does not have it (version 1 knows no r8 to r15 and no bases). */
export type Registers = Readonly<Record<RegisterName, bigint | null>>;

export interface ThreadView {
  readonly tid: number;
  readonly comm: string;
  /** Blocked signals, bit n - 1 for signal n. */
  readonly sigmask: bigint;
  readonly nice: number;
  registers: Registers;
  /** XSAVE area in standard format, or the 512 bytes of FXSAVE; null: none. */
  vector: Buffer | null;
  /** Components that are not in their initial state. */
  vectorFeatures: bigint;
}

export interface FileView {
  readonly fd: number;
  readonly kind: string;
  readonly flags: number;
  readonly offset: bigint;
  readonly path: string;
}

export interface TaskView {
  readonly pid: number;
  readonly comm: string;
  readonly state: string;
  readonly parentPid: number | null;
  readonly group: number | null;
  readonly session: number | null;
  uid: number | null;
  gid: number | null;
  exe: string | null;
  cwd: string | null;
  /** Seconds of processor time: user, system. */
  readonly times: readonly [number, number] | null;
  /** Auxiliary vector, as the kernel gave it. */
  auxv: Buffer;
  readonly files: FileView[];
  readonly threads: ThreadView[];
}

const states: Readonly<Record<number, string>> = { [TaskState.RUNNING]: 'running', [TaskState.STOPPED]: 'stopped' };
const fileKinds: Readonly<Record<number, string>> = {
  [FileKind.REGULAR]: 'regular',
  [FileKind.DIRECTORY]: 'directory',
  [FileKind.DEVICE]: 'device',
  [FileKind.STDIO]: 'stdio',
};

/** The tasks of an image; RangeError when a payload is too short for its struct. */
export function tasksOf(records: Iterable<ScannedRecord>): TaskView[] {
  const tasks: TaskView[] = [];
  for (const record of records) {
    if (record.version === 1) takeVersion1(record, tasks);
    else takeVersion2(record, tasks);
  }
  return tasks;
}

function takeVersion1({ type, task: id, payload }: ScannedRecord, tasks: TaskView[]): void {
  const task = tasks.at(-1);
  if (type === RecordType.TASK) {
    const { tgid, comm, state } = decodeCrTask(payload);
    const pid = (id & 0xffff) === tgid && id !== 0 ? id : tgid;
    tasks.push({ ...emptyTask(pid, comm), state: state === 0n ? 'running' : 'sleeping' });
  } else if (type === RecordType.CPU && task) {
    const cpu = decodeCrCpu(payload);
    const { ip, sp, bp, flags, ax, bx, cx, dx, si, di, cs, ss, ds, es, fs, gs, origAx } = cpu;
    const registers = registersOf([
      ip,
      sp,
      bp,
      flags,
      ax,
      bx,
      cx,
      dx,
      si,
      di,
      ...Array<null>(8).fill(null),
      cs,
      ss,
      ds,
      es,
      fs,
      gs,
      null,
      null,
      origAx,
    ]);
    const vector = cpu.usedMath ? cpu.fxsave : null;
    task.threads.push({
      tid: task.pid,
      comm: task.comm,
      sigmask: 0n,
      nice: 0,
      registers,
      vector,
      vectorFeatures: vector ? 3n : 0n,
    });
  }
}

function takeVersion2({ type, payload }: ScannedRecord, tasks: TaskView[]): void {
  if (type === RecordType.TASK2) {
    const t = decodeCr2Task(payload);
    const ticks = t.clockTicksPerSec || 100;
    tasks.push({
      ...emptyTask(t.pid, t.comm),
      state: states[t.state] ?? 'unknown',
      parentPid: t.parentPid,
      group: t.pgid,
      session: t.sid,
      times: [Number(t.utimeTicks) / ticks, Number(t.stimeTicks) / ticks],
    });
    return;
  }
  const task = tasks.at(-1);
  if (task) takeOfTask(type, payload, task);
}

function takeOfTask(type: number, payload: Buffer, task: TaskView): void {
  const thread = task.threads.at(-1);
  switch (type) {
    case RecordType.CREDS: {
      const { uid, gid } = decodeCr2Creds(payload);
      task.uid = uid[1] ?? null;
      task.gid = gid[1] ?? null;
      break;
    }
    case RecordType.PATH: {
      const path = decodeCr2Path(payload);
      if (path.kind === PathKind.EXE) task.exe = text(payload, CR2_PATH_BYTES, path.pathBytes);
      if (path.kind === PathKind.CWD) task.cwd = text(payload, CR2_PATH_BYTES, path.pathBytes);
      break;
    }
    case RecordType.FILE: {
      const { fd, kind, flags, offset, pathBytes } = decodeCr2File(payload);
      task.files.push({
        fd,
        kind: fileKinds[kind] ?? String(kind),
        flags,
        offset,
        path: text(payload, CR2_FILE_BYTES, pathBytes),
      });
      break;
    }
    case RecordType.MM2:
      task.auxv = payload.subarray(CR2_MM_BYTES, CR2_MM_BYTES + decodeCr2Mm(payload).auxvBytes);
      break;
    case RecordType.THREAD2: {
      const { tid, comm, sigmask, nice } = decodeCr2Thread(payload);
      task.threads.push({ tid, comm, sigmask, nice, registers: registersOf([]), vector: null, vectorFeatures: 0n });
      break;
    }
    case RecordType.REGS: {
      if (!thread) break;
      const r = decodeCr2Regs(payload);
      thread.registers = registersOf([
        r.ip,
        r.sp,
        r.bp,
        r.flags,
        r.ax,
        r.bx,
        r.cx,
        r.dx,
        r.si,
        r.di,
        r.r8,
        r.r9,
        r.r10,
        r.r11,
        r.r12,
        r.r13,
        r.r14,
        r.r15,
        r.cs,
        r.ss,
        r.ds,
        r.es,
        r.fs,
        r.gs,
        r.fsBase,
        r.gsBase,
        r.origAx,
      ]);
      break;
    }
    case RecordType.XSTATE: {
      if (!thread) break;
      const { areaBytes, xstateBv } = decodeCr2Xstate(payload);
      thread.vector = payload.subarray(CR2_XSTATE_BYTES, CR2_XSTATE_BYTES + areaBytes);
      thread.vectorFeatures = xstateBv;
      break;
    }
    default:
  }
}

function emptyTask(pid: number, comm: string): TaskView {
  return {
    pid,
    comm,
    state: 'unknown',
    parentPid: null,
    group: null,
    session: null,
    uid: null,
    gid: null,
    exe: null,
    cwd: null,
    times: null,
    auxv: Buffer.alloc(0),
    files: [],
    threads: [],
  };
}

function registersOf(values: readonly (bigint | null)[]): Registers {
  return Object.fromEntries(registerNames.map((name, i) => [name, values[i] ?? null])) as Registers;
}

/** Bytes of a path as text; without the NUL. */
function text(payload: Buffer, at: number, bytes: number): string {
  const path = payload.subarray(at, at + bytes);
  const end = path.indexOf(0);
  return path.toString('utf8', 0, end < 0 ? path.length : end);
}
