// SPDX-License-Identifier: Apache-2.0
//
// What the commands ask the catalog. Rows have the column names of the SQL contract. No read transaction outlives a call.
import type { StreamEvent } from '../../codec/native.js';
import type { WriterIdentity } from '../../format/events.js';
import { guarded, StoreError } from '../errors.js';
import type { Db } from '../sqlite.js';
import { loadValue, type StoredValue } from '../stored-value.js';
import { countSlots } from './slots.js';

/** Values of a batch of imageEvents(), in bytes. */
const EVENT_BATCH_BYTES = 2 << 20;
const EVENT_BATCH_ROWS = 4096;
/** Ids named when a prefix fits several. */
const CANDIDATES_MAX = 5;

export type CheckpointState = 'open' | 'sealed' | 'aborted' | 'deleted' | 'damaged';

/** A row of the view `checkpoint`. */
export interface CheckpointRow {
  readonly id: string;
  readonly name: string | null;
  readonly state: CheckpointState;
  /** ISO 8601, UTC. */
  readonly created_at: string | null;
  readonly host: string | null;
  readonly pid: number | null;
  readonly comm: string | null;
  readonly format_version: number | null;
  readonly kernel_release: string | null;
  readonly image_bytes: number;
  /** Hex. */
  readonly image_digest: string | null;
  readonly pages: number;
  readonly zero_pages: number;
  readonly new_pages: number;
  readonly stored_bytes: number;
  readonly parent_id: string | null;
  readonly records: number;
  readonly frozen_ms: number | null;
  readonly source: string | null;
  /** Host, boot, pid and start: the same for all checkpoints of one process. */
  readonly process: string | null;
  /** Why the state is `damaged`. */
  readonly damage: string | null;
}

/** A row of the view `vma`; addresses unsigned. */
export interface VmaEntry {
  readonly seq: number;
  readonly start_addr: bigint;
  readonly end_addr: bigint;
  readonly kind: string;
  readonly prot: string;
  readonly path: string | null;
  readonly pages: number;
  readonly zero_pages: number;
  readonly new_pages: number;
  readonly file_offset: bigint | null;
}

/** A row of the view `record`. */
export interface RecordEntry {
  readonly seq: number;
  readonly type: string | null;
  readonly number: number;
  readonly offset: number;
  readonly bytes: number;
  readonly task: number;
}

export interface RestoreEntry {
  readonly restore_id: string;
  readonly checkpoint_id: string;
  readonly at: string;
  readonly host: string;
  readonly pid: number | null;
  readonly result: string;
}

export interface CatalogStats {
  /** Sealed checkpoints. */
  readonly checkpoints: number;
  readonly open: number;
  readonly damaged: number;
  /** Bytes, pages and zero pages of all sealed images as they would be exported. */
  readonly image_bytes: number;
  readonly pages: number;
  readonly zero_pages: number;
  readonly packs: number;
  readonly pack_pages: number;
  readonly live_pages: number;
  readonly pack_raw_bytes: number;
  readonly pack_stored_bytes: number;
}

/** An open stream and who writes it. */
export interface OpenStream {
  readonly id: string;
  readonly writer: WriterIdentity | null;
}

/** Pages of a pack that an image uses. */
export interface PackUse {
  readonly checkpoint_id: string;
  readonly state: CheckpointState;
  readonly pages: number;
}

/** A row of `seal`. */
export interface SealEntry {
  readonly checkpoint_id: string;
  readonly key_id: string;
  readonly algorithm: string;
  /** Hex. */
  readonly digest: string;
  /** ISO 8601. */
  readonly at: string;
  /** Hex. */
  readonly seal: string;
  /** Of a copied checkpoint: the salt of the log where it was sealed, hex. */
  readonly salt: string | null;
  /** And its page hash. */
  readonly hash: string | null;
}

export interface ListFilter {
  /** Default: sealed only. */
  readonly states?: readonly CheckpointState[];
}

/** A page of sealed checkpoints: those that have all of these, from behind an id on. */
export interface CheckpointFilter {
  readonly name?: string;
  readonly host?: string;
  readonly comm?: string;
  readonly pid?: number;
  /** ISO 8601, UTC: made at this time or later; made before this time. */
  readonly created_from?: string;
  readonly created_before?: string;
  /** The id behind which it goes on, in the order asked for. */
  readonly after?: string;
  readonly newestFirst?: boolean;
  readonly limit: number;
}

export class CatalogQueries {
  constructor(
    private readonly db: Db,
    private readonly place: string,
  ) {}

  /** Checkpoints, oldest first. */
  list(filter: ListFilter = {}): CheckpointRow[] {
    const states = filter.states ?? ['sealed'];
    return this.all<CheckpointRow>(
      `SELECT * FROM checkpoint WHERE state IN (${states.map(() => '?').join(', ')}) ORDER BY id`,
      ...states,
    );
  }

  /** Sealed checkpoints, filtered and cut; oldest first unless told otherwise. */
  page({ after, newestFirst, limit, ...filter }: CheckpointFilter): CheckpointRow[] {
    const where = ["state = 'sealed'"];
    const values: (string | number)[] = [];
    const wanted = (condition: string, value: string | number | undefined): void => {
      if (value === undefined) return;
      where.push(condition);
      values.push(value);
    };
    wanted('name = ?', filter.name);
    wanted('host = ?', filter.host);
    wanted('comm = ?', filter.comm);
    wanted('pid = ?', filter.pid);
    wanted('julianday(created_at) >= julianday(?)', filter.created_from);
    wanted('julianday(created_at) < julianday(?)', filter.created_before);
    wanted(newestFirst ? 'id < ?' : 'id > ?', after);
    const sql = `SELECT * FROM checkpoint WHERE ${where.join(' AND ')} ORDER BY id ${newestFirst ? 'DESC' : 'ASC'} LIMIT ?`;
    return guarded('query', this.place, () =>
      this.db.prepare<(string | number)[], CheckpointRow>(sql).all(...values, limit),
    );
  }

  /** The checkpoint with exactly this id, in any state. */
  get(id: string): CheckpointRow | undefined {
    return this.one<CheckpointRow>('SELECT * FROM checkpoint WHERE id = ?', id);
  }

  /** Whether a checkpoint was deleted or aborted and is forgotten: no other may have its id. */
  isForgotten(id: string): boolean {
    return this.one('SELECT 1 FROM forgotten_image WHERE id = ?', id) !== undefined;
  }

  /**
   * The checkpoint that an argument means: a full id, a name or tag (the newest of it), an unambiguous prefix, or `@last`, in that order.
   * StoreError reason `missing` or `ambiguous`. A damaged one is found by its full id when `states` allows it.
   */
  find(argument: string, states: readonly CheckpointState[] = ['sealed']): CheckpointRow {
    const marks = states.map(() => '?').join(', ');
    const first = (where: string, ...values: string[]): CheckpointRow[] =>
      this.all<CheckpointRow>(
        `SELECT * FROM checkpoint WHERE ${where} AND state IN (${marks}) ORDER BY id DESC LIMIT ${CANDIDATES_MAX + 1}`,
        ...values,
        ...states,
      );
    const [exact] = first('id = ?', argument);
    if (exact) return exact;
    const [named] = first('(name = ? OR id IN (SELECT checkpoint_id FROM tag WHERE name = ?))', argument, argument);
    if (named) return named;
    const matches = argument === '' ? [] : first('id >= ? AND id < ? || char(1114111)', argument, argument);
    if (matches.length > 1) this.refuseAmbiguous(argument, matches);
    if (matches[0]) return matches[0];
    const [last] = argument === '@last' ? first('true') : [];
    return last ?? this.refuseMissing(argument);
  }

  /** Mappings by ascending address, as /proc/PID/maps has them. */
  vmas(id: string): VmaEntry[] {
    const rows = guarded('query', this.place, () =>
      this.db
        .prepare<[string], Record<string, bigint | string | null>>(
          `SELECT seq, start_addr, end_addr, kind, prot, path, pages, zero_pages, new_pages, file_offset FROM vma
           WHERE checkpoint_id = ? ORDER BY start_addr, seq`,
        )
        .safeIntegers()
        .all(id),
    );
    return rows.map((row) => ({
      seq: Number(row['seq']),
      start_addr: unsigned(row['start_addr']),
      end_addr: unsigned(row['end_addr']),
      kind: String(row['kind']),
      prot: String(row['prot']),
      path: row['path'] as string | null,
      pages: Number(row['pages']),
      zero_pages: Number(row['zero_pages']),
      new_pages: Number(row['new_pages']),
      file_offset: row['file_offset'] === null ? null : unsigned(row['file_offset']),
    }));
  }

  records(id: string): RecordEntry[] {
    return this.all<RecordEntry>(
      'SELECT seq, type, number, offset, bytes, task FROM record WHERE checkpoint_id = ? ORDER BY seq, offset',
      id,
    );
  }

  restores(id: string): RestoreEntry[] {
    return this.all<RestoreEntry>('SELECT * FROM restore WHERE checkpoint_id = ? ORDER BY at, restore_id', id);
  }

  /** In the order in which they were made, as far as they say. */
  sealsOf(id: string): SealEntry[] {
    return this.all<SealEntry>('SELECT * FROM seal WHERE checkpoint_id = ? ORDER BY at, seal', id);
  }

  tagsOf(id: string): string[] {
    return this.column('SELECT name FROM tag WHERE checkpoint_id = ? ORDER BY name', id);
  }

  stats(): CatalogStats {
    const row = this.one<CatalogStats>(
      `SELECT i.*, p.* FROM
        (SELECT count(*) FILTER (WHERE state = 'sealed') AS checkpoints, count(*) FILTER (WHERE state = 'open') AS open,
           count(*) FILTER (WHERE state = 'damaged') AS damaged,
           ifnull(sum(image_bytes) FILTER (WHERE state = 'sealed'), 0) AS image_bytes,
           ifnull(sum(pages) FILTER (WHERE state = 'sealed'), 0) AS pages,
           ifnull(sum(zero_pages) FILTER (WHERE state = 'sealed'), 0) AS zero_pages FROM checkpoint) i,
        (SELECT count(*) AS packs, ifnull(sum(pages), 0) AS pack_pages, ifnull(sum(live_pages), 0) AS live_pages,
           ifnull(sum(raw_bytes), 0) AS pack_raw_bytes, ifnull(sum(stored_bytes), 0) AS pack_stored_bytes FROM pack) p`,
    );
    if (!row) throw new Error('no row of sums');
    return row;
  }

  /** The record and pages events of an image in the order of its stream, in batches of bounded bytes. */
  *imageEvents(id: string): Generator<StreamEvent[]> {
    const image = this.number(id);
    if (image === undefined) return;
    const select = this.db.prepare<[number, number], { seq: number; is_pages: number } & StoredValue>(
      'SELECT seq, is_pages, value, zstd FROM image_event WHERE image = ? AND seq > ? ORDER BY seq',
    );
    let after = -1;
    for (;;) {
      const events: StreamEvent[] = [];
      let bytes = 0;
      guarded('read image', this.place, () => {
        for (const row of select.iterate(image, after)) {
          const value = loadValue(row, this.place);
          events.push({ type: row.is_pages ? 'pages' : 'record', value });
          after = row.seq;
          bytes += value.length;
          if (bytes >= EVENT_BATCH_BYTES || events.length >= EVENT_BATCH_ROWS) break;
        }
      });
      if (events.length === 0) return;
      yield events;
    }
  }

  /** Ids of the packs that an image needs. */
  packsOf(id: string): string[] {
    return this.column('SELECT pack_id FROM checkpoint_pack WHERE checkpoint_id = ? ORDER BY pack_id', id);
  }

  /** Checkpoints that use pages of a pack: sealed, open and damaged ones. */
  usersOf(pack: string): PackUse[] {
    const rows = this.all<{ checkpoint_id: string; state: CheckpointState; slots: Buffer }>(
      `SELECT u.checkpoint_id, c.state, u.slots FROM checkpoint_pack u JOIN checkpoint c ON c.id = u.checkpoint_id
       WHERE u.pack_id = ? AND c.state IN ('sealed', 'open', 'damaged') ORDER BY u.checkpoint_id`,
      pack,
    );
    return rows.map(({ checkpoint_id, state, slots }) => ({ checkpoint_id, state, pages: countSlots(slots) }));
  }

  /** Ids of all packs that the log has. */
  allPackIds(): string[] {
    return this.column('SELECT id FROM pack ORDER BY id');
  }

  /** Ids of packs that sealed images refer to and the log does not have. */
  missingPackIds(): string[] {
    return this.column('SELECT id FROM pack_file WHERE pages IS NULL AND live_pages > 0 ORDER BY id');
  }

  /** The newest sealed checkpoint of the same process as that of a checkpoint, which may still be open. */
  parentOf(id: string): string | null {
    const row = this.one<{ id: string }>(
      `SELECT id FROM image WHERE process = (SELECT process FROM image WHERE id = ?) AND state = 'sealed' AND id < ?
       ORDER BY id DESC LIMIT 1`,
      id,
      id,
    );
    return row?.id ?? null;
  }

  openStreams(): OpenStream[] {
    const rows = this.all<{ id: string; host: string | null; boot: string; ns: string; pid: number; ticks: number }>(
      `SELECT id, writer_host AS host, writer_boot_id AS boot, writer_pid_namespace AS ns, writer_pid AS pid, writer_start_ticks AS ticks FROM image
       WHERE state = 'open' ORDER BY id`,
    );
    return rows.map(({ id, host, boot, ns, pid, ticks }) => ({
      id,
      writer: host === null ? null : { host, bootId: boot, pidNamespace: ns, pid, startTicks: ticks },
    }));
  }

  private number(id: string): number | undefined {
    return this.one<{ image: number }>('SELECT image FROM image WHERE id = ?', id)?.image;
  }

  private all<T>(sql: string, ...values: string[]): T[] {
    return guarded('query', this.place, () => this.db.prepare<string[], T>(sql).all(...values));
  }

  private one<T>(sql: string, ...values: string[]): T | undefined {
    return guarded('query', this.place, () => this.db.prepare<string[], T>(sql).get(...values));
  }

  private column(sql: string, ...values: string[]): string[] {
    return guarded(
      'query',
      this.place,
      () =>
        this.db
          .prepare(sql)
          .pluck()
          .all(...values) as string[],
    );
  }

  /** Whether there was such a checkpoint that has been removed, collected or not. */
  private wasRemoved(id: string): boolean {
    return this.isForgotten(id) || this.get(id)?.state === 'deleted';
  }

  private refuseMissing(argument: string): never {
    throw new StoreError({
      reason: 'missing',
      operation: 'find',
      place: argument === '' ? "''" : argument,
      problem: this.wasRemoved(argument) ? 'was removed' : 'no such checkpoint',
      hint: 'ckpt ls shows what there is',
    });
  }

  private refuseAmbiguous(argument: string, matches: readonly CheckpointRow[]): never {
    const ids = matches.slice(0, CANDIDATES_MAX).map((row) => row.id);
    const more = matches.length > CANDIDATES_MAX ? ' and more' : '';
    throw new StoreError({
      reason: 'ambiguous',
      operation: 'find',
      place: argument,
      problem: `no such checkpoint: as a prefix it fits ${ids.join(' ')}${more}`,
      hint: 'give more of the id',
    });
  }
}

function unsigned(value: bigint | string | null | undefined): bigint {
  return BigInt.asUintN(64, BigInt(value ?? 0));
}
