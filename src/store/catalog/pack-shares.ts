// SPDX-License-Identifier: Apache-2.0
//
// Which pages of which packs checkpoints use, alone or together: all from the bitmaps of slots, no page is looked at.
import type { Db } from '../sqlite.js';
import { addSlots, countSlots, wholeBitmap } from './slots.js';

export interface PackShare {
  readonly pack: string;
  readonly pages: number;
}

/** Pages of each pack that both images use, by pack id. */
export function* sharedSlots(db: Db, imageA: number, imageB: number): Generator<PackShare> {
  const rows = db
    .prepare<[number, number], { id: string; a: Buffer; b: Buffer }>(
      `SELECT p.id, a.slots AS a, b.slots AS b FROM image_pack a JOIN image_pack b USING (pack) JOIN pack_file p USING (pack)
       WHERE a.image = ? AND b.image = ? ORDER BY p.id`,
    )
    .all(imageA, imageB);
  for (const { id, a, b } of rows) {
    const both = Buffer.from(a.subarray(0, Math.min(a.length, b.length)));
    for (let at = 0; at < both.length; at++) both[at] = (both[at] ?? 0) & (b[at] ?? 0);
    const pages = countSlots(both);
    if (pages > 0) yield { pack: id, pages };
  }
}

export interface FreedSlots extends PackShare {
  /** Pages that other checkpoints use. */
  readonly leftPages: number;
  /** Bytes of the pack file in proportion to the pages: all of them when nothing is left. */
  readonly storedBytes: number;
}

/** What no other sealed image needs of the packs that an image uses. */
export function* freedSlots(db: Db, image: number): Generator<FreedSlots> {
  const packs = db
    .prepare<[number], { pack: number; id: string; slots: Buffer; pages: number; stored: number }>(
      `SELECT s.pack, p.id, s.slots, ifnull(p.pages, 0) AS pages, ifnull(p.stored_bytes, 0) AS stored FROM image_pack s
       JOIN pack_file p USING (pack) WHERE s.image = ? ORDER BY p.id`,
    )
    .all(image);
  const others = db
    .prepare<[number, number], Buffer>(
      `SELECT s.slots FROM image_pack s JOIN image i USING (image) WHERE s.pack = ? AND i.image <> ? AND i.state IN ('sealed', 'open')`,
    )
    .pluck();
  for (const { pack, id, slots, pages, stored } of packs) {
    const left = wholeBitmap(null);
    for (const used of others.iterate(pack, image)) addSlots(left, used);
    const leftPages = countSlots(left);
    const all = wholeBitmap(left);
    addSlots(all, slots);
    const freed = countSlots(all) - leftPages;
    const gone = pages - leftPages;
    if (freed > 0)
      yield {
        pack: id,
        pages: freed,
        leftPages,
        storedBytes: leftPages === 0 ? stored : Math.floor((stored * Math.min(freed, gone)) / pages),
      };
  }
}
