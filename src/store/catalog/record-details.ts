// SPDX-License-Identifier: Apache-2.0
//
// What the catalog shows of the records of an image: columns of `checkpoint` and rows of `vma`. Only the first task of an
// image with several gives its name to the checkpoint.
import {
  type Cr2Vma,
  CR2_VDSO_BYTES,
  CR2_VMA_BYTES,
  type CrVma,
  decodeCr2Machine,
  decodeCr2Task,
  decodeCr2Vdso,
  decodeCr2Vma,
  decodeCrHead,
  decodeCrMm,
  decodeCrTask,
  decodeCrVma,
  RecordType,
  Vm,
  Vma2Flag,
  Vma2Kind,
  VmaHow,
} from '../../format/generated/image.js';
import type { ScannedRecord } from './record-scan.js';

/** Columns of `checkpoint` that records fill. */
export interface ImageFacts {
  formatVersion?: number;
  kernelRelease?: string;
  host?: string;
  pid?: number;
  comm?: string;
  /** Tells a process from every other that ever ran: host, pid and its start. */
  process?: string;
}

/** A row of `vma`. Addresses as SQLite keeps them: signed 64-bit. */
export interface VmaRow {
  readonly seq: number;
  readonly start: bigint;
  readonly end: bigint;
  readonly kind: string;
  readonly prot: string;
  readonly path: string | null;
  readonly fileOffset: bigint | null;
  /** Pages of it in the image; version 2 counts them by its PAGES records. */
  readonly pages: number;
}

/** What later records need to know of earlier ones; plain data, kept with the scan. */
export interface DetailState {
  /** Seq and start of the VMA whose name or pages may follow. */
  vmaSeq: number | null;
  vmaStart: string | null;
  /** Version 1: where heap and stack are, from MM. */
  heap: readonly [string, string] | null;
  stack: string | null;
  bootId: string | null;
}

export const noDetails: DetailState = { vmaSeq: null, vmaStart: null, heap: null, stack: null, bootId: null };

/** Where the facts of a record go. */
export interface DetailSink {
  facts(facts: ImageFacts): void;
  vma(row: VmaRow): void;
  /** Version 1: the name of the mapping that came before it. */
  vmaPath(seq: number, start: bigint, path: string): void;
  /** Version 2: a PAGES record of the mapping. */
  vmaPages(seq: number, start: bigint, pages: number): void;
}

/** Takes a record; `state` is changed. RangeError when a payload is too short for its struct. */
export function readDetails(record: ScannedRecord, state: DetailState, host: string | null, sink: DetailSink): void {
  if (record.type === RecordType.HEAD) readHead(record, sink);
  else if (record.version === 1) readVersion1(record, state, host, sink);
  else readVersion2(record, state, host, sink);
}

function readHead(record: ScannedRecord, sink: DetailSink): void {
  const { version, major, minor, patch } = decodeCrHead(record.payload);
  sink.facts({ formatVersion: version, kernelRelease: `${major}.${minor}.${patch}` });
}

function readVersion1(record: ScannedRecord, state: DetailState, host: string | null, sink: DetailSink): void {
  const { payload, seq } = record;
  switch (record.type) {
    case RecordType.TASK: {
      const task = decodeCrTask(payload);
      // The header holds the whole pid where the argument of sys_checkpoint was one; the payload cuts it to 16 bits.
      const pid = (record.task & 0xffff) === task.tgid && record.task !== 0 ? record.task : task.tgid;
      sink.facts({ pid, comm: task.comm, process: `${host ?? ''}/${pid}/${task.startTimeSec}.${task.startTimeNsec}` });
      break;
    }
    case RecordType.MM: {
      const mm = decodeCrMm(payload);
      state.heap = [mm.startBrk.toString(), mm.brk.toString()];
      state.stack = mm.startStack.toString();
      break;
    }
    case RecordType.VMA: {
      const vma = decodeCrVma(payload);
      state.vmaSeq = seq;
      state.vmaStart = signed(vma.vmStart).toString();
      sink.vma(vmaRow1(seq, vma, state));
      break;
    }
    case RecordType.STR:
      if (state.vmaSeq !== null) sink.vmaPath(state.vmaSeq, BigInt(state.vmaStart ?? 0), path(payload));
      break;
    default:
  }
}

function readVersion2(record: ScannedRecord, state: DetailState, host: string | null, sink: DetailSink): void {
  const { payload, seq } = record;
  switch (record.type) {
    case RecordType.MACHINE: {
      const machine = decodeCr2Machine(payload);
      state.bootId = machine.bootId.toString('hex');
      sink.facts({ kernelRelease: machine.kernelRelease, ...(machine.hostname ? { host: machine.hostname } : {}) });
      break;
    }
    case RecordType.TASK2: {
      const { pid, comm, startTicks } = decodeCr2Task(payload);
      sink.facts({ pid, comm, process: `${host ?? ''}/${state.bootId ?? ''}/${pid}/${startTicks}` });
      break;
    }
    case RecordType.VDSO:
      for (const row of kernelMappings(seq, payload)) sink.vma(row);
      break;
    case RecordType.VMA2: {
      const vma = decodeCr2Vma(payload);
      state.vmaSeq = seq;
      state.vmaStart = signed(vma.start).toString();
      sink.vma(vmaRow2(seq, vma, payload));
      break;
    }
    case RecordType.PAGES:
      if (state.vmaSeq !== null) sink.vmaPages(state.vmaSeq, BigInt(state.vmaStart ?? 0), record.pages);
      break;
    default:
  }
}

function vmaRow1(seq: number, vma: CrVma, state: DetailState): VmaRow {
  const has = (bit: number): boolean => (vma.vmFlags & BigInt(bit)) !== 0n;
  const prot = permissions(has(Vm.READ), has(Vm.WRITE), has(Vm.EXEC), has(Vm.MAYSHARE));
  const file = vma.how === VmaHow.FILE;
  let kind = file ? 'file' : 'anon';
  if (!file && state.heap && vma.vmStart < BigInt(state.heap[1]) && vma.vmEnd > BigInt(state.heap[0])) kind = 'heap';
  if (!file && state.stack && vma.vmStart <= BigInt(state.stack) && vma.vmEnd > BigInt(state.stack)) kind = 'stack';
  return {
    seq,
    start: signed(vma.vmStart),
    end: signed(vma.vmEnd),
    kind,
    prot,
    path: labels[kind] ?? null,
    fileOffset: file ? signed(vma.vmPgoff << 12n) : null,
    pages: vma.npages,
  };
}

function vmaRow2(seq: number, vma: Cr2Vma, payload: Buffer): VmaRow {
  const has = (bit: number): boolean => (vma.prot & bit) !== 0;
  const anon = vma.kind === Vma2Kind.ANON;
  let kind = anon ? 'anon' : 'file';
  if (anon && (vma.flags & Vma2Flag.HEAP) !== 0) kind = 'heap';
  if (anon && (vma.flags & Vma2Flag.STACK) !== 0) kind = 'stack';
  return {
    seq,
    start: signed(vma.start),
    end: signed(vma.end),
    kind,
    prot: permissions(has(1), has(2), has(4), vma.kind === Vma2Kind.FILE_SHARED),
    path: anon ? (labels[kind] ?? null) : path(payload.subarray(CR2_VMA_BYTES, CR2_VMA_BYTES + vma.pathBytes)),
    fileOffset: anon ? null : signed(vma.pgoff << 12n),
    pages: 0,
  };
}

/** What the kernel itself had mapped: no VMA2 stands for these. */
function kernelMappings(seq: number, payload: Buffer): VmaRow[] {
  if (payload.length < CR2_VDSO_BYTES) throw new RangeError('VDSO is too short');
  const at = decodeCr2Vdso(payload);
  const row = (kind: string, start: bigint, bytes: bigint, prot: string): VmaRow[] =>
    bytes === 0n
      ? []
      : [
          {
            seq,
            start: signed(start),
            end: signed(start + bytes),
            kind,
            prot,
            path: `[${kind}]`,
            fileOffset: null,
            pages: 0,
          },
        ];
  return [
    ...row('vvar', at.vvarStart, at.vvarBytes, 'r--p'),
    ...row('vvar_vclock', at.vvarVclockStart, at.vvarVclockBytes, 'r--p'),
    ...row('vdso', at.vdsoStart, at.vdsoBytes, 'r-xp'),
  ];
}

/** As /proc/PID/maps names what has no file. */
const labels: Readonly<Record<string, string>> = { heap: '[heap]', stack: '[stack]' };

function permissions(read: boolean, write: boolean, exec: boolean, shared: boolean): string {
  return `${read ? 'r' : '-'}${write ? 'w' : '-'}${exec ? 'x' : '-'}${shared ? 's' : 'p'}`;
}

/** A path as text. Linux has bytes there: those that are no UTF-8 show as U+FFFD; the record keeps them. */
function path(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
}

function signed(value: bigint): bigint {
  return BigInt.asIntN(64, value);
}
