// SPDX-License-Identifier: Apache-2.0
//
// What a log knows its pages by is decided when it is made, stays, and goes along where a seal of it is carried to another.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LogOpened } from '../../src/format/events.js';
import { TestStore } from '../support/cli.js';
import { buildImage, plainShape, rowOfPages } from '../support/image-generator.js';
import { sha256sum } from '../support/images.js';

const { bytes } = buildImage(plainShape(2, { mappings: [rowOfPages(700, 'noise', 'text', 'zero')] }));
const older: TestStore = new TestStore();
const newer: TestStore = new TestStore();
const file = join(older.dir, 'image');

/** The first event of a store's log, changed by `change`. */
function opened(store: TestStore, change?: (value: LogOpened) => object): LogOpened {
  const db = new Database(join(store.path, 'log.db'));
  try {
    const { value } = db.prepare('SELECT value FROM event WHERE offset = 0').get() as { value: Buffer };
    const parsed = JSON.parse(value.toString()) as LogOpened;
    if (change) {
      db.prepare('UPDATE event SET value = ? WHERE offset = 0').run(Buffer.from(JSON.stringify(change(parsed))));
    }
    return parsed;
  } finally {
    db.close();
  }
}

async function comesBack(store: TestStore): Promise<void> {
  const copy = join(store.dir, 'copy');
  await store.ok('export', '@last', '-o', copy);
  expect(sha256sum(copy)).toBe(sha256sum(file));
  await store.ok('verify');
}

beforeAll(async () => {
  writeFileSync(file, bytes);
  const ingest = older.start(['ingest', file, '--name', 'image'], { env: { CKPT_PAGE_HASH: 'sha256' } });
  expect((await ingest.end()).code).toBe(0);
});

afterAll(() => {
  older.remove();
  newer.remove();
});

describe('a log', () => {
  it('keeps the hash that it was made with, and new ones have BLAKE3', async () => {
    expect(opened(older).hash).toBe('sha256');
    await older.ok('ingest', file);
    const [first, second] = await older.list();
    expect(first?.new_pages).toBeGreaterThan(0);
    expect(second?.new_pages).toBe(0);
    await comesBack(older);
    await newer.ok('ingest', file);
    expect(opened(newer).hash).toBe('blake3');
    await comesBack(newer);
  });

  it('is said to want something else by name', async () => {
    const { code } = await older.start(['ls'], { env: { CKPT_PAGE_HASH: 'md5' } }).end();
    expect(code).toBe(2);
  });

  it('of another hash believes a seal that was carried to it', async () => {
    await older.ok('key', 'make', '--name', 'first');
    await older.ok('key', 'seal', 'image');
    const key = join(older.dir, 'first.key');
    await older.ok('key', 'export', 'first', '-o', key);
    await older.ok('copy', 'image', '--to', newer.path);
    await newer.ok('key', 'import', key);
    const db = new Database(join(newer.path, 'catalog.db'));
    try {
      // The carried one alone.
      db.exec('DELETE FROM seal WHERE salt IS NULL');
      expect(db.prepare('SELECT salt, hash FROM seal').all()).toEqual([{ salt: opened(older).salt, hash: 'sha256' }]);
      await newer.ok('export', 'image', '-o', join(newer.dir, 'carried'));
      expect(sha256sum(join(newer.dir, 'carried'))).toBe(sha256sum(file));
      db.exec("UPDATE seal SET hash = 'blake3'");
      expect((await newer.run('export', 'image', '-o', '/dev/null')).code).toBe(4);
      db.exec("UPDATE seal SET hash = 'md5'");
      expect((await newer.run('export', 'image', '-o', '/dev/null')).code).toBe(4);
    } finally {
      db.close();
    }
  });

  it('whose hash this release does not know is refused, and stays as it is', async () => {
    const before = opened(newer, (value) => ({ ...value, hash: 'blake4' }));
    const { code, stderr } = await newer.run('ls');
    expect(code).toBe(5);
    expect(stderr).toMatch(/hashes its pages with blake4; this release knows blake3 and sha256/);
    opened(newer, () => before);
    await newer.ok('rebuild');
    await newer.ok('verify');
  });
});
