// SPDX-License-Identifier: Apache-2.0
//
// Makes the contents of a catalog anew: the log is projected into a file beside it, however long that takes, and then the rows
// change places in one transaction. Readers see the old ones or the new ones; nobody waits for the log. The catalog's file
// itself stays: other processes have it open.
//
// A catalog never goes back: somebody may have read in it what came while the other was made. So the transaction looks at the
// positions of both first, and where others have projected further meanwhile, the new one follows and it is tried again. No
// lock is held while the log is read: within one thread, whoever waited for it would keep the log from being read.
import { readdirSync, rmSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { storeError } from '../errors.js';
import { isBefore, type EventLog, type LogPosition } from '../log.js';
import { processStartTicks } from '../../machine/identity.js';
import { openDatabase, type Db } from '../sqlite.js';
import type { PagesCodec } from './image-stream.js';
import { positionOf } from './position.js';
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
      const projection = new Projection(fresh, beside, codec);
      let mustReach: LogPosition = [];
      do {
        await projection.catchUp(log);
        mustReach = replaceRows(db, beside, projection.position());
        // A catalog ahead of its log is one of those that a rebuild is for.
      } while (mustReach.length > 0 && !isBefore(await log.end(), mustReach));
      if (mustReach.length > 0) replaceRows(db, beside, mustReach);
    } finally {
      fresh.close();
    }
  } catch (cause) {
    throw storeError('rebuild', path, cause);
  } finally {
    removeDatabase(beside);
  }
}

/** Nothing is replaced when the catalog stands behind a position `reached`, in the same log: where it stands is returned then. */
function replaceRows(db: Db, beside: string, reached: LogPosition): LogPosition {
  db.prepare('ATTACH ? AS fresh').run(beside);
  try {
    return db
      .transaction((): LogPosition => {
        const position = positionOf(db);
        if (isSameLog(db) && isBefore(reached, position)) return position;
        for (const table of projectedTables) {
          db.exec(`DELETE FROM main.${table}`);
          db.exec(`INSERT INTO main.${table} SELECT * FROM fresh.${table}`);
        }
        return [];
      })
      .immediate();
  } finally {
    db.exec('DETACH fresh');
  }
}

function isSameLog(db: Db): boolean {
  const logs =
    "SELECT count(DISTINCT value) FROM (SELECT * FROM main.meta UNION ALL SELECT * FROM fresh.meta) WHERE key = 'log_id'";
  return db.prepare(logs).pluck().get() === 1;
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
