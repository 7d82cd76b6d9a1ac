// SPDX-License-Identifier: Apache-2.0
//
// The statements with which the projection writes the catalog, prepared once. No decisions here.
import type { Statement } from 'better-sqlite3';
import type { Db } from '../sqlite.js';
import type { StoredValue } from '../stored-value.js';

export type ImageState = 'open' | 'sealed' | 'aborted' | 'deleted' | 'damaged';

/** A row of `image`, by column; what it says is in schema.ts. */
export interface ImageRow {
  readonly image: number;
  readonly id: string;
  state: ImageState;
  damage: string | null;
  name: string | null;
  created_at: string | null;
  source: string | null;
  host: string | null;
  pid: number | null;
  comm: string | null;
  process: string | null;
  format_version: number | null;
  kernel_release: string | null;
  image_bytes: number;
  image_digest: string | null;
  records: number;
  pages: number;
  zero_pages: number;
  new_pages: number;
  stored_bytes: number;
  frozen_ms: number | null;
  parent_id: string | null;
  writer_host: string | null;
  writer_boot_id: string | null;
  writer_pid_namespace: string | null;
  writer_pid: number | null;
  writer_start_ticks: number | null;
  dedup_position: string | null;
  ended_partition: number | null;
  ended_offset: number | null;
}

/** What the view `checkpoint` shows beside id, state and damage. */
const shownColumns = [
  'name',
  'created_at',
  'source',
  'host',
  'pid',
  'comm',
  'process',
  'format_version',
  'kernel_release',
  'image_bytes',
  'image_digest',
  'records',
  'pages',
  'zero_pages',
  'new_pages',
  'stored_bytes',
  'frozen_ms',
  'parent_id',
] as const satisfies readonly (keyof ImageRow)[];

/** Of a stream that is open: nobody asks who wrote one that has ended. */
const writerColumns = [
  'writer_host',
  'writer_boot_id',
  'writer_pid_namespace',
  'writer_pid',
  'writer_start_ticks',
  'dedup_position',
] as const satisfies readonly (keyof ImageRow)[];

const imageColumns = [
  'state',
  'damage',
  ...shownColumns,
  ...writerColumns,
  'ended_partition',
  'ended_offset',
] as const satisfies readonly (keyof ImageRow)[];

/** Events about packs that are forgotten. */
export interface PacksBefore {
  readonly partition: number;
  readonly upTo: number;
}

export interface CursorRow {
  readonly next_seq: number;
  readonly chain: Buffer;
  /** JSON. */
  readonly scan: string;
}

type Params = (number | bigint | string | Buffer | null)[];

export class CatalogRows {
  readonly insertImage: Statement<[string]>;
  readonly image: Statement<[string], ImageRow>;
  readonly updateImage: Statement<[ImageRow]>;
  readonly cursor: Statement<[number], CursorRow>;
  readonly putCursor: Statement<[number, number, Buffer, string]>;
  readonly dropCursor: Statement<[number]>;
  readonly insertEvent: Statement<Params>;
  readonly insertRecord: Statement<Params>;
  readonly insertVma: Statement<Params>;
  readonly setVmaPath: Statement<Params>;
  readonly addVmaPages: Statement<Params>;
  readonly addVmaCounts: Statement<Params>;
  readonly insertPack: Statement<Params>;
  readonly namePack: Statement<[string]>;
  readonly packNumber: Statement<[string], number>;
  readonly imagePack: Statement<[number, number], Buffer>;
  readonly insertImagePack: Statement<[number, number, Buffer]>;
  readonly putImagePack: Statement<[number, number, Buffer]>;
  readonly packsOfImage: Statement<[number], { pack: number; slots: Buffer }>;
  readonly packLive: Statement<[number], Buffer>;
  readonly setPackLive: Statement<[Buffer, number, number]>;
  readonly sealedSlots: Statement<[number], Buffer>;
  readonly dropImagePack: Statement<[number, number]>;
  readonly imagesOfPack: Statement<[string], number>;
  readonly pagesEvents: Statement<[number], { seq: number } & StoredValue>;
  readonly updateEvent: Statement<Params>;
  readonly insertMove: Statement<Params>;
  readonly movesOf: Statement<[string], { slot: number; slots: number; to_pack: string; to_slot: number }>;
  readonly forgetPackEnds: readonly Statement<[PacksBefore]>[];
  readonly packEnd: Statement<[string], { partition: number; condemned: number; deleted: number | null }>;
  readonly condemn: Statement<Params>;
  readonly deletePack: Statement<Params>;
  readonly dropPack: Statement<[string]>;
  readonly losePack: Statement<[string]>;
  /** A pack that was only named, once nobody names it. */
  readonly dropNamed: Statement<[number]>;
  readonly putTag: Statement<[number, string]>;
  readonly dropTag: Statement<[number, string]>;
  readonly dropTags: Statement<[number]>;
  readonly isForgotten: Statement<[string], number>;
  readonly forget: Statement<[string]>;
  readonly dropImage: Statement<[number]>;
  readonly dropSeals: Statement<[string]>;
  readonly insertRestore: Statement<Params>;
  readonly insertSeal: Statement<Params>;
  readonly putPosition: Statement<[number, number]>;
  readonly meta: Statement<[string], string>;
  readonly putMeta: Statement<[string, string]>;
  private readonly dropDetails: readonly Statement<[number]>[];

  constructor(db: Db) {
    const write = (sql: string): Statement<Params> => db.prepare<Params>(sql);
    const pluck = <P extends unknown[], R>(sql: string): Statement<P, R> => {
      const statement: unknown = db.prepare(sql).pluck();
      return statement as Statement<P, R>;
    };
    this.insertImage = db.prepare("INSERT INTO image (id, state) VALUES (?, 'open')");
    this.image = db.prepare('SELECT * FROM image WHERE id = ?');
    this.updateImage = db.prepare<[ImageRow]>(
      `UPDATE image SET ${imageColumns.map((column) => `${column} = @${column}`).join(', ')} WHERE image = @image`,
    );
    this.cursor = db.prepare('SELECT next_seq, chain, scan FROM image_cursor WHERE image = ?');
    this.putCursor = db.prepare(
      'INSERT OR REPLACE INTO image_cursor (image, next_seq, chain, scan) VALUES (?, ?, ?, ?)',
    );
    this.dropCursor = db.prepare('DELETE FROM image_cursor WHERE image = ?');
    this.insertEvent = write(
      'INSERT INTO image_event (image, seq, is_pages, value, zstd, first, pages, zero_pages, new_pages, vma_seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    );
    this.insertRecord = write(
      'INSERT INTO image_record (image, seq, offset, type, task, bytes) VALUES (?, ?, ?, ?, ?, ?)',
    );
    this.insertVma = write(
      `INSERT INTO image_vma (image, seq, start_addr, end_addr, kind, prot, path, file_offset, pages, zero_pages, new_pages)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0)`,
    );
    this.setVmaPath = write('UPDATE image_vma SET path = ? WHERE image = ? AND seq = ? AND start_addr = ?');
    this.addVmaPages = write('UPDATE image_vma SET pages = pages + ? WHERE image = ? AND seq = ? AND start_addr = ?');
    this.addVmaCounts = write(
      'UPDATE image_vma SET zero_pages = zero_pages + ?, new_pages = new_pages + ? WHERE image = ? AND seq = ? AND start_addr = ?',
    );
    this.insertPack = write(
      `INSERT INTO pack_file (id, pages, raw_bytes, stored_bytes, stream)
       SELECT * FROM (SELECT ? AS id, ? AS pages, ? AS raw_bytes, ? AS stored_bytes, ? AS stream) p
       WHERE NOT EXISTS (SELECT 1 FROM pack_end e WHERE e.id = p.id AND e.deleted IS NOT NULL)
       ON CONFLICT (id) DO UPDATE SET pages = excluded.pages, raw_bytes = excluded.raw_bytes, stored_bytes = excluded.stored_bytes,
         stream = excluded.stream WHERE pages IS NULL`,
    );
    this.namePack = db.prepare('INSERT INTO pack_file (id) VALUES (?) ON CONFLICT (id) DO NOTHING');
    this.packNumber = pluck('SELECT pack FROM pack_file WHERE id = ?');
    this.imagePack = pluck('SELECT slots FROM image_pack WHERE image = ? AND pack = ?');
    this.insertImagePack = db.prepare('INSERT INTO image_pack (image, pack, slots) VALUES (?, ?, ?)');
    this.putImagePack = db.prepare('INSERT OR REPLACE INTO image_pack (image, pack, slots) VALUES (?, ?, ?)');
    this.packsOfImage = db.prepare('SELECT pack, slots FROM image_pack WHERE image = ?');
    this.packLive = pluck('SELECT live FROM pack_file WHERE pack = ?');
    this.setPackLive = db.prepare('UPDATE pack_file SET live = ?, live_pages = ? WHERE pack = ?');
    this.sealedSlots = pluck(
      "SELECT s.slots FROM image_pack s JOIN image i USING (image) WHERE s.pack = ? AND i.state = 'sealed'",
    );
    this.dropImagePack = db.prepare('DELETE FROM image_pack WHERE image = ? AND pack = ?');
    this.imagesOfPack = pluck('SELECT image FROM image_pack s JOIN pack_file p USING (pack) WHERE p.id = ?');
    this.pagesEvents = db.prepare('SELECT seq, value, zstd FROM image_event WHERE image = ? AND is_pages');
    this.updateEvent = write('UPDATE image_event SET value = ?, zstd = ? WHERE image = ? AND seq = ?');
    this.insertMove = write(
      'INSERT INTO pack_move (pack, slot, slots, to_pack, to_slot, at) VALUES (?, ?, ?, ?, ?, ?)',
    );
    this.movesOf = db.prepare('SELECT slot, slots, to_pack, to_slot FROM pack_move WHERE pack = ? ORDER BY slot');
    this.forgetPackEnds = [
      // Of what was condemned before and deleted since, whoever reads a shortened log sees only that.
      'UPDATE pack_end SET condemned = deleted WHERE partition = @partition AND condemned < @upTo AND deleted >= @upTo',
      'DELETE FROM pack_end WHERE partition = @partition AND condemned < @upTo',
      'DELETE FROM pack_move WHERE at < @upTo',
    ].map((sql) => db.prepare<[PacksBefore]>(sql));
    this.packEnd = db.prepare('SELECT partition, condemned, deleted FROM pack_end WHERE id = ?');
    this.condemn = write(
      'INSERT INTO pack_end (id, partition, condemned) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING',
    );
    this.deletePack = write(
      `INSERT INTO pack_end (id, partition, condemned, deleted) SELECT id, partition, at, at FROM (SELECT ? AS id, ? AS partition, ? AS at) WHERE true
       ON CONFLICT (id) DO UPDATE SET deleted = excluded.deleted WHERE deleted IS NULL`,
    );
    this.dropPack = db.prepare(
      'DELETE FROM pack_file WHERE id = ? AND NOT EXISTS (SELECT 1 FROM image_pack s WHERE s.pack = pack_file.pack)',
    );
    this.dropNamed = db.prepare(
      'DELETE FROM pack_file WHERE pack = ? AND pages IS NULL AND NOT EXISTS (SELECT 1 FROM image_pack s WHERE s.pack = pack_file.pack)',
    );
    this.losePack = db.prepare('UPDATE pack_file SET pages = NULL WHERE id = ?');
    this.putTag = db.prepare('INSERT OR IGNORE INTO image_tag (image, name) VALUES (?, ?)');
    this.dropTag = db.prepare('DELETE FROM image_tag WHERE image = ? AND name = ?');
    this.dropTags = db.prepare('DELETE FROM image_tag WHERE image = ?');
    this.isForgotten = pluck('SELECT 1 FROM forgotten_image WHERE id = ?');
    this.forget = db.prepare('INSERT OR IGNORE INTO forgotten_image (id) VALUES (?)');
    this.dropImage = db.prepare('DELETE FROM image WHERE image = ?');
    this.dropSeals = db.prepare('DELETE FROM seal WHERE checkpoint_id = ?');
    this.insertRestore = write(
      // First that it was asked for or that it runs, later how it ended; a repeated event changes nothing.
      `INSERT INTO restore (restore_id, checkpoint_id, at, host, pid, result) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (restore_id) DO UPDATE SET result = excluded.result, pid = ifnull(excluded.pid, pid)
         WHERE result IN ('requested', 'running')`,
    );
    this.insertSeal = write(
      'INSERT OR IGNORE INTO seal (checkpoint_id, key_id, algorithm, digest, at, seal, salt, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    );
    this.putPosition = db.prepare('INSERT OR REPLACE INTO log_position (partition, next) VALUES (?, ?)');
    this.meta = pluck('SELECT value FROM meta WHERE key = ?');
    this.putMeta = db.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)');
    this.dropDetails = ['image_event', 'image_record', 'image_vma', 'image_pack', 'image_cursor'].map((table) =>
      db.prepare<[number]>(`DELETE FROM ${table} WHERE image = ?`),
    );
  }

  /** Forgets what the records and pages of an image said; its row stays. */
  dropImageDetails(image: number): void {
    for (const statement of this.dropDetails) statement.run(image);
  }
}
