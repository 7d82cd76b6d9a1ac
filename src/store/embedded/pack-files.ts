// SPDX-License-Identifier: Apache-2.0
//
// Packs of the embedded log: one immutable file each, packs/XX/ID.pack, and a row in log.db's table `pack`.
//
// A pack is put in this order: its file, durable, then its row. So a row always has its file; a file without a row is what a
// crash left, and the same pack put again completes it. Several packs of one put are written and synced at once, and
// registered in one transaction.
import type { Statement } from 'better-sqlite3';
import { guarded } from '../errors.js';
import { nothingHeld, type NewPack, type PackBatch, type PackHold, type PackInfo, type PackStore } from '../log.js';
import type { Db } from '../sqlite.js';
import { PackFolder } from './pack-folder.js';

/** Rows of a batch of read(). */
const BATCH_PACKS = 1000;

interface PackRow {
  readonly position: number;
  readonly id: string;
  readonly pages: number;
  readonly raw_bytes: number;
  readonly stored_bytes: number;
  readonly stream: string;
}

export class EmbeddedPacks implements PackStore {
  readonly dir: string;
  readonly headsDir: string;
  readonly bytesMax = null;
  readonly folder: PackFolder;
  private readonly insert: Statement<[string, number, number, number, string]>;
  private readonly select: Statement<[number, number], PackRow>;
  private readonly last: Statement<[], number>;

  constructor(
    private readonly db: Db,
    private readonly place: string,
    storeDir: string,
  ) {
    this.dir = `${storeDir}/packs`;
    this.headsDir = this.dir;
    this.folder = new PackFolder(this.dir);
    this.insert = db.prepare(
      'INSERT INTO pack (id, pages, raw_bytes, stored_bytes, stream) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING',
    );
    this.select = db.prepare('SELECT * FROM pack WHERE position >= ? ORDER BY position LIMIT ?');
    this.last = db.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'pack'").pluck() as Statement<[], number>;
  }

  async put(packs: readonly NewPack[]): Promise<void> {
    await this.folder.write(packs);
    guarded('register packs', this.place, () => this.register(packs));
  }

  /** Lists packs whose files are written. */
  register(packs: readonly PackInfo[]): void {
    this.db
      .transaction(() => {
        for (const pack of packs) this.insert.run(pack.id, pack.pages, pack.rawBytes, pack.storedBytes, pack.stream);
      })
      .immediate();
  }

  async *read(from: number): AsyncGenerator<PackBatch> {
    const end = guarded('read packs', this.place, () => (this.last.get() ?? 0) + 1);
    for (let next = from; next < end;) {
      const rows = guarded('read packs', this.place, () => this.select.all(next, BATCH_PACKS));
      next =
        rows.length < BATCH_PACKS ? Math.max(end, (rows.at(-1)?.position ?? 0) + 1) : (rows.at(-1)?.position ?? 0) + 1;
      yield { packs: rows.map(packInfo), next };
    }
  }

  async ensureLocal(ids: readonly string[]): Promise<PackHold> {
    const missing = await this.folder.missing(ids);
    if (missing.length > 0) throw this.folder.missingError(missing);
    return nothingHeld;
  }

  async remove(ids: readonly string[]): Promise<void> {
    const unlist = this.db.prepare('DELETE FROM pack WHERE id = ?');
    guarded('remove packs', this.place, () =>
      this.db.transaction(() => ids.forEach((id) => unlist.run(id))).immediate(),
    );
    await this.folder.remove(ids);
  }

  sweep(mayGo: (id: string, stream: string | null) => boolean): Promise<number> {
    const listed = this.db.prepare('SELECT 1 FROM pack WHERE id = ?').pluck();
    return this.folder.sweep((id, stream) => listed.get(id) === undefined && mayGo(id, stream()));
  }

  removeLeftovers(): void {
    this.folder.removeLeftovers();
  }
}

function packInfo(row: PackRow): PackInfo {
  return { id: row.id, pages: row.pages, rawBytes: row.raw_bytes, storedBytes: row.stored_bytes, stream: row.stream };
}
