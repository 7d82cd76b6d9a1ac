// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packPath } from '../../src/codec/native.js';
import { encodePackHeader } from '../../src/format/generated/store.js';
import type { SqlSession, SqlValue } from '../../src/store/catalog/sql.js';
import { openStore, type Store } from '../../src/store/store.js';
import { fakeCodec, smallImage, streamOf, type Run } from './support/fake-image.js';

let dir: string;
let store: Store;
let session: SqlSession;
let pack: string;
let twin: string;

/** A pack as far as its directory; page n of it has the hash of `texts[n]`. */
async function putPack(texts: readonly string[], mark: number): Promise<string> {
  const header = encodePackHeader({ magic: 'ckptpack', version: 1, pages: texts.length, storedBytes: BigInt(mark) });
  const bytes = Buffer.concat([header, ...texts.map((text) => createHash('sha256').update(text).digest())]);
  const id = createHash('sha256').update(bytes).digest('hex');
  await store.log.packs.put([
    { id, bytes, pages: texts.length, rawBytes: texts.length * 4096, storedBytes: bytes.length, stream: 'a' },
  ]);
  return id;
}

const run = (change: Partial<Run>): Run => ({ gap: 0, count: 1, pack: null, slot: 0, fresh: false, ...change });

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'ckpt-sql-'));
  store = await openStore({ dir, create: true, codec: fakeCodec });
  pack = await putPack(['A', 'B', 'C', 'D'], 1);
  twin = await putPack(['B', 'A'], 2);
  const vma = (runs: Run[]) => [{ start: 16, pages: 20, path: null, runs }];
  await store.log.append(
    streamOf(
      smallImage('a', {
        vmas: vma([run({ count: 2 }), run({ gap: 1, count: 3, pack }), run({ gap: 2, pack, slot: 3 })]),
      }),
    ),
  );
  // The same but: 0x10 is removed, 0x13 comes from the twin pack, 0x14 has changed, 0x20 is new.
  await store.log.append(
    streamOf(
      smallImage('b', {
        vmas: vma([
          run({ gap: 1 }),
          run({ gap: 1, pack: twin, slot: 1 }),
          run({ pack: twin, slot: 1 }),
          run({ pack, slot: 2 }),
          run({ gap: 2, pack, slot: 3 }),
          run({ gap: 7 }),
        ]),
      }),
    ),
  );
  await store.catchUp();
  session = store.openSql();
});
afterEach(async () => {
  session.close();
  await store.close();
  rmSync(dir, { recursive: true, force: true });
});

function ask(sql: string): (readonly SqlValue[])[] {
  return [...session.query(sql).rows];
}

describe('SQL over the catalog', () => {
  it('answers with columns and exact integers', () => {
    const { columns, rows } = session.query(
      "SELECT id, pages, 9007199254740993 AS big, 1.5 AS half, null AS empty, x'00ff' AS bytes FROM checkpoint ORDER BY id",
    );
    expect(columns).toEqual(['id', 'pages', 'big', 'half', 'empty', 'bytes']);
    expect([...rows]).toEqual([
      ['a', 6n, 9007199254740993n, 1.5, null, Buffer.from([0, 255])],
      ['b', 6n, 9007199254740993n, 1.5, null, Buffer.from([0, 255])],
    ]);
  });

  it('has the tables of the contract', () => {
    const columns: Record<string, string[]> = {
      checkpoint: [
        'id',
        'name',
        'state',
        'created_at',
        'host',
        'pid',
        'comm',
        'format_version',
        'kernel_release',
        'image_bytes',
        'image_digest',
        'pages',
        'zero_pages',
        'new_pages',
        'stored_bytes',
        'parent_id',
      ],
      tag: ['checkpoint_id', 'name'],
      record: ['checkpoint_id', 'seq', 'type', 'offset', 'bytes'],
      vma: ['checkpoint_id', 'seq', 'start_addr', 'end_addr', 'kind', 'prot', 'path', 'pages', 'start_hex', 'end_hex'],
      pack: ['id', 'pages', 'raw_bytes', 'stored_bytes', 'live_pages'],
      restore: ['checkpoint_id', 'at', 'host', 'pid', 'result'],
      "vma_page('a')": ['addr', 'page_hash', 'pack_id', 'zero'],
      "page_diff('a', 'b')": ['addr', 'change'],
      log_position: ['partition', 'next'],
    };
    for (const [table, names] of Object.entries(columns)) {
      expect(session.query(`SELECT * FROM ${table}`).columns, table).toEqual(expect.arrayContaining(names));
    }
    expect(ask("SELECT start_addr, start_hex FROM vma WHERE checkpoint_id = 'a'")).toEqual([[65536n, '000000010000']]);
    expect(ask('SELECT id, pages, live_pages FROM pack ORDER BY pages')).toEqual([
      [twin, 2n, 1n],
      [pack, 4n, 4n],
    ]);
  });

  it('shows every page of a checkpoint', () => {
    const hash = (text: string): string => createHash('sha256').update(text).digest('hex');
    expect(ask("SELECT addr, page_hash, pack_id, zero FROM vma_page('a')")).toEqual([
      [0x10000n, null, null, 1n],
      [0x11000n, null, null, 1n],
      [0x13000n, hash('A'), pack, 0n],
      [0x14000n, hash('B'), pack, 0n],
      [0x15000n, hash('C'), pack, 0n],
      [0x18000n, hash('D'), pack, 0n],
    ]);
    expect(ask('SELECT c.id, count(*) FROM checkpoint c JOIN vma_page(c.id) p GROUP BY 1 ORDER BY 1')).toEqual([
      ['a', 6n],
      ['b', 6n],
    ]);
    expect(ask("SELECT addr FROM vma_page('a') LIMIT 1")).toEqual([[0x10000n]]);
  });

  it('compares the pages of two checkpoints by their contents', () => {
    expect(ask("SELECT addr_hex, change FROM page_diff('a', 'b')")).toEqual([
      ['000000010000', 'removed'],
      ['000000014000', 'changed'],
      ['000000020000', 'added'],
    ]);
    expect(ask("SELECT count(*) FROM page_diff('b', 'b')")).toEqual([[0n]]);
  });

  it('refuses whatever does not only read', () => {
    const before = readdirSync(dir).sort();
    for (const sql of [
      'DELETE FROM image',
      "INSERT INTO meta VALUES ('a', 'b')",
      "INSERT INTO meta VALUES ('a', 'b') RETURNING key",
      'PRAGMA user_version = 7',
      'PRAGMA journal_mode = DELETE',
      `ATTACH '${dir}/other.db' AS other`,
      `VACUUM INTO '${dir}/copy.db'`,
      'BEGIN',
      'CREATE TEMP TABLE t (x)',
      'SELECT 1; SELECT 2',
      "SELECT load_extension('x')",
      'SELEC 1',
      '',
    ]) {
      expect(() => ask(sql), sql).toThrow(expect.objectContaining({ reason: 'query', kind: 'usage' }));
    }
    expect(readdirSync(dir).sort()).toEqual(before);
    expect(ask('SELECT count(*) FROM checkpoint')).toEqual([[2n]]);
  });

  it('says what is wrong with an id or a pack', () => {
    expect(() => ask("SELECT * FROM vma_page('nobody')")).toThrow(expect.objectContaining({ kind: 'missing' }));
    writeFileSync(packPath(store.log.packs.dir, pack), 'short');
    expect(() => ask("SELECT * FROM vma_page('a')")).toThrow(
      expect.objectContaining({ kind: 'damaged', message: expect.stringContaining(pack) }),
    );
    rmSync(packPath(store.log.packs.dir, pack));
    expect(() => ask("SELECT page_hash FROM vma_page('a')")).toThrow(
      expect.objectContaining({ message: expect.stringContaining(pack) }),
    );
  });

  it('that is left in the middle blocks nobody', async () => {
    for (const row of session.query("SELECT * FROM vma_page('a')").rows) {
      expect(row).toHaveLength(6);
      break;
    }
    expect(ask('SELECT 1')).toEqual([[1n]]);
    await store.log.append(streamOf(smallImage('c')));
    await store.catchUp();
    expect(ask('SELECT count(*) FROM checkpoint')).toEqual([[3n]]);
  });
});
