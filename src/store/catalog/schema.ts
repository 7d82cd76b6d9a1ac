// SPDX-License-Identifier: Apache-2.0
//
// Schema of catalog.db. What people and other programs read are the views (checkpoint, tag, record, vma, pack, page_map,
// checkpoint_pack) and the tables restore, seal and log_position: a contract. The tables under the views use small integers in
// place of ids; these numbers depend on the order in which the log's partitions were read, and are nobody's business.
//
// Everything here can be made from the log. Two catalogs of one log are equal, row for row, in what the views show.
import type { Migration, SqliteSchema } from '../sqlite.js';

const tables = `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE log_position (partition INTEGER PRIMARY KEY, next INTEGER NOT NULL) STRICT;

  CREATE TABLE image (
    image INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('open', 'sealed', 'aborted', 'deleted', 'damaged')),
    damage TEXT,
    name TEXT,
    created_at TEXT,
    source TEXT,
    host TEXT,
    pid INTEGER,
    comm TEXT,
    process TEXT,
    format_version INTEGER,
    kernel_release TEXT,
    image_bytes INTEGER NOT NULL DEFAULT 0,
    image_digest TEXT,
    records INTEGER NOT NULL DEFAULT 0,
    pages INTEGER NOT NULL DEFAULT 0,
    zero_pages INTEGER NOT NULL DEFAULT 0,
    new_pages INTEGER NOT NULL DEFAULT 0,
    stored_bytes INTEGER NOT NULL DEFAULT 0,
    frozen_ms REAL,
    parent_id TEXT,
    writer_host TEXT,
    writer_boot_id TEXT,
    writer_pid_namespace TEXT,
    writer_pid INTEGER,
    writer_start_ticks INTEGER,
    dedup_position TEXT
  ) STRICT;
  CREATE INDEX image_name ON image (name, id) WHERE name IS NOT NULL;
  CREATE INDEX image_process ON image (process, id) WHERE process IS NOT NULL;
  CREATE INDEX image_state ON image (state, id);

  -- How far an open stream has been read: gone when it ends.
  CREATE TABLE image_cursor (
    image INTEGER PRIMARY KEY, next_seq INTEGER NOT NULL, chain BLOB NOT NULL, scan TEXT NOT NULL
  ) STRICT;

  CREATE TABLE image_tag (image INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (image, name)) STRICT, WITHOUT ROWID;

  -- The values of the record and pages events; with zstd = 1 compressed.
  CREATE TABLE image_event (
    image INTEGER NOT NULL, seq INTEGER NOT NULL, is_pages INTEGER NOT NULL, value BLOB NOT NULL, zstd INTEGER NOT NULL,
    first INTEGER, pages INTEGER, zero_pages INTEGER, new_pages INTEGER, vma_seq INTEGER
  ) STRICT;
  CREATE UNIQUE INDEX image_event_stream ON image_event (image, seq);

  CREATE TABLE image_record (
    image INTEGER NOT NULL, seq INTEGER NOT NULL, offset INTEGER NOT NULL, type INTEGER NOT NULL, task INTEGER NOT NULL,
    bytes INTEGER NOT NULL, PRIMARY KEY (image, seq, offset)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE image_vma (
    image INTEGER NOT NULL, seq INTEGER NOT NULL, start_addr INTEGER NOT NULL, end_addr INTEGER NOT NULL, kind TEXT NOT NULL,
    prot TEXT NOT NULL, path TEXT, file_offset INTEGER, pages INTEGER NOT NULL, zero_pages INTEGER NOT NULL, new_pages INTEGER NOT NULL,
    PRIMARY KEY (image, seq, start_addr)
  ) STRICT, WITHOUT ROWID;

  -- live: slots that sealed images use, as a bitmap; pages is null until the pack itself has been seen.
  CREATE TABLE pack_file (
    pack INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, pages INTEGER, raw_bytes INTEGER, stored_bytes INTEGER, stream TEXT,
    live BLOB NOT NULL DEFAULT x'', live_pages INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  -- slots: those of the pack that the image uses, bit i of byte i >> 3.
  CREATE TABLE image_pack (
    image INTEGER NOT NULL, pack INTEGER NOT NULL, slots BLOB NOT NULL, PRIMARY KEY (image, pack)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX image_pack_pack ON image_pack (pack, image);

  CREATE TABLE restore (
    restore_id TEXT PRIMARY KEY, checkpoint_id TEXT NOT NULL, at TEXT NOT NULL, host TEXT NOT NULL, pid INTEGER, result TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX restore_checkpoint ON restore (checkpoint_id, at);
`;

const views = `
  CREATE VIEW checkpoint AS
    SELECT id, name, state, created_at, host, pid, comm, format_version, kernel_release, image_bytes, image_digest, pages, zero_pages,
      new_pages, stored_bytes, parent_id, records, frozen_ms, source, process, damage
    FROM image;
  CREATE VIEW tag AS SELECT i.id AS checkpoint_id, t.name FROM image_tag t JOIN image i USING (image);
  CREATE VIEW record AS
    SELECT i.id AS checkpoint_id, r.seq, t.name AS type, r.type AS number, r.offset, r.bytes, r.task
    FROM image_record r JOIN image i USING (image) LEFT JOIN record_type t ON t.number = r.type;
  CREATE VIEW vma AS
    SELECT i.id AS checkpoint_id, v.seq, v.start_addr, v.end_addr, v.kind, v.prot, v.path, v.pages, v.zero_pages, v.new_pages,
      v.file_offset, printf('%012x', v.start_addr) AS start_hex, printf('%012x', v.end_addr) AS end_hex
    FROM image_vma v JOIN image i USING (image);
  CREATE VIEW pack AS SELECT id, pages, raw_bytes, stored_bytes, live_pages, stream FROM pack_file WHERE pages IS NOT NULL;
  CREATE VIEW checkpoint_pack AS
    SELECT i.id AS checkpoint_id, p.id AS pack_id, s.slots FROM image_pack s JOIN image i USING (image) JOIN pack_file p USING (pack);
  CREATE VIEW page_map AS
    SELECT i.id AS checkpoint_id, e.seq, e.first, e.pages, e.zero_pages, e.new_pages, e.vma_seq, e.value, e.zstd
    FROM image_event e JOIN image i USING (image) WHERE e.is_pages;
  CREATE VIEW record_bytes AS
    SELECT i.id AS checkpoint_id, e.seq, e.value, e.zstd FROM image_event e JOIN image i USING (image) WHERE NOT e.is_pages;
`;

const first: Migration = (db) => {
  db.exec(tables);
  db.exec('CREATE TABLE record_type (number INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT');
  const insert = db.prepare('INSERT INTO record_type VALUES (?, ?)');
  for (const [name, number] of recordTypes) insert.run(number, name);
  db.exec(views);
};

const second: Migration = (db) => {
  db.exec(`
    -- Where a deleted or aborted image ended in the log, and whether it was forgotten since.
    ALTER TABLE image ADD COLUMN ended_partition INTEGER;
    ALTER TABLE image ADD COLUMN ended_offset INTEGER;
    ALTER TABLE image ADD COLUMN forgotten INTEGER NOT NULL DEFAULT 0;

    -- Packs that have been condemned, at which offset of which partition, and those deleted since. A row stays until packs are
    -- forgotten: wherever such a pack turns up again, it is not taken in.
    CREATE TABLE pack_end (
      id TEXT PRIMARY KEY, partition INTEGER NOT NULL, condemned INTEGER NOT NULL, deleted INTEGER
    ) STRICT, WITHOUT ROWID;

    -- Slots that are now slots of another pack: images that name the old ones are read as naming the new ones.
    CREATE TABLE pack_move (
      pack TEXT NOT NULL, slot INTEGER NOT NULL, slots INTEGER NOT NULL, to_pack TEXT NOT NULL, to_slot INTEGER NOT NULL,
      PRIMARY KEY (pack, slot)
    ) STRICT, WITHOUT ROWID;
  `);
};

const third: Migration = (db) => {
  db.exec(`
    -- Who stands for an image. Whether they are believed is not the catalog's to say.
    CREATE TABLE seal (
      checkpoint_id TEXT NOT NULL, key_id TEXT NOT NULL, algorithm TEXT NOT NULL, digest TEXT NOT NULL, at TEXT NOT NULL, seal TEXT NOT NULL,
      salt TEXT, PRIMARY KEY (checkpoint_id, seal, key_id, algorithm, digest, at)
    ) STRICT, WITHOUT ROWID;
  `);
};

const fourth: Migration = (db) => {
  db.exec(`
    ALTER TABLE seal ADD COLUMN hash TEXT;
    UPDATE seal SET hash = 'sha256' WHERE salt IS NOT NULL;
  `);
};

const fifth: Migration = (db) => {
  db.exec(`
    -- Ids of checkpoints that were deleted or aborted and are forgotten: nothing that the log still says of them is heard.
    CREATE TABLE forgotten_image (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
    INSERT INTO forgotten_image SELECT id FROM image WHERE forgotten;
    DELETE FROM seal WHERE checkpoint_id IN (SELECT id FROM forgotten_image);
    DELETE FROM image_tag WHERE image IN (SELECT image FROM image WHERE forgotten);
    DELETE FROM image WHERE forgotten;
    ALTER TABLE image DROP COLUMN forgotten;
    -- Where the move stands in the log.
    ALTER TABLE pack_move ADD COLUMN at INTEGER NOT NULL DEFAULT 0;
  `);
};

/** Names of the record numbers as of version 1 of this schema; a later record needs a migration. */
const recordTypes: readonly (readonly [string, number])[] = [
  ['HEAD', 1],
  ['STR', 2],
  ['TASK', 101],
  ['THREAD', 102],
  ['CPU', 103],
  ['MM', 201],
  ['VMA', 202],
  ['MM_CONTEXT', 203],
  ['MACHINE', 301],
  ['TASK2', 302],
  ['CREDS', 303],
  ['RLIMITS', 304],
  ['PATH', 305],
  ['SIGACTIONS', 306],
  ['SIGPENDING', 307],
  ['ITIMERS', 308],
  ['POSIX_TIMER', 309],
  ['FILE', 310],
  ['MM2', 320],
  ['VDSO', 321],
  ['VMA2', 322],
  ['PAGES', 323],
  ['LDT', 324],
  ['THREAD2', 330],
  ['REGS', 331],
  ['XSTATE', 332],
  ['TLS', 333],
  ['TAIL', 5001],
  ['TAIL2', 5002],
];

/** "ckpC" */
export const catalogSchema: SqliteSchema = {
  applicationId: 0x636b7043,
  migrations: [first, second, third, fourth, fifth],
  synchronous: 'NORMAL',
};

/** Everything that the log says; record_type is not from the log. */
export const projectedTables = [
  'meta',
  'log_position',
  'image_cursor',
  'image_tag',
  'image_event',
  'image_record',
  'image_vma',
  'image_pack',
  'pack_file',
  'pack_end',
  'pack_move',
  'restore',
  'seal',
  'forgotten_image',
  'image',
] as const;
