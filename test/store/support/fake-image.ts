// SPDX-License-Identifier: Apache-2.0
//
// Streams of events as a writer makes them, without the native codec: layouts from the generated code, pack ids made up.
import { createHash } from 'node:crypto';
import type { PagesInfo } from '../../../src/codec/native.js';
import { EventChain } from '../../../src/format/chain.js';
import {
  encodeValue,
  outsideEvent,
  SEQ_OUTSIDE,
  type EventMessage,
  type Opened,
  type Sealed,
} from '../../../src/format/events.js';
import {
  CTX_CKPT,
  encodeCr2Hdr,
  encodeCr2Machine,
  encodeCr2Pages,
  encodeCr2Tail,
  encodeCr2Task,
  encodeCr2Vma,
  encodeCrHdr,
  encodeCrHead,
  encodeCrMm,
  encodeCrMmContext,
  encodeCrTail,
  encodeCrTask,
  encodeCrThread,
  encodeCrVma,
  HEAD_MAGIC,
  RecordType,
  TAIL2_MAGIC,
  TAIL_MAGIC,
  Vma2Kind,
  VmaHow,
} from '../../../src/format/generated/image.js';
import { encodePagesEvent, decodePagesEvent, RUN_PACK, RUN_ZERO } from '../../../src/format/generated/store.js';
import { pageRuns } from '../../../src/store/catalog/page-runs.js';
import type { PagesCodec } from '../../../src/store/catalog/image-stream.js';

export interface Run {
  /** Pages between the run before and this one. */
  readonly gap: number;
  readonly count: number;
  /** Null: zero pages. */
  readonly pack: string | null;
  readonly slot: number;
  /** Whether this stream stored them. */
  readonly fresh: boolean;
}

export interface FakeVma {
  /** In pages. */
  readonly start: number;
  readonly pages: number;
  readonly path: string | null;
  readonly runs: readonly Run[];
  /** Version 2: PROT_ bits, default 3, and VMA2_F_ bits, default 0. */
  readonly prot?: number;
  readonly flags?: number;
}

export interface FakeImage {
  readonly id: string;
  readonly name: string | null;
  readonly version: 1 | 2;
  readonly pid: number;
  readonly comm: string;
  readonly startTicks: number;
  readonly vmas: readonly FakeVma[];
  /** Version 2: default `box` and `6.1.0-test`. */
  readonly host?: string;
  readonly kernelRelease?: string;
}

/** The pages event codec in TypeScript: what the native one answers, slowly. */
export const fakeCodec: PagesCodec = {
  pagesInfo(value: Buffer): PagesInfo {
    const { pages, first, total, zeroPages, newPages } = decodePagesEvent(value);
    const packs = new Map<string, Buffer>();
    for (const run of pageRuns(value)) {
      if (run.pack === null) continue;
      const slots = packs.get(run.pack) ?? Buffer.alloc(256);
      packs.set(run.pack, slots);
      for (let slot = run.slot; slot < run.slot + run.count; slot++)
        slots[slot >> 3] = (slots[slot >> 3] ?? 0) | (1 << (slot & 7));
    }
    return {
      pages,
      first,
      total,
      zeroPages,
      newPages,
      packs: [...packs.keys()],
      slots: Buffer.concat([...packs.values()]),
    };
  },
};

export function packId(name: string): string {
  return createHash('sha256').update(name).digest('hex');
}

function leb128(value: number): number[] {
  const bytes: number[] = [];
  do {
    bytes.push((value % 128) | (value >= 128 ? 0x80 : 0));
    value = Math.floor(value / 128);
  } while (value > 0);
  return bytes;
}

/** A pages event of some runs of a mapping. */
export function pagesValue(startPage: number, runs: readonly Run[], first: number, total: number): Buffer {
  const ids = [...new Set(runs.flatMap((run) => (run.pack === null ? [] : [run.pack])))];
  const bytes: number[] = [];
  let gapBefore = startPage;
  for (const run of runs) {
    bytes.push(...leb128(gapBefore + run.gap), ...leb128(run.count * 2 + (run.pack === null ? RUN_ZERO : RUN_PACK)));
    if (run.pack !== null) bytes.push(...leb128(ids.indexOf(run.pack)), ...leb128(run.slot));
    gapBefore = 0;
  }
  const sum = (which: (run: Run) => boolean): number => runs.filter(which).reduce((total, run) => total + run.count, 0);
  const header = encodePagesEvent({
    pages: sum(() => true),
    first,
    total,
    packs: ids.length,
    runBytes: bytes.length,
    zeroPages: sum((run) => run.pack === null),
    newPages: sum((run) => run.fresh),
  });
  return Buffer.concat([header, ...ids.map((id) => Buffer.from(id, 'hex')), Buffer.from(bytes)]);
}

function record1(type: number, id: number, payload: Buffer, raw = Buffer.alloc(0)): Buffer {
  return Buffer.concat([encodeCrHdr({ type, len: payload.length, id }), payload, raw]);
}

function record2(type: number, id: number, payload: Buffer, len = payload.length): Buffer {
  return Buffer.concat([encodeCr2Hdr({ type, len, id }), payload]);
}

function head(version: 1 | 2): Buffer {
  const payload = encodeCrHead({ magic: HEAD_MAGIC, major: 6, minor: 1, patch: 2, version, flags: CTX_CKPT, time: 1n });
  return record1(RecordType.HEAD, 0, payload);
}

type Part = readonly ['record' | 'pages', Buffer];

function pageParts(vma: FakeVma, runs: readonly Run[]): Part[] {
  const total = runs.reduce((sum, run) => sum + run.count, 0);
  if (total === 0) return [];
  // Two pieces where there are two runs or more, so that `first` has something to say.
  const half = runs.length > 1 ? Math.floor(runs.length / 2) : runs.length;
  const firstHalf = runs.slice(0, half);
  const done = firstHalf.reduce((sum, run) => sum + run.count, 0);
  const parts: Part[] = [['pages', pagesValue(vma.start, firstHalf, 0, total)]];
  if (half < runs.length) {
    const page = vma.start + firstHalf.reduce((sum, run) => sum + run.gap + run.count, 0);
    parts.push(['pages', pagesValue(page, runs.slice(half), done, total)]);
  }
  return parts;
}

function parts1(image: FakeImage): Part[] {
  const { pid } = image;
  const start = { startTimeSec: BigInt(image.startTicks), startTimeNsec: 5n };
  const parts: Part[] = [
    ['record', head(1)],
    [
      'record',
      record1(RecordType.TASK, pid, encodeCrTask({ pid, tgid: pid, taskCommLen: 16, comm: image.comm, ...start })),
    ],
    ['record', record1(RecordType.MM, pid, encodeCrMm({ tag: 1, mapCount: image.vmas.length }))],
  ];
  for (const vma of image.vmas) {
    const name = vma.path === null ? Buffer.alloc(0) : Buffer.from(`${vma.path}\0`);
    const npages = vma.runs.reduce((sum, run) => sum + run.count, 0);
    const payload = encodeCrVma({
      how: vma.path === null ? VmaHow.ANON : VmaHow.FILE,
      vmStart: BigInt(vma.start) * 4096n,
      vmEnd: BigInt(vma.start + vma.pages) * 4096n,
      vmFlags: 0x73n,
      npages,
      namelen: name.length,
    });
    parts.push(['record', record1(RecordType.VMA, pid, payload)]);
    if (name.length > 0) parts.push(['record', record1(RecordType.STR, 0, name)]);
    parts.push(...pageParts(vma, vma.runs));
  }
  parts.push(
    [
      'record',
      record1(RecordType.MM_CONTEXT, pid, encodeCrMmContext({ ldtEntrySize: 8, nldt: 2 }), Buffer.alloc(16, 7)),
    ],
    [
      'record',
      record1(
        RecordType.THREAD,
        pid,
        encodeCrThread({ gdtEntryTlsEntries: 3, sizeofTlsArray: 24 }),
        Buffer.alloc(24, 9),
      ),
    ],
    ['record', record1(RecordType.CPU, pid, Buffer.alloc(704, 3))],
    ['record', record1(RecordType.TAIL, 0, encodeCrTail({ magic: TAIL_MAGIC, cksum: [1, 1] }))],
  );
  return parts;
}

function parts2(image: FakeImage): Part[] {
  const { pid } = image;
  const machine = encodeCr2Machine({
    pageBytes: 4096,
    taskCount: 1,
    hostname: image.host ?? 'box',
    kernelRelease: image.kernelRelease ?? '6.1.0-test',
    bootId: Buffer.alloc(16, 2),
  });
  const parts: Part[] = [
    ['record', head(2)],
    ['record', record2(RecordType.MACHINE, 0, machine)],
    [
      'record',
      record2(RecordType.TASK2, pid, encodeCr2Task({ pid, comm: image.comm, startTicks: BigInt(image.startTicks) })),
    ],
    // A record that this release does not know.
    ['record', record2(4000, 0, Buffer.alloc(5000, 1))],
  ];
  for (const vma of image.vmas) {
    const name = vma.path === null ? Buffer.alloc(0) : Buffer.from(`${vma.path}\0`);
    const payload = encodeCr2Vma({
      kind: vma.path === null ? Vma2Kind.ANON : Vma2Kind.FILE_PRIVATE,
      start: BigInt(vma.start) * 4096n,
      end: BigInt(vma.start + vma.pages) * 4096n,
      prot: vma.prot ?? 3,
      flags: vma.flags ?? 0,
      pathBytes: name.length,
    });
    parts.push(['record', record2(RecordType.VMA2, pid, Buffer.concat([payload, name]))]);
    const count = vma.runs.reduce((sum, run) => sum + run.count, 0);
    if (count > 0) parts.push(['record', record2(RecordType.PAGES, pid, encodeCr2Pages({ count }), 16 + count * 4104)]);
    parts.push(...pageParts(vma, vma.runs));
  }
  parts.push(['record', record2(RecordType.TAIL2, 0, encodeCr2Tail({ magic: TAIL2_MAGIC }))]);
  return parts;
}

export const deadWriter = { host: 'elsewhere', bootId: 'b', pidNamespace: 'pid:[1]', pid: 1, startTicks: 1 };

/** The whole stream of an image: opened, records and pages, sealed. */
export function streamOf(
  image: FakeImage,
  change: { opened?: Partial<Opened>; sealed?: Partial<Sealed> } = {},
): EventMessage[] {
  const opened: Opened = {
    name: image.name,
    createdAt: '2026-01-02T03:04:05.000Z',
    source: 'ingest',
    writer: deadWriter,
    dedupPosition: [1],
    ...change.opened,
  };
  const events: EventMessage[] = [
    { type: 'opened', checkpoint: image.id, seq: 0, value: encodeValue('opened', opened) },
  ];
  const parts = image.version === 1 ? parts1(image) : parts2(image);
  for (const [type, value] of parts) events.push({ type, checkpoint: image.id, seq: events.length, value });
  const chain = EventChain.start(image.id);
  for (const event of events) chain.add(event);
  const runs = image.vmas.flatMap((vma) => vma.runs);
  const pages = runs.reduce((sum, run) => sum + run.count, 0);
  const headers = parts.filter(([type]) => type === 'record');
  const sealed: Sealed = {
    formatVersion: image.version,
    bytes: headers.reduce((sum, [, value]) => sum + value.length, 0) + pages * 4104,
    records: headers.length,
    pages,
    zeroPages: runs.filter((run) => run.pack === null).reduce((sum, run) => sum + run.count, 0),
    newPages: runs.filter((run) => run.fresh).reduce((sum, run) => sum + run.count, 0),
    storedBytes: 0,
    digest: packId(`digest of ${image.id}`),
    parent: null,
    chain: chain.hex,
    frozenMs: null,
    ...change.sealed,
  };
  events.push({ type: 'sealed', checkpoint: image.id, seq: events.length, value: encodeValue('sealed', sealed) });
  return events;
}

export function aborted(checkpoint: string): EventMessage {
  return {
    type: 'aborted',
    checkpoint,
    seq: SEQ_OUTSIDE,
    value: encodeValue('aborted', { reason: 'test', at: '2026-01-01T00:00:00.000Z' }),
  };
}

export function deleted(checkpoint: string): EventMessage {
  return {
    type: 'deleted',
    checkpoint,
    seq: SEQ_OUTSIDE,
    value: encodeValue('deleted', { at: '2026-01-01T00:00:00.000Z' }),
  };
}

/** Carried under the log's id. */
export function forgotten(logId: string, checkpoints: readonly string[]): EventMessage {
  return outsideEvent('checkpoints-forgotten', logId, { at: '2026-01-01T00:00:00.000Z', checkpoints });
}

/** A small image with a bit of everything. */
export function smallImage(id: string, change: Partial<FakeImage> = {}): FakeImage {
  const a = packId('pack a');
  return {
    id,
    name: null,
    version: 1,
    pid: 4242,
    comm: 'worker',
    startTicks: 77,
    vmas: [
      {
        start: 16,
        pages: 8,
        path: null,
        runs: [
          { gap: 0, count: 2, pack: null, slot: 0, fresh: false },
          { gap: 1, count: 3, pack: a, slot: 4, fresh: true },
        ],
      },
      { start: 0x7f0000, pages: 4, path: '/lib/libc.so', runs: [{ gap: 1, count: 1, pack: a, slot: 0, fresh: true }] },
      { start: 0x7f0010, pages: 1, path: null, runs: [] },
    ],
    ...change,
  };
}
