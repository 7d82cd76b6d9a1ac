// SPDX-License-Identifier: Apache-2.0
//
// `ckpt sql` as people use it: what it prints, what it refuses, and that no query outlives its welcome.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askSql } from '../../src/store/sql/ask.js';
import { TestStore } from '../support/cli.js';
import { cleanUp, isAlive, until } from '../support/processes.js';

const golden = (name: string): string => fileURLToPath(new URL(`../golden/${name}.img`, import.meta.url));
const endless = 'WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT max(n) FROM c';

let store: TestStore;
let id: string;

beforeAll(async () => {
  store = new TestStore();
  id = await store.ok('ingest', golden('mixed'), '--name', 'mixed');
  await store.ok('ingest', golden('no-pages'), '--name', 'a, "b"');
});
afterAll(async () => {
  await cleanUp();
  await store.expectWhole([id, (await store.row(id)).id === id ? (await store.list())[1]!.id : '']);
  store.remove();
});

describe('ckpt sql prints', () => {
  it('an aligned table', async () => {
    const out = await store.ok('sql', 'SELECT name, format_version AS version FROM checkpoint ORDER BY id');
    expect(out).toBe('name    version\nmixed         1\na, "b"        1');
  });

  it('JSON: one array of objects, integers whole, blobs hex, columns of one name told apart', async () => {
    const out = await store.ok(
      'sql',
      '--json',
      "SELECT 9007199254740993 AS n, 1.5 AS n, x'00ff' AS b, NULL AS e, 'é\"' AS t UNION ALL SELECT -9223372036854775808, 2, x'', '', ''",
    );
    expect(out).toBe(
      '[{"n":9007199254740993,"n_2":1.5,"b":"00ff","e":null,"t":"é\\""},\n{"n":-9223372036854775808,"n_2":2,"b":"","e":"","t":""}]',
    );
    expect(await store.ok('sql', '--json', 'SELECT 1 WHERE 0')).toBe('[]');
  });

  it('CSV that other programs read, with null and empty text told apart', async () => {
    const result = await store.run(
      'sql',
      '--csv',
      "SELECT name, 'two\nlines' AS t, NULL AS n, '' AS e, 18014398509481985 AS i FROM checkpoint ORDER BY id",
    );
    // The harness takes lines apart and with them the last line feed.
    expect(`${result.stdout}\n`).toBe(
      'name,t,n,e,i\r\nmixed,"two\nlines",,"",18014398509481985\r\n"a, ""b""","two\nlines",,"",18014398509481985\r\n',
    );
    const parsed: unknown = JSON.parse(
      execFileSync('python3', ['-c', 'import csv, json, sys; print(json.dumps(list(csv.reader(sys.stdin))))'], {
        input: `${result.stdout}\n`,
        encoding: 'utf8',
      }),
    );
    expect(parsed).toEqual([
      ['name', 't', 'n', 'e', 'i'],
      ['mixed', 'two\nlines', '', '', '18014398509481985'],
      ['a, "b"', 'two\nlines', '', '', '18014398509481985'],
    ]);
  });

  it('nothing but a remark when there are no rows', async () => {
    const result = await store.run('sql', 'SELECT id, name FROM checkpoint WHERE 0');
    expect(result).toEqual({ code: 0, stdout: '', stderr: 'no rows (id, name)' });
  });

  it('page maps and comparisons through the table functions', async () => {
    const row = await store.row(id);
    const count = await store.ok('sql', '--csv', `SELECT count(*), sum(zero) FROM vma_page('${id}')`);
    expect(count.split('\r\n')[1]?.split(',')[0]).toBe(String(row.pages));
    expect(await store.ok('sql', '--csv', `SELECT count(*) FROM page_diff('${id}', '${id}')`)).toBe('count(*)\r\n0');
    const stored = await store.ok(
      'sql',
      '--csv',
      `SELECT (SELECT sum(pages) FROM page_share('${id}', '${id}')) = (SELECT count(DISTINCT page_hash) FROM vma_page('${id}')), (SELECT sum(pages) FROM would_free('${id}'))`,
    );
    expect(stored.split('\r\n')[1]).toBe(`1,${row.new_pages}`);
  });

  it('the schema, without a store', async () => {
    const doc = readFileSync(fileURLToPath(new URL('../../docs/catalog.md', import.meta.url)), 'utf8');
    expect(doc).toContain(`\`\`\`text schema\n${await store.ok('sql', '--schema')}\n\`\`\``);
  });

  it('of a store that is not there, what an empty one would, and makes nothing', async () => {
    const none = new TestStore();
    expect(await none.ok('sql', '--json', 'SELECT count(*) AS n FROM checkpoint')).toBe('[{"n":0}]');
    expect(readdirSync(none.dir)).toEqual([]);
    none.remove();
  });

  it('rows as they come: the reader that has enough ends the query', async () => {
    const query = store.start([
      'sql',
      '--csv',
      '--timeout',
      '0',
      'WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c',
    ]);
    await query.out.wait(/^100\r?$/);
    query.child.stdout?.destroy();
    expect((await query.end()).code).toBe(0);
  });
});

describe('ckpt sql refuses', () => {
  it.each([
    ['DELETE FROM image', /only a statement that reads/],
    ["INSERT INTO meta VALUES ('a', 'b') RETURNING key", /only a statement that reads/],
    ['UPDATE image SET name = NULL', /only a statement that reads/],
    ["ATTACH 'other.db' AS other", /no other file is attached/],
    ["/* well */ ; ATTACH DATABASE 'other.db' AS other", /no other file is attached/],
    ["VACUUM INTO 'copy.db'", /only a statement that reads/],
    ['PRAGMA journal_mode = DELETE', /PRAGMA journal_mode/],
    ['PRAGMA journal_mode', /PRAGMA journal_mode/],
    ['-- so\nPRAGMA main.user_version = 7', /PRAGMA user_version/],
    ['PRAGMA user_version(7)', /PRAGMA user_version/],
    ['EXPLAIN QUERY PLAN PRAGMA locking_mode = EXCLUSIVE', /PRAGMA locking_mode/],
    ['PRAGMA "query_only"(0)', /PRAGMA query_only/],
    ['CREATE TEMP TABLE t (x)', /only a statement that reads/],
    ['BEGIN', /only a statement that reads/],
    ['SELECT 1; DROP TABLE image', /more than one statement/],
    ["SELECT load_extension('x')", /not authorized|no such function/],
    ['SELECT * FROM nowhere', /no such table: nowhere/],
    ['SELEC 1', /syntax error/],
    ['', /no statements/],
  ])('%s', async (query, words) => {
    const before = filesOf(store.path);
    const result = await store.run('sql', '--', query);
    expect(result.code).toBe(2);
    expect(result.stdout).toBe('');
    expect(result.stderr).toMatch(words);
    expect(result.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(filesOf(store.path)).toEqual(before);
    expect(await store.ok('sql', '--csv', 'PRAGMA user_version')).toMatch(/^user_version\r\n[1-9]/);
  });

  it('a page map of nobody', async () => {
    const result = await store.run('sql', "SELECT * FROM vma_page('nobody')");
    expect(result).toMatchObject({ code: 3, stderr: expect.stringMatching(/nobody.*no such checkpoint/) });
  });

  it('options that make no sense', async () => {
    for (const args of [
      ['sql'],
      ['sql', '--timeout', 'soon', 'SELECT 1'],
      ['sql', '--timeout', '-1', 'SELECT 1'],
      ['sql', '--csv', '--json', 'SELECT 1'],
    ])
      expect(await store.run(...args), args.join(' ')).toMatchObject({ code: 2, stdout: '' });
  });
});

describe('ckpt sql cuts off', () => {
  it('a query that takes too long', async () => {
    const result = await store.run('sql', '--timeout', '0.5', endless);
    expect(result).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^ckpt: sql: query: cut off after 0\.5 s \(.*--timeout.*\)$/),
    });
  });

  it('a query that needs too much memory, and says so', async () => {
    // A sum of long texts: each doubles, so that it passes any limit after a few steps, long before the length that SQLite allows.
    const greedy =
      'SELECT ' + Array.from({ length: 8 }, (_, i) => `randomblob(${400_000_000 + i}) AS b${i}`).join(', ');
    const result = await store.run('sql', greedy);
    expect(result.code).not.toBe(0);
    expect(result.stdout).toBe('');
    expect(result.stderr).toMatch(/memory|too big/);
    expect(result.stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  it('a query that sorts more than its temporary files may hold', async () => {
    const request = { catalog: null, packsDir: store.dir };
    const texts = (count: number): string =>
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count}) SELECT hex(randomblob(100)) AS b FROM n ORDER BY b`;
    const count = async (query: string): Promise<number> => {
      let rows = 0;
      const { batches } = await askSql({ ...request, query }, { fileBytesMax: 4 << 20 });
      for await (const batch of batches) rows += batch.length;
      return rows;
    };
    expect(await count(texts(1000))).toBe(1000);
    await expect(count(texts(300_000))).rejects.toMatchObject({
      reason: 'failed',
      message: expect.stringMatching(/^sql: query: its temporary files need more room/),
    });
  });

  it.each(['SIGKILL', 'SIGTERM', 'SIGINT'] as const)('a query whose owner ends by %s', async (signal) => {
    const query = store.start(['sql', '--timeout', '0', endless]);
    const running = (): number[] => childrenOf(query.pid);
    await until('the process of the query', () => running().length > 0);
    const [child = 0] = running();
    // It is busy in SQLite, not still starting.
    await until('its work', () => cpuTicks(child) > 30);
    query.child.kill(signal);
    await query.end();
    await until('its end', () => !isAlive(child));
  });
});

/** But for those of SQLite's that come and go with its connections. */
function filesOf(dir: string): string[] {
  return readdirSync(dir)
    .filter((name) => !/-(wal|shm)$/.test(name))
    .sort();
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function cpuTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[11]);
}
