// SPDX-License-Identifier: Apache-2.0
//
// The index of a store that stays open, as in the service: it follows what other processes write, and a load that failed is no fate.
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Ckpt } from '../../src/ckpt.js';
import type { IngestResult } from '../../src/ckpt.js';
import { loadCodec } from '../../src/codec/native.js';
import { DedupIndex } from '../../src/dedup-index.js';
import { Leases, openStore, Quarantine, type Store } from '../../src/store/index.js';
import { pagedImage } from '../support/paged-image.js';

const pages = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);

let dir: string;
let storeDir: string;
const opened: { close(): Promise<void> }[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ckpt-dedup-'));
  storeDir = join(dir, 'store');
});
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
  rmSync(dir, { recursive: true, force: true });
});

async function open(): Promise<Ckpt> {
  const ckpt = await Ckpt.open({ store: storeDir, access: 'create', threads: 2 });
  opened.push(ckpt);
  return ckpt;
}

async function ingest(ckpt: Ckpt, image: readonly number[]): Promise<IngestResult> {
  const path = join(dir, 'image');
  writeFileSync(path, pagedImage(image));
  const fd = openSync(path, 'r');
  try {
    const results: IngestResult[] = [];
    for await (const one of ckpt.ingest(fd)) results.push(one);
    const [result] = results;
    if (!result) throw new Error('nothing was ingested');
    return result;
  } finally {
    closeSync(fd);
  }
}

it('chooses what another process has stored since it was loaded', async () => {
  const [mine, other] = [await open(), await open()];
  await ingest(mine, pages(1, 10)); // loads its index
  await ingest(other, pages(100, 20));
  expect((await ingest(mine, pages(100, 20))).newPages).toBe(0);
  expect((await ingest(mine, pages(95, 20))).newPages).toBe(5);
});

it('follows within one stream of several images', async () => {
  const [mine, other] = [await open(), await open()];
  const path = join(dir, 'several');
  writeFileSync(path, Buffer.concat([pagedImage(pages(1, 5)), pagedImage(pages(50, 9))]));
  const fd = openSync(path, 'r');
  const newPages: number[] = [];
  try {
    for await (const one of mine.ingest(fd, { stream: true })) {
      newPages.push(one.newPages);
      if (newPages.length === 1) await ingest(other, pages(50, 9));
    }
  } finally {
    closeSync(fd);
  }
  expect(newPages).toEqual([5, 0]);
});

it('chooses a pack again that was in quarantine and has been put back', async () => {
  const [mine, other] = [await open(), await open()];
  await ingest(mine, pages(1, 10));
  const [pack = ''] = readdirSync(join(storeDir, 'packs'), { recursive: true })
    .map((name) => join(storeDir, 'packs', String(name)))
    .filter((path) => path.endsWith('.pack'));
  // Its magic goes bad, and is put right.
  const bytes = readFileSync(pack);
  writeFileSync(pack, Buffer.concat([Buffer.alloc(8), bytes.subarray(8)]));
  expect((await other.verify()).damage).toHaveLength(1);
  // Known to be in quarantine, but nothing asks for its pages, and nobody may heal it meanwhile.
  const turn = new Leases(storeDir, loadCodec()).takeTurn();
  expect((await ingest(mine, pages(50, 1))).newPages).toBe(1);
  turn.release();
  await other.repair();
  expect(readFileSync(pack).equals(bytes)).toBe(true);
  expect((await ingest(mine, pages(1, 10))).newPages).toBe(0);
});

it('tries again when loading failed', async () => {
  await ingest(await open(), pages(1, 10));
  const store: Store = await openStore({ dir: storeDir, create: false, codec: loadCodec() });
  opened.push(store);
  const quarantine = new Quarantine(storeDir, store.log.packs.dir);
  const leased = vi.fn((work: () => ReturnType<DedupIndex['load']>) => work());
  leased.mockRejectedValueOnce(new Error('no lease today'));
  const index = new DedupIndex(store, loadCodec(), quarantine, leased);
  await expect(index.load()).rejects.toThrow('no lease today');
  expect((await index.bringUpToDate()).pages).toBe(10);
  expect((await index.load()).pages).toBe(10);
  expect(leased).toHaveBeenCalledTimes(2);
});

it('does not choose a condemned pack, whenever it is loaded', async () => {
  const [mine, other] = [await open(), await open()];
  const { id } = await ingest(mine, pages(1, 10));
  await other.remove(id);
  await other.collect();
  expect((await ingest(mine, pages(1, 10))).newPages).toBe(10);
  expect((await mine.verify()).damage).toEqual([]);
});
