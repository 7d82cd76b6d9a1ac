// SPDX-License-Identifier: Apache-2.0
//
// The store that docs/catalog.md asks its questions of: a web server that grows for four days on one host and is restarted on
// another, and a batch job. Everything in it is fixed, so that the answers in the document are.
import { createHash } from 'node:crypto';
import { encodeValue, SEQ_OUTSIDE, type EventMessage, type Restored, type Signed } from '../../../src/format/events.js';
import { Vma2Flag } from '../../../src/format/generated/image.js';
import { encodePackHeader } from '../../../src/format/generated/store.js';
import type { Store } from '../../../src/store/store.js';
import { aborted, deleted, streamOf, type FakeImage, type FakeVma, type Run } from './fake-image.js';

const READ = 1;
const WRITE = 2;
const EXEC = 4;

/** What a page holds: a text stands for its contents, null for zeros, undefined for a page that is not in the image. */
type Content = string | null | undefined;

interface Mapping {
  readonly start: number;
  readonly path: string | null;
  readonly prot: number;
  readonly flags?: number;
  readonly contents: readonly Content[];
}

interface Scene {
  readonly id: string;
  readonly name: string | null;
  readonly at: string;
  readonly host: string;
  readonly kernel: string;
  readonly pid: number;
  readonly comm: string;
  readonly startTicks: number;
  readonly frozenMs: number | null;
  readonly parent: string | null;
  readonly mappings: readonly Mapping[];
}

const pages = (count: number, content: (page: number) => Content): Content[] =>
  Array.from({ length: count }, (_, page) => content(page));

/** Data of a library that relocation has touched: the same wherever this version of it runs. */
function library(path: string, start: number, touched: number): Mapping[] {
  return [
    { start, path, prot: READ | EXEC, contents: pages(64, () => undefined) },
    { start: start + 64, path, prot: READ | WRITE, contents: pages(touched, (page) => `${path} ${page}`) },
  ];
}

const heapPages = [240, 300, 420, 600];

/** The web server on its n-th day: the heap grows, a quarter of the cache is written anew each day, and a buffer is mostly zero. */
function web(day: number, ssl: string): Mapping[] {
  return [
    { start: 0x400, path: '/usr/bin/web', prot: READ | EXEC, contents: pages(128, () => undefined) },
    {
      start: 0x480,
      path: '/usr/bin/web',
      prot: READ | WRITE,
      contents: pages(8, (page) => `web data ${page} ${page < 2 ? day : 0}`),
    },
    {
      start: 0x900,
      path: null,
      prot: READ | WRITE,
      flags: Vma2Flag.HEAP,
      contents: pages(heapPages[day] ?? 0, (page) => `heap ${page} ${page % 50 === 0 ? day : 0}`),
    },
    {
      start: 0x7f000,
      path: null,
      prot: READ | WRITE,
      contents: pages(400, (page) => `cache ${page} ${page % 4 === day ? day : -1}`),
    },
    {
      start: 0x7f800,
      path: null,
      prot: READ | WRITE,
      contents: pages(256, (page) => (page < 16 ? `buffer ${page}` : null)),
    },
    { start: 0x7fa00, path: null, prot: READ | WRITE | EXEC, contents: pages(12, (page) => `jit ${page}`) },
    ...library(ssl, 0x7fc00, 10),
    ...library('/usr/lib/libc.so.6', 0x7fd00, 6),
    {
      start: 0x7ff00,
      path: null,
      prot: READ | WRITE,
      flags: Vma2Flag.STACK,
      contents: pages(20, (page) => (page < 14 ? null : `stack ${page} ${day}`)),
    },
  ];
}

function batch(step: number): Mapping[] {
  return [
    { start: 0x400, path: '/usr/bin/batch', prot: READ | EXEC, contents: pages(32, () => undefined) },
    {
      start: 0x900,
      path: null,
      prot: READ | WRITE,
      flags: Vma2Flag.HEAP,
      contents: pages(150, (page) => `rows ${page + step * 75}`),
    },
    ...library('/usr/lib/libssl.so.3.0.13', 0x7fc00, 10),
    ...library('/usr/lib/libc.so.6', 0x7fd00, 6),
    {
      start: 0x7ff00,
      path: null,
      prot: READ | WRITE,
      flags: Vma2Flag.STACK,
      contents: pages(8, (page) => `batch stack ${page} ${step}`),
    },
  ];
}

const alpha = { host: 'alpha', kernel: '6.1.0-18-amd64' };
const beta = { host: 'beta', kernel: '6.12.3-amd64' };
const webOnAlpha = { ...alpha, name: 'web', pid: 1200, comm: 'web', startTicks: 5000 };
const batchOnBeta = { ...beta, name: 'batch', pid: 77, comm: 'batch', startTicks: 900 };
const oldSsl = '/usr/lib/libssl.so.3.0.11';

const scenes: readonly Scene[] = [
  {
    ...webOnAlpha,
    id: '01jn7m4q00webday0',
    at: '2026-03-01T08:00:00.000Z',
    frozenMs: 21.5,
    parent: null,
    mappings: web(0, oldSsl),
  },
  {
    ...webOnAlpha,
    id: '01jna6j400webday1',
    at: '2026-03-02T08:00:00.000Z',
    frozenMs: 8.2,
    parent: '01jn7m4q00webday0',
    mappings: web(1, oldSsl),
  },
  {
    ...batchOnBeta,
    id: '01jnbft4000batch0',
    at: '2026-03-02T20:00:00.000Z',
    frozenMs: 3.1,
    parent: null,
    mappings: batch(0),
  },
  {
    ...webOnAlpha,
    id: '01jncrzh00webday2',
    at: '2026-03-03T08:00:00.000Z',
    frozenMs: 9.4,
    parent: '01jna6j400webday1',
    mappings: web(2, oldSsl),
  },
  {
    ...batchOnBeta,
    id: '01jne27h000batch1',
    at: '2026-03-03T20:00:00.000Z',
    frozenMs: 2.7,
    parent: '01jnbft4000batch0',
    mappings: batch(1),
  },
  {
    ...webOnAlpha,
    id: '01jnfbcy00webday3',
    at: '2026-03-04T08:00:00.000Z',
    frozenMs: 12.9,
    parent: '01jncrzh00webday2',
    mappings: web(3, oldSsl),
  },
  {
    ...beta,
    id: '01jnfs4a00webbeta',
    name: 'web on beta',
    pid: 900,
    comm: 'web',
    startTicks: 70,
    at: '2026-03-04T12:00:00.000Z',
    frozenMs: null,
    parent: null,
    mappings: web(3, oldSsl),
  },
];

interface Place {
  readonly pack: string;
  readonly slot: number;
}

/** Appends the story to an empty store, and projects it. */
export async function tellStory(store: Store): Promise<void> {
  const places = new Map<string, Place>();
  for (const scene of scenes) await takeScene(store, scene, places);
  const broken = streamOf(
    { ...imageOf(scenes[0]!, [], '01jnfv0000brokenx'), name: 'web' },
    { opened: openedOf(scenes[0]!) },
  );
  await append(
    store,
    broken.filter((event) => event.seq !== 2),
  );
  const unfinished = streamOf(
    { ...imageOf(scenes[2]!, [], '01jnfw0000abortex'), name: 'batch' },
    { opened: openedOf(scenes[2]!) },
  );
  await append(store, [...unfinished.slice(0, 3), aborted('01jnfw0000abortex')]);
  await append(store, [deleted('01jnbft4000batch0')]);
  for (const [checkpoint, value] of restores)
    await append(store, [{ type: 'restored', checkpoint, seq: SEQ_OUTSIDE, value: encodeValue('restored', value) }]);
  for (const [checkpoint, value] of seals)
    await append(store, [{ type: 'signed', checkpoint, seq: SEQ_OUTSIDE, value: encodeValue('signed', value) }]);
  await store.catchUp();
}

/** One made here, the same again, one that came with a copy, and one of a checkpoint that is gone. */
const madeHere: Signed = {
  keyId: '0123456789abcdef0123456789abcdef',
  algorithm: 'ed25519',
  digest: '11'.repeat(32),
  at: '2026-03-03T08:00:01.000Z',
  seal: '22'.repeat(64),
};
const seals: readonly (readonly [string, Signed])[] = [
  ['01jncrzh00webday2', madeHere],
  ['01jncrzh00webday2', madeHere],
  ['01jncrzh00webday2', { ...madeHere, seal: '33'.repeat(64), salt: '44'.repeat(32) }],
  ['01jnbft4000batch0', madeHere],
];

const restores: readonly (readonly [string, Restored])[] = [
  [
    '01jncrzh00webday2',
    {
      restoreId: 'r1',
      at: '2026-03-03T09:00:00.000Z',
      host: 'beta',
      pid: null,
      result: 'failed: /usr/lib/libssl.so.3.0.11 is not the file that was mapped',
    },
  ],
  ['01jnfbcy00webday3', { restoreId: 'r2', at: '2026-03-04T09:00:00.000Z', host: 'beta', pid: 900, result: 'running' }],
  ['01jne27h000batch1', { restoreId: 'r3', at: '2026-03-04T10:00:00.000Z', host: 'beta', pid: 912, result: 'running' }],
  [
    '01jne27h000batch1',
    { restoreId: 'r3', at: '2026-03-04T10:00:00.000Z', host: 'beta', pid: 912, result: 'exited 0' },
  ],
];

async function append(store: Store, events: readonly EventMessage[]): Promise<void> {
  await store.log.append(events);
}

async function takeScene(store: Store, scene: Scene, places: Map<string, Place>): Promise<void> {
  const fresh = new Set<string>();
  for (const { contents } of scene.mappings) {
    for (const content of contents) if (typeof content === 'string' && !places.has(content)) fresh.add(content);
  }
  const pack = await putPack(store, [...fresh], scene.id);
  [...fresh].forEach((content, slot) => places.set(content, { pack: pack.id, slot }));
  const vmas = scene.mappings.map((mapping) => vmaOf(mapping, places, fresh));
  const sealed = { parent: scene.parent, frozenMs: scene.frozenMs, storedBytes: pack.storedBytes };
  await append(store, streamOf(imageOf(scene, vmas), { opened: openedOf(scene), sealed }));
}

function imageOf(scene: Scene, vmas: readonly FakeVma[], id = scene.id): FakeImage {
  const { name, pid, comm, startTicks, host, kernel } = scene;
  return { id, name, version: 2, pid, comm, startTicks, vmas, host, kernelRelease: kernel };
}

function openedOf({ at, host, frozenMs }: Scene): {
  createdAt: string;
  source: 'save' | 'ingest';
  writer: { host: string; bootId: string; pidNamespace: string; pid: number; startTicks: number };
} {
  return {
    createdAt: at,
    source: frozenMs === null ? 'ingest' : 'save',
    writer: { host, bootId: 'boot', pidNamespace: 'pid:[1]', pid: 1, startTicks: 1 },
  };
}

/** Runs of pages that follow each other in memory and in a pack. */
function vmaOf(
  { start, path, prot, flags, contents }: Mapping,
  places: ReadonlyMap<string, Place>,
  fresh: ReadonlySet<string>,
): FakeVma {
  const runs: Run[] = [];
  let gap = 0;
  for (const content of contents) {
    if (content === undefined) {
      gap++;
      continue;
    }
    const place = content === null ? null : (places.get(content) ?? null);
    const isFresh = content !== null && fresh.has(content);
    const last = runs.at(-1);
    const follows =
      last !== undefined &&
      gap === 0 &&
      last.pack === (place?.pack ?? null) &&
      last.fresh === isFresh &&
      (place === null || last.slot + last.count === place.slot);
    if (follows) runs[runs.length - 1] = { ...last, count: last.count + 1 };
    else runs.push({ gap, count: 1, pack: place?.pack ?? null, slot: place?.slot ?? 0, fresh: isFresh });
    gap = 0;
  }
  return { start, pages: contents.length, path, prot, runs, ...(flags === undefined ? {} : { flags }) };
}

interface PutPack {
  readonly id: string;
  readonly storedBytes: number;
}

/** A pack as far as its directory: page n of it has the hash of `contents[n]`. Its frames count 1,000 bytes a page and are not there. */
export async function putPack(store: Store, contents: readonly string[], stream: string): Promise<PutPack> {
  const storedBytes = contents.length * 1000;
  const header = encodePackHeader({
    magic: 'ckptpack',
    version: 1,
    pages: contents.length,
    storedBytes: BigInt(storedBytes),
    stream,
  });
  const bytes = Buffer.concat([header, ...contents.map((content) => createHash('sha256').update(content).digest())]);
  const id = createHash('sha256').update(bytes).digest('hex');
  if (contents.length > 0)
    await store.log.packs.put([
      { id, bytes, pages: contents.length, rawBytes: contents.length * 4096, storedBytes, stream },
    ]);
  return { id, storedBytes: contents.length > 0 ? storedBytes : 0 };
}
