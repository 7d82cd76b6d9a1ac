// SPDX-License-Identifier: Apache-2.0
//
// One number for everything that a catalog says. Two catalogs of one log, at the same position, have the same.
import { createHash, type Hash } from 'node:crypto';
import type { Db } from '../sqlite.js';
import { loadValue } from '../stored-value.js';

/** Rows in an order that depends on the log alone, without the numbers that stand for ids within one catalog. */
const questions: Readonly<Record<string, string>> = {
  log_position: 'SELECT * FROM log_position ORDER BY partition',
  checkpoint: 'SELECT * FROM checkpoint ORDER BY id',
  writer:
    'SELECT id, writer_host, writer_boot_id, writer_pid_namespace, writer_pid, writer_start_ticks, dedup_position FROM image ORDER BY id',
  cursor: 'SELECT id, next_seq, chain, scan FROM image_cursor JOIN image USING (image) ORDER BY id',
  tag: 'SELECT * FROM tag ORDER BY checkpoint_id, name',
  record: 'SELECT * FROM record ORDER BY checkpoint_id, seq, offset',
  record_bytes: 'SELECT * FROM record_bytes ORDER BY checkpoint_id, seq',
  page_map: 'SELECT * FROM page_map ORDER BY checkpoint_id, seq',
  vma: 'SELECT * FROM vma ORDER BY checkpoint_id, seq, start_addr',
  ended: 'SELECT id, ended_partition, ended_offset FROM image ORDER BY id',
  forgotten: 'SELECT id FROM forgotten_image ORDER BY id',
  pack: 'SELECT * FROM pack ORDER BY id',
  pack_end: 'SELECT * FROM pack_end ORDER BY id',
  pack_move: 'SELECT pack, slot, slots, to_pack, to_slot FROM pack_move ORDER BY pack, slot',
  pack_live: 'SELECT id, live FROM pack_file WHERE pages IS NOT NULL OR live_pages > 0 ORDER BY id',
  checkpoint_pack: 'SELECT * FROM checkpoint_pack ORDER BY checkpoint_id, pack_id',
  restore: 'SELECT * FROM restore ORDER BY restore_id',
  seal: 'SELECT * FROM seal ORDER BY checkpoint_id, seal, key_id, algorithm, digest, at',
};

/** Hex SHA-256 over all rows. */
export function digestCatalog(db: Db): string {
  const whole = createHash('sha256');
  for (const [name, digest] of Object.entries(digestTables(db))) whole.update(`${name}\0${digest}\0`);
  return whole.digest('hex');
}

/** One for each table, to see where two catalogs differ. */
export function digestTables(db: Db): Record<string, string> {
  const digests: Record<string, string> = {};
  for (const [name, sql] of Object.entries(questions)) {
    const hash = createHash('sha256');
    for (const row of db.prepare<[], unknown[]>(sql).raw().safeIntegers().iterate()) {
      addRow(hash, storedValues.has(name) ? withPlainValue(row) : row);
    }
    digests[name] = hash.digest('hex');
  }
  return digests;
}

/** Questions whose rows end in the columns `value` and `zstd`: what counts is the value, not how this zstd compressed it. */
const storedValues: ReadonlySet<string> = new Set(['record_bytes', 'page_map']);

function withPlainValue(row: readonly unknown[]): unknown[] {
  const [value, zstd] = row.slice(-2) as [Buffer, bigint];
  return [...row.slice(0, -2), loadValue({ value, zstd: Number(zstd) }, 'catalog')];
}

/** Each value with its type and length, so that no two rows look alike. */
function addRow(hash: Hash, row: readonly unknown[]): void {
  hash.update(`${row.length}\n`);
  for (const value of row) {
    const bytes = Buffer.isBuffer(value) ? value : Buffer.from(String(value));
    hash.update(`${value === null ? 'null' : Buffer.isBuffer(value) ? 'blob' : typeof value} ${bytes.length}\n`);
    hash.update(bytes);
  }
}
