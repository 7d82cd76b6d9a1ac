// SPDX-License-Identifier: Apache-2.0
//
// How this project opens a SQLite file: private to its owner, with a write-ahead log, patient with other processes, and sure
// that the file is its own and not from a newer release.
import { closeSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { syncDirectoryNow } from './directories.js';
import { StoreError, errorCode, storeError } from './errors.js';

export type Db = Database.Database;

/** Milliseconds to wait for another process's transaction. */
export const BUSY_TIMEOUT_MS = 30_000;

/** A numbered step of a schema: brings a database from version n - 1 to n. */
export type Migration = (db: Db) => void;

export interface SqliteSchema {
  /** Stands in the file's header (application_id), so that a foreign database is told apart. */
  readonly applicationId: number;
  /** The n-th makes version n of the schema. Never changed once released. */
  readonly migrations: readonly Migration[];
  /**
   * FULL: a commit is on the disk when it returns. NORMAL: a power cut may undo the last commits, in order, never half of one; for
   * what can be made again.
   */
  readonly synchronous: 'FULL' | 'NORMAL';
}

/** Opens a file for reading and writing, making it when it is not there, and brings its schema up to date. */
export function openDatabase(path: string, schema: SqliteSchema): Db {
  let isNew = true;
  try {
    // SQLite would make the file with the umask's mode; its -wal and -shm files take the mode of this one. Only ever a new file:
    // closing any descriptor of a file drops all locks that this process, and so SQLite, holds on it.
    closeSync(openSync(path, 'wx', 0o600));
  } catch (cause) {
    if (errorCode(cause) !== 'EEXIST') throw storeError('open', path, cause);
    isNew = false;
  }
  let db: Db | undefined;
  try {
    db = new Database(path, { timeout: BUSY_TIMEOUT_MS });
    checkOwner(db, path, schema);
    // Heeded only while the file is empty.
    db.pragma('auto_vacuum = INCREMENTAL');
    useWriteAheadLog(db);
    db.pragma(`synchronous = ${schema.synchronous}`);
    migrate(db, path, schema);
    if (isNew) syncDirectoryNow(dirname(path));
    return db;
  } catch (cause) {
    db?.close();
    throw storeError('open', path, cause);
  }
}

/** Pages that one step of giveBack() moves; others may write between two. */
const VACUUM_PAGES = 2000;

/** Gives the free pages of a file back to the file system, in small steps, and empties its write-ahead log if nobody reads in it. */
export function giveBack(db: Db): void {
  const free = (): number => db.pragma('freelist_count', { simple: true }) as number;
  if (db.pragma('auto_vacuum', { simple: true }) === 0) {
    // Made by a release that did not prepare for this: all at once, and only where it is worth it.
    if (free() * 4 < (db.pragma('page_count', { simple: true }) as number)) return;
    db.pragma('auto_vacuum = INCREMENTAL');
    db.exec('VACUUM');
  }
  for (let left = free(), before = Infinity; left > 0 && left < before; before = left, left = free()) {
    db.pragma(`incremental_vacuum(${VACUUM_PAGES})`);
  }
  db.pragma('wal_checkpoint(TRUNCATE)');
}

/** A private database in memory with the same schema. */
export function openMemory(schema: SqliteSchema): Db {
  const db = new Database(':memory:');
  migrate(db, ':memory:', schema);
  return db;
}

/** A private database that goes to a nameless file where memory is short. */
export function openTemporary(schema: SqliteSchema): Db {
  const db = new Database('');
  migrate(db, 'temporary', schema);
  return db;
}

/** Switching to WAL needs the file alone for a moment and does not wait for the busy timeout by itself. */
function useWriteAheadLog(db: Db): void {
  const deadline = Date.now() + BUSY_TIMEOUT_MS;
  for (;;) {
    try {
      db.pragma('journal_mode = WAL');
      return;
    } catch (error) {
      if (!errorCode(error).startsWith('SQLITE_BUSY') || Date.now() > deadline) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

function checkOwner(db: Db, path: string, schema: SqliteSchema): void {
  // One snapshot: another process may be making the schema at this moment.
  const look = db.transaction(() => ({
    found: db.pragma('application_id', { simple: true }) as number,
    tables: db.prepare('SELECT count(*) FROM sqlite_schema').pluck().get() as number,
  }));
  const { found, tables } = look();
  if (found === schema.applicationId || (found === 0 && tables === 0)) return;
  throw new StoreError({
    reason: 'damaged',
    operation: 'open',
    place: path,
    problem: 'is a SQLite database, but not one of this store',
    hint: 'name another directory with --store',
  });
}

function migrate(db: Db, path: string, schema: SqliteSchema): void {
  const newest = schema.migrations.length;
  const step = db.transaction(() => {
    // Read again inside: another process may have been first.
    const version = db.pragma('user_version', { simple: true }) as number;
    for (let next = version; next < newest; next++) schema.migrations[next]?.(db);
    if (version < newest) {
      db.pragma(`application_id = ${schema.applicationId}`);
      db.pragma(`user_version = ${newest}`);
    }
  });
  const version = db.pragma('user_version', { simple: true }) as number;
  if (version > newest) {
    throw new StoreError({
      reason: 'newer',
      operation: 'open',
      place: path,
      problem: `has schema version ${version}; this release knows up to ${newest}`,
      hint: 'use the release that wrote it, or a newer one',
    });
  }
  if (version < newest) step.immediate();
}
