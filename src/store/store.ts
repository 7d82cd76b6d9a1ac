// SPDX-License-Identifier: Apache-2.0
//
// A store: a directory with the log (or a way to it), its packs, and the catalog that is projected from them.
import { existsSync, renameSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Codec } from '../codec/native.js';
import type { PageHash, WriterIdentity } from '../format/events.js';
import { AbsentLog } from './absent-log.js';
import { digestCatalog } from './catalog/digest.js';
import { Projection } from './catalog/projection.js';
import { rebuildCatalog } from './catalog/rebuild.js';
import { LifeQueries } from './catalog/life-queries.js';
import { CatalogQueries } from './catalog/queries.js';
import { catalogSchema } from './catalog/schema.js';
import { openSql, type SqlSession } from './catalog/sql.js';
import { askSql, type AskOptions, type SqlAnswer } from './sql/ask.js';
import { makeDirectory } from './directories.js';
import { openEmbeddedLog } from './embedded/embedded-log.js';
import { errorCode, guarded, StoreError, storeError } from './errors.js';
import { abortAsked, abortStale } from './fencing.js';
import type { EventLog, LogPosition } from './log.js';
import { currentWriter } from '../machine/identity.js';
import { CatalogLooks } from './looking/looks.js';
import { giveBack, openDatabase, openMemory, type Db } from './sqlite.js';

export interface StoreOptions {
  readonly dir: string;
  /** Make the store when it is not there. Otherwise such a store reads as empty, and no file is made. */
  readonly create: boolean;
  readonly codec: Pick<Codec, 'pagesInfo'>;
  /** What a log that is made knows its pages by. */
  readonly pageHash?: PageHash;
  /** A catalog.db that is no database any more is put aside as catalog.db.damaged; only a rebuild may ask for this. */
  readonly replaceDamagedCatalog?: boolean;
  /** Opens a log elsewhere in place of DIR/log.db; null when it is not there. It makes the directory, which is a cache then. */
  readonly openLog?: (dir: string) => Promise<EventLog | null>;
}

export interface Store {
  readonly dir: string;
  /** False: nothing is there, and everything reads as empty. */
  readonly exists: boolean;
  readonly log: EventLog;
  /** Answers as of the last catchUp(). */
  readonly catalog: CatalogQueries;
  /** What goes beyond rows: lists by filter, page maps, comparisons. */
  readonly looks: CatalogLooks;
  /** What collecting and repairing ask the catalog, as of the last catchUp(). */
  readonly life: LifeQueries;
  /** This process, as `opened` events name it. */
  readonly writer: WriterIdentity;
  /** How far the catalog has come in the log. */
  position(): LogPosition;
  /** Projects the log up to its end now; every command does before it answers. StoreError. */
  catchUp(): Promise<void>;
  /** Makes the catalog anew from the log, in one transaction. */
  rebuild(): Promise<void>;
  /** Fences the open streams whose writer is gone and projects that; returns their ids. */
  abortStale(): Promise<string[]>;
  /** Fences an open stream, by its id, a name or a prefix, because somebody asks for it; returns its id. StoreError. */
  abort(argument: string, writerIsDead: boolean): Promise<string>;
  /** A read-only session over the catalog with the table functions, on this thread. The caller closes it. */
  openSql(): SqlSession;
  /** A read-only statement in a process of its own, with a limit of time and of memory. StoreError. */
  askSql(query: string, options?: AskOptions): Promise<SqlAnswer>;
  /** Gives the catalog's free pages back to the file system. */
  giveBack(): void;
  /** Hex digest of all that the catalog says. */
  catalogDigest(): string;
  close(): Promise<void>;
}

/** StoreError when it cannot be opened. */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { dir } = options;
  const log = options.openLog ? await options.openLog(dir) : openEmbedded(options);
  if (!log) return absentStore(options);
  try {
    const path = `${dir}/catalog.db`;
    const db = openCatalog(path, options.replaceDamagedCatalog ?? false);
    return new OpenedStore(options, log, db, path, true);
  } catch (error) {
    await log.close();
    throw storeError('open', dir, error);
  }
}

function openEmbedded({ dir, create, pageHash }: StoreOptions): EventLog | null {
  if (existsSync(`${dir}/kafka.db`)) {
    throw new StoreError({
      reason: 'failed',
      operation: 'open',
      place: dir,
      problem: 'is the cache of a log on Kafka, not a store of its own',
      hint: 'give --log kafka://... with it, or another --store',
    });
  }
  if (create) makeDirectory(dir);
  else if (!existsSync(`${dir}/log.db`)) return null;
  const log = openEmbeddedLog({ dir, ...(pageHash ? { pageHash } : {}) });
  if (create) log.packs.removeLeftovers();
  return log;
}

function absentStore(options: StoreOptions): Store {
  return new OpenedStore(options, new AbsentLog(options.dir), openMemory(catalogSchema), ':memory:', false);
}

function openCatalog(path: string, replaceDamaged: boolean): Db {
  try {
    const db = openDatabase(path, catalogSchema);
    if (replaceDamaged) checkPages(db, path);
    return db;
  } catch (error) {
    if (!replaceDamaged || !(error instanceof StoreError) || error.reason !== 'damaged') throw error;
    for (const suffix of ['-wal', '-shm', '']) moveAside(path + suffix, `${path}.damaged${suffix}`);
    return openDatabase(path, catalogSchema);
  }
}

/** A file may open well and be torn further in. StoreError `damaged`, and the database is closed. */
function checkPages(db: Db, path: string): void {
  let found: unknown;
  try {
    found = db.pragma('quick_check(1)', { simple: true });
  } catch (cause) {
    db.close();
    throw storeError('check', path, cause);
  }
  if (found === 'ok') return;
  db.close();
  throw new StoreError({ reason: 'damaged', operation: 'check', place: path, problem: String(found) });
}

function moveAside(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (cause) {
    if (errorCode(cause) !== 'ENOENT') throw storeError('put aside', from, cause);
  }
}

class OpenedStore implements Store {
  readonly dir: string;
  readonly catalog: CatalogQueries;
  readonly looks: CatalogLooks;
  readonly life: LifeQueries;
  readonly writer = currentWriter();
  private readonly projection: Projection;
  private readonly codec: StoreOptions['codec'];
  /** Projections and rebuilds of one store take turns; each would only repeat the other's work. */
  private turn: Promise<void> = Promise.resolve();

  constructor(
    options: StoreOptions,
    readonly log: EventLog,
    private readonly db: Db,
    private readonly catalogPath: string,
    readonly exists: boolean,
  ) {
    this.dir = options.dir;
    this.codec = options.codec;
    this.catalog = new CatalogQueries(db, catalogPath);
    this.looks = new CatalogLooks(db, catalogPath, log.packs.headsDir, this.catalog);
    this.life = new LifeQueries(db, catalogPath);
    this.projection = new Projection(db, catalogPath, options.codec);
  }

  position(): LogPosition {
    return this.projection.position();
  }

  catchUp(): Promise<void> {
    return this.inTurn(() => this.projection.catchUp(this.log));
  }

  rebuild(): Promise<void> {
    return this.inTurn(() => rebuildCatalog(this.db, this.catalogPath, this.log, this.codec));
  }

  private inTurn(work: () => Promise<void>): Promise<void> {
    if (!this.exists) return Promise.resolve();
    const done = this.turn.then(work);
    this.turn = done.catch(() => undefined);
    return done;
  }

  async abortStale(): Promise<string[]> {
    const aborted = await abortStale(this.log, this.catalog.openStreams());
    if (aborted.length > 0) await this.catchUp();
    return aborted;
  }

  async abort(argument: string, writerIsDead: boolean): Promise<string> {
    const { id } = this.catalog.find(argument, ['open']);
    const stream = this.catalog.openStreams().find((open) => open.id === id);
    if (stream) await abortAsked(this.log, stream, writerIsDead);
    await this.catchUp();
    return id;
  }

  openSql(): SqlSession {
    return openSql(this.exists ? this.catalogPath : this.db.serialize(), this.log.packs.headsDir);
  }

  askSql(query: string, options?: AskOptions): Promise<SqlAnswer> {
    const catalog = this.exists ? resolve(this.catalogPath) : null;
    return askSql({ catalog, packsDir: resolve(this.log.packs.headsDir), query }, options);
  }

  giveBack(): void {
    guarded('give back space', this.catalogPath, () => giveBack(this.db));
  }

  catalogDigest(): string {
    return digestCatalog(this.db);
  }

  async close(): Promise<void> {
    await this.turn;
    this.db.close();
    await this.log.close();
  }
}
