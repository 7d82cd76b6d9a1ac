// SPDX-License-Identifier: Apache-2.0
//
// Schema of log.db. Rows of `event` are only ever added, but for those of forgotten checkpoints, which go; `offset` ascends and is never
// given twice (AUTOINCREMENT), also when the last rows have gone. A `value` with `zstd` = 1 is compressed, see stored-value.ts. `pack` is what the packs topic is elsewhere: the names of the pack files, in order of arrival.
import type { Migration, SqliteSchema } from '../sqlite.js';

const first: Migration = (db) => {
  db.exec(`
    CREATE TABLE event (
      offset     INTEGER PRIMARY KEY AUTOINCREMENT,
      checkpoint TEXT    NOT NULL,
      seq        INTEGER NOT NULL,
      type       TEXT    NOT NULL,
      schema     INTEGER NOT NULL,
      value      BLOB    NOT NULL,
      zstd       INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE UNIQUE INDEX event_stream ON event (checkpoint, seq) WHERE seq >= 0;
    CREATE INDEX event_aborted ON event (checkpoint) WHERE type = 'aborted';
    CREATE TABLE pack (
      position     INTEGER PRIMARY KEY AUTOINCREMENT,
      id           TEXT    NOT NULL UNIQUE,
      pages        INTEGER NOT NULL,
      raw_bytes    INTEGER NOT NULL,
      stored_bytes INTEGER NOT NULL,
      stream       TEXT    NOT NULL
    ) STRICT;
  `);
};

/** Whatever is said about a checkpoint outside of its stream is found by its id, `aborted` and what may go. */
const second: Migration = (db) => {
  db.exec(`
    CREATE INDEX event_outside ON event (checkpoint) WHERE seq < 0;
    DROP INDEX event_aborted;
  `);
};

/** "ckpL" */
export const logSchema: SqliteSchema = { applicationId: 0x636b704c, migrations: [first, second], synchronous: 'FULL' };
