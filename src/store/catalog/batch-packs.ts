// SPDX-License-Identifier: Apache-2.0
//
// The packs that one transaction of the projection concerns. Hundreds of images name the same packs: a pack's number is looked up once,
// and what is live in it is written once, at the end.
import type { CatalogRows } from './rows.js';
import { addSlots, countSlots, trimmedBitmap, wholeBitmap } from './slots.js';

export class BatchPacks {
  private readonly numbers = new Map<string, number>();
  /** Bitmaps of full length: what was live before, and what newly sealed images use. */
  private readonly live = new Map<number, Buffer>();
  /** Packs whose live pages have to be counted anew, because an image let go of some. It may have been the last that named it. */
  private readonly touched = new Set<number>();

  constructor(private readonly rows: CatalogRows) {}

  /** The number of a pack, which gets a row when it has none. */
  numberOf(id: string): number {
    let number = this.numbers.get(id) ?? this.rows.packNumber.get(id);
    if (number === undefined) {
      this.rows.namePack.run(id);
      number = this.rows.packNumber.get(id);
      if (number === undefined) throw new Error(`no row for pack ${id}`);
    }
    this.numbers.set(id, number);
    return number;
  }

  /** Its deletion stands in the log. Should somebody refer to it all the same, it is missing, and that is damage and said. */
  delete(id: string): void {
    // SQLite may give its number to the next pack.
    const number = this.numbers.get(id) ?? this.rows.packNumber.get(id);
    if (this.rows.dropPack.run(id).changes === 0) {
      this.rows.losePack.run(id);
      return;
    }
    this.numbers.delete(id);
    if (number === undefined) return;
    this.live.delete(number);
    this.touched.delete(number);
  }

  /** A newly sealed image uses these slots: that can only add to what is live. */
  addLive(pack: number, slots: Buffer): void {
    let live = this.live.get(pack);
    if (!live) {
      live = wholeBitmap(this.rows.packLive.get(pack) ?? null);
      this.live.set(pack, live);
    }
    addSlots(live, slots);
  }

  touch(pack: number): void {
    this.touched.add(pack);
  }

  /** Writes what is live; all images have been stored. */
  flush(): void {
    for (const [pack, live] of this.live) if (!this.touched.has(pack)) this.setLive(pack, live);
    for (const pack of this.touched) {
      const live = wholeBitmap(null);
      for (const slots of this.rows.sealedSlots.iterate(pack)) addSlots(live, slots);
      this.setLive(pack, live);
      this.rows.dropNamed.run(pack);
    }
  }

  private setLive(pack: number, live: Buffer): void {
    this.rows.setPackLive.run(trimmedBitmap(live), countSlots(live), pack);
  }
}
