// SPDX-License-Identifier: Apache-2.0
//
// docs/catalog.md is what happens: its schema is that of the catalog, and each of its questions has the answer that stands below it.
// After a change that is meant: CKPT_UPDATE_DOCS=1 npx vitest run test/store/cookbook.test.ts writes the answers anew.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StreamedTable } from '../../src/cli/text.js';
import { describeSchema, relations } from '../../src/store/catalog/schema-text.js';
import type { SqlValue } from '../../src/store/catalog/sql.js';
import { openStore, type Store } from '../../src/store/store.js';
import { fakeCodec, smallImage, streamOf } from './support/fake-image.js';
import { tellStory } from './support/story.js';

const path = fileURLToPath(new URL('../../docs/catalog.md', import.meta.url));
const updating = process.env['CKPT_UPDATE_DOCS'] === '1';
let text = readFileSync(path, 'utf8');

interface Question {
  readonly title: string;
  readonly sql: string;
  readonly answer: string;
}

const questions: Question[] = [
  ...text.matchAll(/^### (.+)\n(?:(?!###)[^])*?```sql\n([^]*?)```\n\n```text\n([^]*?)```\n/gm),
].map(([, title = '', sql = '', answer = '']) => ({ title, sql, answer }));

let dir: string;
let store: Store;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'ckpt-cookbook-'));
  store = await openStore({ dir, create: true, codec: fakeCodec });
  await tellStory(store);
});
afterAll(async () => {
  if (updating) writeFileSync(path, text);
  await store.close();
  rmSync(dir, { recursive: true, force: true });
});

async function ask(sql: string): Promise<{ columns: readonly string[]; rows: (readonly SqlValue[])[] }> {
  const { columns, batches } = await store.askSql(sql);
  const rows: (readonly SqlValue[])[] = [];
  for await (const batch of batches) rows.push(...batch);
  return { columns, rows };
}

function tableOf({ columns, rows }: { columns: readonly string[]; rows: (readonly SqlValue[])[] }): string {
  const table = new StreamedTable(columns);
  return table.take(rows) + table.end();
}

describe('the schema', () => {
  it('in the document is what ckpt sql --schema prints', () => {
    const block = /```text schema\n([^]*?)```/;
    if (updating) text = text.replace(block, () => `\`\`\`text schema\n${describeSchema()}\`\`\``);
    expect(block.exec(text)?.[1]).toBe(describeSchema());
  });

  it.each(relations)('of $name is that of the catalog', async ({ name, kind, columns }) => {
    if (kind === 'function') {
      const parameters = /\((.*)\)/.exec(name)?.[1]?.split(', ') ?? [];
      const call = name.replace(/\(.*/, `(${parameters.map(() => `'01jnfbcy00webday3'`).join(', ')})`);
      const answer = await ask(`SELECT * FROM ${call} LIMIT 1`);
      expect(answer.columns).toEqual(columns.map(([column]) => column));
      return;
    }
    const { rows } = await ask(`SELECT name FROM pragma_table_info('${name}')`);
    expect(rows.flat()).toEqual(columns.map(([column]) => column));
    const found = await ask(`SELECT type FROM sqlite_schema WHERE name = '${name}'`);
    expect(found.rows.flat()).toEqual([kind]);
    // Each value is of the type that is written down, in every row.
    for (const [column, type] of columns) {
      const types = await ask(`SELECT DISTINCT typeof(${column}) FROM ${name} WHERE ${column} IS NOT NULL`);
      expect([[], [type.toLowerCase()]], `${name}.${column}`).toContainEqual(types.rows.flat());
    }
  });
});

describe('the cookbook', () => {
  it('has at least twenty questions', () => {
    expect(questions.length).toBeGreaterThanOrEqual(20);
    expect(text.match(/```sql\n/g)).toHaveLength(questions.length);
    expect(new Set(questions.map(({ title }) => title)).size).toBe(questions.length);
  });

  it.each(questions)('answers: $title', async ({ sql, answer }) => {
    const answered = tableOf(await ask(sql));
    if (updating)
      text = text.replace(
        `${sql}\`\`\`\n\n\`\`\`text\n${answer}\`\`\``,
        () => `${sql}\`\`\`\n\n\`\`\`text\n${answered}\`\`\``,
      );
    else expect(answered).toBe(answer);
    expect(answered.split('\n').length).toBeGreaterThan(2);
  });
});

/** A program that knows SQLite and nothing of ckpt. */
interface PlainClient {
  readonly name: string;
  /** The rows of a statement as JSON arrays. */
  readonly rows: (sql: string) => unknown[][];
}

const plainClients: readonly PlainClient[] = [
  {
    name: 'sqlite3',
    rows: (sql) => {
      const out = execFileSync('sqlite3', ['-json', `file:${join(dir, 'catalog.db')}?mode=ro`, sql], {
        encoding: 'utf8',
      });
      return out === '' ? [] : (JSON.parse(out) as Record<string, unknown>[]).map((row) => Object.values(row));
    },
  },
  {
    name: "Python's sqlite3",
    rows: (sql) => {
      const program =
        'import json, sqlite3, sys\n' +
        'db = sqlite3.connect("file:" + sys.argv[1] + "?mode=ro", uri=True)\n' +
        'print(json.dumps(db.execute(sys.argv[2]).fetchall()))';
      return JSON.parse(
        execFileSync('python3', ['-c', program, join(dir, 'catalog.db'), sql], { encoding: 'utf8' }),
      ) as unknown[][];
    },
  },
];

describe.each(plainClients)('$name on catalog.db while the store is in use', ({ rows }) => {
  const plain = questions.filter(({ sql }) => !/\b(vma_page|page_diff|page_share|would_free)\(/.test(sql));

  it('gives the same answers', async () => {
    expect(plain.length).toBeGreaterThan(15);
    for (const { title, sql } of plain) {
      const ours = (await ask(sql)).rows.map((row) =>
        row.map((value) => (typeof value === 'bigint' ? Number(value) : value)),
      );
      expect(rows(sql), title).toEqual(ours);
    }
  });

  it('reads every table and view of the contract', () => {
    for (const { name, kind } of relations)
      if (kind !== 'function') expect(rows(`SELECT count(*) FROM ${name}`)).toHaveLength(1);
  });
});

describe('a plain client', () => {
  let reader: ChildProcess | undefined;
  afterAll(() => reader?.kill('SIGKILL'));

  it('that stays in the middle of reading neither stops the store nor sees what comes later', async () => {
    const program =
      'import sqlite3, sys\n' +
      'db = sqlite3.connect("file:" + sys.argv[1] + "?mode=ro", uri=True, isolation_level=None)\n' +
      'db.execute("BEGIN")\n' +
      'count = lambda: print(db.execute("SELECT count(*) FROM checkpoint").fetchone()[0], flush=True)\n' +
      'count()\n' +
      'sys.stdin.readline()\n' +
      'count()\n' +
      'db.execute("COMMIT")\n' +
      'count()\n';
    const child = spawn('python3', ['-c', program, join(dir, 'catalog.db')], { stdio: ['pipe', 'pipe', 'inherit'] });
    reader = child;
    const lines = child.stdout.setEncoding('utf8')[Symbol.asyncIterator]() as AsyncIterator<string>;
    const before = Number((await lines.next()).value);
    await store.log.append(streamOf(smallImage('01jnfx00000meanwhile')));
    await store.catchUp();
    expect((await ask('SELECT count(*) FROM checkpoint')).rows).toEqual([[BigInt(before + 1)]]);
    child.stdin.end('\n');
    let rest = '';
    for (let next = await lines.next(); !next.done; next = await lines.next()) rest += next.value;
    expect(rest.trim().split('\n').map(Number)).toEqual([before, before + 1]);
  });
});
