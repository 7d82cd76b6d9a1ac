// SPDX-License-Identifier: Apache-2.0
//
// Makes the contents of a catalog anew: the log is projected into a file beside it, however long that takes, and then the rows
// change places in one transaction. Readers see the old ones or the new ones; nobody waits for the log. The catalog's file
// itself stays: other processes have it open.
import { readdirSync, rmSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { storeError } from '../errors.js';
import type { EventLog } from '../log.js';
import { processStartTicks } from '../machine.js';
import { openDatabase, type Db } from '../sqlite.js';
import type { PagesCodec } from './image-stream.js';
import { Projection } from './projection.js';
import { catalogSchema, projectedTables } from './schema.js';

let rebuilds = 0;

/** `db` is the catalog at `path`, not in a transaction. StoreError; the catalog is as it was then. */
export async function rebuildCatalog(db: Db, path: string, log: EventLog, codec: PagesCodec): Promise<void> {
  removeLeftovers(path);
  const beside = `${path}.rebuild-${process.pid}-${++rebuilds}`;
  try {
    const fresh = openDatabase(beside, catalogSchema);
    try {
      await new Projection(fresh, beside, codec).catchUp(log);
    } finally {
      fresh.close();
    }
    replaceRows(db, beside);
  } catch (cause) {
    throw storeError('rebuild', path, cause);
  } finally {
    removeDatabase(beside);
  }
}

function replaceRows(db: Db, beside: string): void {
  db.prepare('ATTACH ? AS fresh').run(beside);
  try {
    db.transaction(() => {
      for (const table of projectedTables) {
        db.exec(`DELETE FROM main.${table}`);
        db.exec(`INSERT INTO main.${table} SELECT * FROM fresh.${table}`);
      }
    }).immediate();
  } finally {
    db.exec('DETACH fresh');
  }
}

function removeDatabase(path: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(path + suffix, { force: true });
}

/** What rebuilds left behind that were killed. */
function removeLeftovers(path: string): void {
  const prefix = `${basename(path)}.rebuild-`;
  for (const name of readdirSync(dirname(path))) {
    const pid = Number(/^\d+/.exec(name.slice(prefix.length))?.[0]);
    const dead = pid !== process.pid && processStartTicks(pid) === null;
    if (name.startsWith(prefix) && dead) rmSync(`${dirname(path)}/${name}`, { force: true });
  }
}
