// SPDX-License-Identifier: Apache-2.0
//
// Schema of kafka.db: what a machine knows of the packs topic. The pack files beside it and these rows are a cache and can be made
// anew from the topic. `pack` is as in log.db; `pack_place` says where in the topic a pack stands, `pack_next` from where on a
// partition has not been read.
import type { Db, Migration, SqliteSchema } from '../sqlite.js';

/**
 * Positions in `pack` begin at the milliseconds of the cache's making, times this: a catalog that outlived its cache finds all
 * packs of the new one behind its position.
 */
const POSITIONS_PER_MS = 1000;

const first: Migration = (db) => {
  db.exec(`
    CREATE TABLE meta (
      name  TEXT PRIMARY KEY,
      value TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE pack (
      position     INTEGER PRIMARY KEY AUTOINCREMENT,
      id           TEXT    NOT NULL UNIQUE,
      pages        INTEGER NOT NULL,
      raw_bytes    INTEGER NOT NULL,
      stored_bytes INTEGER NOT NULL,
      stream       TEXT    NOT NULL
    ) STRICT;
    CREATE TABLE pack_place (
      partition INTEGER NOT NULL,
      offset    INTEGER NOT NULL,
      id        TEXT    NOT NULL,
      PRIMARY KEY (partition, offset)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX pack_place_id ON pack_place (id);
    CREATE TABLE pack_next (
      partition INTEGER PRIMARY KEY,
      next      INTEGER NOT NULL
    ) STRICT;
  `);
  db.prepare("INSERT INTO sqlite_sequence (name, seq) VALUES ('pack', ?)").run(Date.now() * POSITIONS_PER_MS);
};

/** Packs whose files are here, where they are brought when they are needed; `used` ascends with every use. */
const local: Migration = (db) => {
  db.exec(`
    CREATE TABLE pack_local (
      id    TEXT    PRIMARY KEY,
      bytes INTEGER NOT NULL,
      used  INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX pack_local_used ON pack_local (used);
  `);
};

/**
 * "ckpK". A power cut may undo the last commits: what they said stands in the topic and is brought from there once more, under positions of its
 * own (`skipPositionsOfOtherBoots`), because the catalog may have passed the old ones.
 */
export const cacheSchema: SqliteSchema = {
  applicationId: 0x636b704b,
  migrations: [first, local],
  synchronous: 'NORMAL',
};

/** More rows than a power cut could undo. */
const POSITIONS_PER_BOOT = 1_000_000_000;

/** Positions of packs put under this boot of the machine are behind all that were given under another. */
export function skipPositionsOfOtherBoots(db: Db, boot: string): void {
  const known = db.prepare("SELECT value FROM meta WHERE name = 'boot'").pluck();
  if (known.get() === boot) return;
  const skip = db.transaction(() => {
    if (known.get() === boot) return;
    db.prepare(
      "INSERT INTO meta (name, value) VALUES ('boot', ?) ON CONFLICT DO UPDATE SET value = excluded.value",
    ).run(boot);
    db.prepare("UPDATE sqlite_sequence SET seq = seq + ? WHERE name = 'pack'").run(POSITIONS_PER_BOOT);
  });
  skip.immediate();
}
