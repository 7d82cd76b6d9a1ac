// SPDX-License-Identifier: Apache-2.0
//
// The embedded log: one SQLite file, one partition. A commit is an fsync of the write-ahead log, so an append that has
// resolved survives a power cut. Any number of processes may use one file.
import type { Statement } from 'better-sqlite3';
import { EVENT_SCHEMA } from '../../format/generated/store.js';
import { encodeValue, eventTypes, SEQ_OUTSIDE } from '../../format/events.js';
import type { EventMessage, EventType, LoggedEvent, LogOpened, PageHash } from '../../format/events.js';
import { logSchema } from './log-schema.js';
import { EmbeddedPacks } from './pack-files.js';
import { errorCode, guarded, StoreError, storeError } from '../errors.js';
import type { EventLog, LogBatch, LogPosition } from '../log.js';
import { giveBack, openDatabase, type Db } from '../sqlite.js';
import { loadValue, storeValue } from '../stored-value.js';
import { newLogOpened, readLogOpened } from '../new-log.js';

/** A batch is closed when its values pass this many bytes. */
const BATCH_BYTES = 4 << 20;
/** Or at this many events. */
const BATCH_EVENTS = 4096;

/** Streams that one transaction shrinks; writers wait for no more. */
const SHRINK_CHECKPOINTS = 16;

const knownTypes: ReadonlySet<string> = new Set(eventTypes);

/** All other types are JSON, kept readable; a long list of ids is not read by anybody. */
function isCompressed(type: EventType): boolean {
  return type === 'record' || type === 'pages' || type === 'checkpoints-forgotten';
}

interface EventRow {
  readonly offset: number;
  readonly checkpoint: string;
  readonly seq: number;
  readonly type: string;
  readonly schema: number;
  readonly value: Buffer;
  readonly zstd: number;
}

export interface EmbeddedLogOptions {
  /** The store's directory; it is there already. */
  readonly dir: string;
  /** What a log that is made here knows its pages by. */
  readonly pageHash?: PageHash;
}

/** Opens DIR/log.db, making it (with its log-opened event) when it is not there. */
export function openEmbeddedLog(options: EmbeddedLogOptions): EmbeddedLog {
  const path = `${options.dir}/log.db`;
  const db = openDatabase(path, logSchema);
  try {
    return new EmbeddedLog(db, path, options);
  } catch (cause) {
    db.close();
    throw storeError('open', path, cause);
  }
}

export class EmbeddedLog implements EventLog {
  readonly kind = 'embedded';
  readonly opened: LogOpened;
  readonly packs: EmbeddedPacks;
  private readonly insert: Statement<[string, number, string, number, Buffer, number]>;
  private readonly select: Statement<[number, number], EventRow>;
  private readonly aborted: Statement<[string], number>;
  private readonly last: Statement<[], number>;

  constructor(
    private readonly db: Db,
    readonly place: string,
    { dir, pageHash }: EmbeddedLogOptions,
  ) {
    this.insert = db.prepare(
      'INSERT INTO event (checkpoint, seq, type, schema, value, zstd) VALUES (?, ?, ?, ?, ?, ?)',
    );
    this.select = db.prepare('SELECT * FROM event WHERE offset >= ? AND offset < ? ORDER BY offset');
    this.aborted = db
      .prepare("SELECT offset FROM event WHERE checkpoint = ? AND seq < 0 AND type = 'aborted' LIMIT 1")
      .pluck() as Statement<[string], number>;
    this.last = db.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'event'").pluck() as Statement<[], number>;
    this.opened = this.readOpened() ?? this.writeOpened(newLogOpened(pageHash));
    this.packs = new EmbeddedPacks(db, place, dir);
  }

  async end(): Promise<LogPosition> {
    return guarded('read', this.place, () => [this.endOffset()]);
  }

  async append(events: readonly EventMessage[]): Promise<void> {
    const first = events[0];
    if (!first) return;
    const checkpoint = first.checkpoint;
    if (events.some((event) => event.checkpoint !== checkpoint)) throw new RangeError('an append is of one checkpoint');
    const numbered = events.find((event) => event.seq !== SEQ_OUTSIDE);
    const transaction = this.db.transaction(() => {
      if (numbered && this.aborted.get(checkpoint) !== undefined) this.refuseFenced(checkpoint);
      for (const { seq, type, value } of events) {
        const stored = isCompressed(type) ? storeValue(value) : { value, zstd: 0 };
        this.insert.run(checkpoint, seq, type, EVENT_SCHEMA, stored.value, stored.zstd);
      }
    });
    try {
      transaction.immediate();
    } catch (cause) {
      if (errorCode(cause) === 'SQLITE_CONSTRAINT_UNIQUE') this.refuseDouble(checkpoint, numbered?.seq ?? 0, cause);
      throw storeError('append', `${this.place}, checkpoint ${checkpoint}`, cause);
    }
  }

  async *read(from: LogPosition, to?: LogPosition): AsyncGenerator<LogBatch> {
    const end = Math.min(
      to?.[0] ?? Infinity,
      guarded('read', this.place, () => this.endOffset()),
    );
    let next = from[0] ?? 0;
    while (next < end) {
      const batch = guarded('read', this.place, () => this.readBatch(next, end));
      next = batch.next;
      yield { events: batch.events, next: [next] };
    }
  }

  async shrink(checkpoints: readonly string[], packsBefore: LogPosition = []): Promise<void> {
    // Two partial indexes find them, one each.
    const numbered = this.db.prepare<[string]>('DELETE FROM event WHERE checkpoint = ? AND seq >= 0');
    const others = this.db.prepare<[string]>(
      `DELETE FROM event WHERE checkpoint = ? AND seq < 0 AND type NOT IN ('aborted', 'restored', 'forgotten')`,
    );
    const drop = (id: string): void => {
      numbered.run(id);
      others.run(id);
    };
    const aboutPacks = this.db.prepare<[string, number]>(
      "DELETE FROM event WHERE checkpoint = ? AND seq < 0 AND offset < ? AND type GLOB 'packs-*'",
    );
    guarded('shrink', this.place, () => {
      aboutPacks.run(this.opened.logId, packsBefore[0] ?? 0);
      for (let at = 0; at < checkpoints.length; at += SHRINK_CHECKPOINTS) {
        const some = checkpoints.slice(at, at + SHRINK_CHECKPOINTS);
        this.db.transaction(() => some.forEach(drop)).immediate();
      }
      giveBack(this.db);
    });
  }

  async close(): Promise<void> {
    this.db.close();
  }

  private endOffset(): number {
    return (this.last.get() ?? -1) + 1;
  }

  /** The iteration is closed before anything is handed out: no read transaction outlives a batch. */
  private readBatch(from: number, end: number): { events: LoggedEvent[]; next: number } {
    const events: LoggedEvent[] = [];
    let bytes = 0;
    for (const row of this.select.iterate(from, end)) {
      const event = this.checked(row);
      events.push(event);
      bytes += event.value.length;
      if (bytes >= BATCH_BYTES || events.length >= BATCH_EVENTS) return { events, next: row.offset + 1 };
    }
    return { events, next: end };
  }

  private checked(row: EventRow): LoggedEvent {
    const place = `${this.place}, event ${row.offset}`;
    if (row.schema > EVENT_SCHEMA) {
      throw new StoreError({
        reason: 'newer',
        operation: 'read',
        place,
        problem: `has schema ${row.schema}; this release knows up to ${EVENT_SCHEMA}`,
        hint: 'use the release that wrote it, or a newer one',
      });
    }
    if (!knownTypes.has(row.type)) {
      throw new StoreError({
        reason: 'damaged',
        operation: 'read',
        place,
        problem: `is of an unknown type, ${row.type}`,
      });
    }
    const { offset, checkpoint, seq, schema, value, zstd } = row;
    const type = row.type as EventType;
    return {
      offset,
      checkpoint,
      seq,
      schema,
      type,
      partition: 0,
      value: loadValue(row, place),
      stored: { value, zstd },
    };
  }

  private readOpened(): LogOpened | undefined {
    const row = this.db.prepare("SELECT * FROM event WHERE offset = 0 AND type = 'log-opened'").get() as
      EventRow | undefined;
    if (!row) {
      if (this.endOffset() === 0) return undefined;
      throw new StoreError({
        reason: 'damaged',
        operation: 'open',
        place: this.place,
        problem: 'has no log-opened event',
      });
    }
    return readLogOpened(this.checked(row).value, this.place);
  }

  /** Several processes may be here at once: the first commits, the others take what it wrote. */
  private writeOpened(mine: LogOpened): LogOpened {
    const write = this.db.transaction((): LogOpened => {
      const theirs = this.readOpened();
      if (theirs) return theirs;
      this.db
        .prepare(
          "INSERT INTO event (offset, checkpoint, seq, type, schema, value) VALUES (0, ?, ?, 'log-opened', ?, ?)",
        )
        .run(mine.logId, SEQ_OUTSIDE, EVENT_SCHEMA, encodeValue('log-opened', mine));
      return mine;
    });
    return write.immediate();
  }

  private refuseFenced(checkpoint: string): never {
    throw new StoreError({
      reason: 'fenced',
      operation: 'append',
      place: `checkpoint ${checkpoint}`,
      problem: 'was aborted by another process',
      hint: 'save or ingest it again',
    });
  }

  private refuseDouble(checkpoint: string, seq: number, cause: unknown): never {
    throw new StoreError({
      reason: 'failed',
      operation: 'append',
      place: `checkpoint ${checkpoint}, event ${seq} or after it`,
      problem: 'is in the log already: a stream has one writer',
      cause,
    });
  }
}
