// SPDX-License-Identifier: Apache-2.0
//
// Catalogs that an earlier release made go on to be what their log says.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { catalogSchema } from '../../src/store/catalog/schema.js';
import { openDatabase, type Db } from '../../src/store/sqlite.js';

let dir: string;
let dbs: Db[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ckpt-migration-'));
  dbs = [];
});
afterEach(() => {
  for (const db of dbs) db.close();
  rmSync(dir, { recursive: true });
});

function open(versions: number): Db {
  const db = openDatabase(join(dir, 'catalog.db'), {
    ...catalogSchema,
    migrations: catalogSchema.migrations.slice(0, versions),
  });
  dbs.push(db);
  return db;
}

it('of version 4 keep the ids of what was forgotten, and nothing else of it', () => {
  const old = open(4);
  const image = old.prepare('INSERT INTO image (id, state, name, forgotten) VALUES (?, ?, ?, ?)');
  image.run('gone', 'deleted', 'one', 1);
  image.run('aborted', 'aborted', null, 1);
  image.run('deleted', 'deleted', 'two', 0);
  image.run('here', 'sealed', 'three', 0);
  const seal = old.prepare(
    "INSERT INTO seal (checkpoint_id, key_id, algorithm, digest, at, seal) VALUES (?, 'k', 'a', 'd', 't', 's')",
  );
  for (const id of ['gone', 'here']) seal.run(id);
  old.prepare("INSERT INTO restore VALUES ('r', 'gone', 't', 'h', 1, 'exited 0')").run();
  old.prepare("INSERT INTO pack_move VALUES ('p', 0, 3, 'q', 7)").run();
  old.close();
  const db = open(Infinity);
  const ids = (sql: string): unknown[] => db.prepare(sql).pluck().all();
  expect(ids('SELECT id FROM forgotten_image ORDER BY id')).toEqual(['aborted', 'gone']);
  expect(ids('SELECT id FROM checkpoint ORDER BY id')).toEqual(['deleted', 'here']);
  expect(ids('SELECT checkpoint_id FROM seal')).toEqual(['here']);
  expect(ids('SELECT checkpoint_id FROM restore')).toEqual(['gone']);
  expect(ids('SELECT to_slot FROM pack_move')).toEqual([7]);
});
