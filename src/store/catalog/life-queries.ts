// SPDX-License-Identifier: Apache-2.0
//
// What collecting asks the catalog. "In use" is a slot that a sealed, open or damaged image names, or a deleted one that is not forgotten
// yet: readers may be in it.
import { guarded } from '../errors.js';
import type { LogPosition, PackInfo } from '../log.js';
import type { Db } from '../sqlite.js';
import { PACKS_FORGOTTEN, PACKS_MOVED, positionOf, type PacksForgottenAt } from './position.js';
import { addSlots, countSlots, wholeBitmap } from './slots.js';

/** A deleted or aborted checkpoint that is not forgotten yet. */
export interface EndedImage {
  readonly image: number;
  readonly id: string;
  readonly partition: number;
  readonly offset: number;
}

export interface PackRow {
  readonly id: string;
  readonly pages: number;
  readonly stored_bytes: number;
}

export interface CondemnedPack extends PackRow {
  readonly partition: number;
  /** Offset of the event that condemned it. */
  readonly condemned: number;
}

export interface Freed {
  readonly packs: number;
  /** Stored bytes of packs that would be dead, and of the dead part of those that would be rewritten. */
  readonly bytes: number;
}

/** Packs that collecting and repairing write name this in place of a checkpoint. */
export const REWRITTEN = 'rewrite-';

const streamEnded = `(p.stream LIKE '${REWRITTEN}%' OR EXISTS (SELECT 1 FROM image i WHERE i.id = p.stream AND i.state <> 'open')
  OR EXISTS (SELECT 1 FROM forgotten_image f WHERE f.id = p.stream))`;
const usedPast =
  'EXISTS (SELECT 1 FROM image_pack s WHERE s.pack = p.pack AND s.image NOT IN (SELECT value FROM json_each(?)))';

export class LifeQueries {
  constructor(
    private readonly db: Db,
    private readonly place: string,
  ) {}

  /** What might be forgotten. */
  ended(): EndedImage[] {
    return this.all<EndedImage>(
      `SELECT image, id, ifnull(ended_partition, 0) AS partition, ifnull(ended_offset, 0) AS offset FROM image
       WHERE state IN ('deleted', 'aborted') ORDER BY id`,
    );
  }

  forgotten(): string[] {
    return this.all<{ id: string }>('SELECT id FROM forgotten_image ORDER BY id').map(({ id }) => id);
  }

  /**
   * Where the catalog is, if there is no checkpoint and no pack now, but something that was said about packs which nobody needs any more;
   * else undefined.
   */
  emptiedAt(): LogPosition | undefined {
    const isEmpty = `SELECT 1 WHERE EXISTS (SELECT 1 FROM pack_end)
      AND NOT EXISTS (SELECT 1 FROM image) AND NOT EXISTS (SELECT 1 FROM pack_file)`;
    return guarded('query', this.place, () =>
      this.db.transaction(() => (this.all(isEmpty).length > 0 ? positionOf(this.db) : undefined))(),
    );
  }

  /** The last event that let what was said about packs be forgotten. */
  packsForgotten(): PacksForgottenAt | undefined {
    const [row] = this.all<{ value: string }>('SELECT value FROM meta WHERE key = ?', PACKS_FORGOTTEN);
    return row && (JSON.parse(row.value) as PacksForgottenAt);
  }

  /** Changes whenever pages have moved to other packs; where the pages of an image are does not change otherwise. */
  packsMoved(): string {
    return this.all<{ value: string }>('SELECT value FROM meta WHERE key = ?', PACKS_MOVED)[0]?.value ?? '';
  }

  /** Packs that nobody uses, whose writer is done, and that are not condemned yet. Images of `forgetting` do not count. */
  unused(forgetting: readonly number[]): PackRow[] {
    return this.all<PackRow>(
      `SELECT id, pages, stored_bytes FROM pack_file p WHERE pages IS NOT NULL AND NOT ${usedPast} AND ${streamEnded}
       AND NOT EXISTS (SELECT 1 FROM pack_end e WHERE e.id = p.id) ORDER BY id`,
      JSON.stringify(forgetting),
    );
  }

  /** Condemned packs that nobody uses. */
  condemned(forgetting: readonly number[] = []): CondemnedPack[] {
    return this.all<CondemnedPack>(
      `SELECT p.id, p.pages, p.stored_bytes, e.partition, e.condemned FROM pack_file p JOIN pack_end e USING (id)
       WHERE e.deleted IS NULL AND p.pages IS NOT NULL AND NOT ${usedPast} ORDER BY p.id`,
      JSON.stringify(forgetting),
    );
  }

  /** Packs less than half of whose pages are in use, but some; with the slots in use. */
  *sparse(forgetting: readonly number[] = []): Generator<PackRow & { readonly slots: Buffer; readonly used: number }> {
    const rows = this.all<PackRow & { pack: number }>(
      `SELECT p.pack, p.id, p.pages, p.stored_bytes FROM pack_file p LEFT JOIN pack_end e USING (id)
       WHERE p.pages IS NOT NULL AND e.deleted IS NULL AND p.live_pages * 2 < p.pages AND ${usedPast} AND ${streamEnded} ORDER BY p.id`,
      JSON.stringify(forgetting),
    );
    for (const { pack, ...row } of rows) {
      const slots = this.slots(pack, forgetting);
      const used = countSlots(slots);
      if (used > 0 && used * 2 < row.pages) yield { ...row, slots, used };
    }
  }

  /** Where the log's end was when an open stream began; those that have not begun can never be sealed and are left out. */
  openStreams(): { id: string; position: LogPosition }[] {
    const rows = this.all<{ id: string; dedup_position: string }>(
      "SELECT id, dedup_position FROM image WHERE state = 'open' AND dedup_position IS NOT NULL ORDER BY id",
    );
    return rows.map(({ id, dedup_position }) => ({ id, position: JSON.parse(dedup_position) as number[] }));
  }

  /** Packs that dedup may choose: condemned ones it may not. */
  choosable(): string[] {
    const rows = this.all<{ id: string }>(
      'SELECT id FROM pack_file p WHERE pages IS NOT NULL AND NOT EXISTS (SELECT 1 FROM pack_end e WHERE e.id = p.id) ORDER BY id',
    );
    return rows.map(({ id }) => id);
  }

  /** Packs condemned at an offset or later. */
  condemnedFrom(offset: number): { id: string; condemned: number }[] {
    return this.all('SELECT id, condemned FROM pack_end WHERE condemned >= ? ORDER BY condemned', offset);
  }

  isDeleted(pack: string): boolean {
    return this.all('SELECT 1 FROM pack_end WHERE id = ? AND deleted IS NOT NULL', pack).length > 0;
  }

  /** Whether a file that no listed pack has may go: nobody uses it, and its writer is done or its deletion stands in the log. */
  mayGo(pack: string, stream: string | null): boolean {
    if (this.all('SELECT 1 FROM image_pack s JOIN pack_file p USING (pack) WHERE p.id = ? LIMIT 1', pack).length > 0)
      return false;
    if (this.isDeleted(pack)) return true;
    if (stream === null) return false;
    if (stream.startsWith(REWRITTEN)) return true;
    const hasEnded =
      "SELECT 1 FROM image WHERE id = ? AND state <> 'open' UNION ALL SELECT 1 FROM forgotten_image WHERE id = ?";
    return this.all(hasEnded, stream, stream).length > 0;
  }

  isCondemned(pack: string): boolean {
    return this.all('SELECT 1 FROM pack_end WHERE id = ?', pack).length > 0;
  }

  /** What the log lists of a pack. */
  packInfo(pack: string): PackInfo | undefined {
    return this.all<PackInfo>(
      `SELECT id, pages, raw_bytes AS rawBytes, stored_bytes AS storedBytes, stream FROM pack_file
       WHERE id = ? AND pages IS NOT NULL`,
      pack,
    )[0];
  }

  /** Slots of a pack that sealed, open or damaged images name, as a whole bitmap. */
  slotsNeeded(id: string): Buffer {
    const slots = wholeBitmap(null);
    const rows = this.all<{ slots: Buffer }>(
      `SELECT s.slots FROM image_pack s JOIN pack_file p USING (pack) JOIN image i USING (image)
       WHERE p.id = ? AND i.state IN ('sealed', 'open', 'damaged')`,
      id,
    );
    for (const row of rows) addSlots(slots, row.slots);
    return slots;
  }

  /** What would be freed if these checkpoints were removed and everything then collected. */
  freedBy(ids: readonly string[]): Freed {
    const images = this.all<{ image: number }>(
      'SELECT image FROM image WHERE id IN (SELECT value FROM json_each(?))',
      JSON.stringify(ids),
    ).map(({ image }) => image);
    const rows = this.all<{ pack: number; pages: number; stored_bytes: number }>(
      `SELECT DISTINCT p.pack, p.pages, p.stored_bytes FROM pack_file p JOIN image_pack s USING (pack)
       WHERE p.pages IS NOT NULL AND s.image IN (SELECT value FROM json_each(?))`,
      JSON.stringify(images),
    );
    const freed = { packs: 0, bytes: 0 };
    for (const { pack, pages, stored_bytes } of rows) {
      const left = countSlots(this.slots(pack, images));
      if (left * 2 >= pages) continue;
      if (left === 0) freed.packs++;
      freed.bytes += Math.round((stored_bytes * (pages - left)) / pages);
    }
    return freed;
  }

  private slots(pack: number, without: readonly number[]): Buffer {
    const slots = wholeBitmap(null);
    const rows = this.all<{ slots: Buffer }>(
      'SELECT slots FROM image_pack WHERE pack = ? AND image NOT IN (SELECT value FROM json_each(?))',
      pack,
      JSON.stringify(without),
    );
    for (const row of rows) addSlots(slots, row.slots);
    return slots;
  }

  private all<T>(sql: string, ...values: (string | number)[]): T[] {
    return guarded('query', this.place, () => this.db.prepare<(string | number)[], T>(sql).all(...values));
  }
}
