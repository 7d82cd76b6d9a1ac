// SPDX-License-Identifier: Apache-2.0
//
// A pack goes bad at one place, each place there is. What stands there is known otherwise, but for pages: these come back when the same
// image is ingested again, whatever the damage was. No place may be left that is never whole again.
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Ckpt } from '../../src/ckpt.js';
import { HASH_BYTES, PACK_HEADER_BYTES } from '../../src/format/generated/store.js';
import { pagedImage } from '../support/paged-image.js';

const PAGES = 40;
const FRAMES = PAGES / 8;
const image = pagedImage(Array.from({ length: PAGES }, (_, i) => i + 1));
const tableAt = PACK_HEADER_BYTES + PAGES * HASH_BYTES;
const framesAt = tableAt + FRAMES * 4;

let dir: string;
let ckpt: Ckpt;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'ckpt-healing-'));
  ckpt = await open();
});
afterEach(async () => {
  await ckpt.close();
  rmSync(dir, { recursive: true, force: true });
});

function open(): Promise<Ckpt> {
  return Ckpt.open({ store: join(dir, 'store'), access: 'create', threads: 2 });
}

async function ingest(into: Ckpt): Promise<string> {
  const path = join(dir, 'image');
  writeFileSync(path, image);
  const fd = openSync(path, 'r');
  try {
    const ids: string[] = [];
    for await (const { id } of into.ingest(fd)) ids.push(id);
    expect(ids).toHaveLength(1);
    return ids[0] ?? '';
  } finally {
    closeSync(fd);
  }
}

async function exported(id: string): Promise<Buffer> {
  const path = join(dir, 'exported');
  const fd = openSync(path, 'w');
  try {
    await ckpt.export(id, fd);
  } finally {
    closeSync(fd);
  }
  return readFileSync(path);
}

function packFiles(): string[] {
  return readdirSync(join(dir, 'store', 'packs'), { recursive: true })
    .map((name) => join(dir, 'store', 'packs', String(name)))
    .filter((path) => path.endsWith('.pack'))
    .sort();
}

/** Where each field of the header begins. */
const headerFields = [0, 8, 10, 12, 16, 20, 24, 32, 48, 64, 80, 112, 120];

type Damage = (bytes: Buffer) => Buffer;

function flip(at: number, bit: number): Damage {
  return (bytes) => {
    bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
    return bytes;
  };
}

async function damageTheOnlyPack(damage: Damage): Promise<string> {
  const id = await ingest(ckpt);
  const [path = ''] = packFiles();
  writeFileSync(path, damage(readFileSync(path)));
  const { damage: found } = await ckpt.verify();
  expect(found).toMatchObject([{ touches: [id] }]);
  return id;
}

async function expectWhole(id: string): Promise<void> {
  const { damage } = await ckpt.verify();
  expect(damage).toEqual([]);
  expect((await exported(id)).equals(image)).toBe(true);
}

const knownOtherwise: readonly (readonly [string, Damage])[] = [
  ...headerFields.map((at) => [`header byte ${at}`, flip(at, 1)] as const),
  ...[0, 8, 15, 16, 31].map((bit) => [`frame table, bit ${bit}`, flip(tableAt + 4 + (bit >> 3), bit & 7)] as const),
  ['the first hash', flip(PACK_HEADER_BYTES, 0)],
  ['the last hash', flip(tableAt - 1, 7)],
  ['the whole directory', (bytes) => bytes.fill(0, PACK_HEADER_BYTES, tableAt)],
  ['the whole header', (bytes) => bytes.fill(0xff, 0, PACK_HEADER_BYTES)],
  ['header and directory', (bytes) => bytes.fill(0, 0, tableAt)],
  ['the digest', (bytes) => flip(bytes.length - 1, 0)(bytes)],
  ['the file without its digest', (bytes) => bytes.subarray(0, -HASH_BYTES)],
  ['a longer file', (bytes) => Buffer.concat([bytes, Buffer.alloc(4096, 7)])],
];

describe('what is known otherwise is mended, no page is lost', () => {
  it.each(knownOtherwise)('%s', async (_, damage) => {
    const id = await damageTheOnlyPack(damage);
    const report = await ckpt.repair();
    expect(report).toMatchObject({ lost_pages: 0, left: { damage: [] } });
    await expectWhole(id);
    expect(packFiles()).toHaveLength(1); // put back, not copied
  });
});

const pagesGone: readonly (readonly [string, Damage])[] = [
  ['a bit of the first frame', flip(framesAt + 100, 3)],
  ['a bit of the last frame', (bytes) => flip(bytes.length - HASH_BYTES - 50, 3)(bytes)],
  ['two entries of the frame table', (bytes) => flip(tableAt + 8, 1)(flip(tableAt, 0)(bytes))],
  ['a frame and the magic', (bytes) => flip(0, 0)(flip(framesAt + 100, 3)(bytes))],
  ['a frame and the page count', (bytes) => flip(12, 0)(flip(framesAt + 100, 3)(bytes))],
  ['a frame and the frame table', (bytes) => flip(tableAt + 4, 2)(flip(framesAt + 100, 3)(bytes))],
  ['half the file', (bytes) => bytes.subarray(0, bytes.length >> 1)],
  ['the frame table and all behind it', (bytes) => bytes.subarray(0, tableAt)],
];

describe('pages that are lost are whole again when they come once more', () => {
  it.each(pagesGone)('%s', async (_, damage) => {
    const id = await damageTheOnlyPack(damage);
    const report = await ckpt.repair();
    expect(report.lost_pages).toBeGreaterThan(0);
    expect(report.lost_pages).toBeLessThanOrEqual(PAGES);
    expect(report.left.damage.flatMap(({ touches }) => touches)).toEqual([id]);
    const again = await ingest(ckpt);
    await expectWhole(id);
    await expectWhole(again);
    expect(readdirSync(join(dir, 'store', 'quarantine'))).toEqual([]);
  });

  it('names as lost only what is', async () => {
    await damageTheOnlyPack((bytes) => flip(0, 0)(flip(framesAt + 100, 3)(bytes)));
    const report = await ckpt.repair();
    // The first frame is damaged within its first page: the other seven still come out of it.
    expect(report).toMatchObject({ saved_pages: PAGES - 1, lost_pages: 1 });
  });
});
