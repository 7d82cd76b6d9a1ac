// SPDX-License-Identifier: Apache-2.0
//
// Pages that have moved to other packs. A stream of events names pages where they were when it was written; the catalog names
// them where they are. Which move it hears of first, the event or the move, makes no difference: the value that comes out depends
// only on where the pages are now (packs in the order of their first use, runs as long as they can be).
import { decodePagesEvent, encodePagesEvent, RUN_PACK, RUN_ZERO } from '../../format/generated/store.js';
import type { PackMove } from '../../format/events.js';
import { pageRuns, type PageRun } from './page-runs.js';
import type { BatchPacks } from './batch-packs.js';
import type { CatalogRows } from './rows.js';
import { countSlots, trimmedBitmap, wholeBitmap, addSlots } from './slots.js';

/** Consecutive slots of a pack. */
interface Slots {
  readonly pack: string;
  readonly slot: number;
  readonly count: number;
}

interface MovedSlots {
  readonly slot: number;
  readonly slots: number;
  readonly to_pack: string;
  readonly to_slot: number;
}

/** Within one transaction. */
export class PageMoves {
  private readonly known = new Map<string, readonly MovedSlots[]>();

  constructor(
    private readonly rows: CatalogRows,
    private readonly packs: BatchPacks,
  ) {}

  /** Takes a move that stands at an offset; slots that have moved before stay where they went. True when it changed something. */
  add({ from, to, runs }: PackMove, offset: number): boolean {
    let changed = false;
    for (const [slot, count, toSlot] of runs) {
      for (const part of this.step({ pack: from, slot, count })) {
        if (part.pack !== from) continue;
        this.rows.insertMove.run(from, part.slot, part.count, to, toSlot + part.slot - slot, offset);
        changed = true;
      }
    }
    this.known.delete(from);
    return changed;
  }

  /** Others have changed what stands of moves. */
  clear(): void {
    this.known.clear();
  }

  isMoved(pack: string): boolean {
    return this.of(pack).length > 0;
  }

  /** Where slots are now. */
  *places(slots: Slots): Generator<Slots> {
    for (const part of this.step(slots)) {
      if (part.pack === slots.pack) yield part;
      else yield* this.places(part);
    }
  }

  /** A pages event that names its pages where they are; the same buffer when none has moved. */
  resolve(value: Buffer, packs: Iterable<string>): Buffer {
    for (const pack of packs) if (this.isMoved(pack)) return this.encoded(value);
    return value;
  }

  /** Names an image's pages where they are now; `pack` is one that has moved. Numbers of the packs concerned. */
  moveImage(image: number, packs: ReadonlySet<string>): number[] {
    const { rows } = this;
    const concerned: number[] = [];
    for (const pack of packs) {
      const number = rows.packNumber.get(pack);
      const used = number === undefined ? undefined : rows.imagePack.get(image, number);
      if (number === undefined || !used) continue;
      concerned.push(number, ...this.moveSlots(image, pack, number, used));
    }
    return concerned;
  }

  private moveSlots(image: number, pack: string, number: number, used: Buffer): number[] {
    const { rows } = this;
    const there = new Map<string, Buffer>();
    for (const run of bitmapRuns(used)) {
      for (const place of this.places({ pack, slot: run.slot, count: run.count })) {
        const bitmap = there.get(place.pack) ?? wholeBitmap(null);
        there.set(place.pack, bitmap);
        for (let slot = place.slot; slot < place.slot + place.count; slot++)
          bitmap[slot >> 3] = (bitmap[slot >> 3] ?? 0) | (1 << (slot & 7));
      }
    }
    const left = there.get(pack);
    there.delete(pack);
    if (left && countSlots(left) > 0) rows.putImagePack.run(image, number, trimmedBitmap(left));
    else rows.dropImagePack.run(image, number);
    return [...there].map(([to, bitmap]) => {
      const target = this.packs.numberOf(to);
      const before = rows.imagePack.get(image, target);
      if (before) addSlots(bitmap, before);
      rows.putImagePack.run(image, target, trimmedBitmap(bitmap));
      return target;
    });
  }

  private encoded(value: Buffer): Buffer {
    const writer = new RunWriter();
    for (const run of pageRuns(value)) {
      if (run.pack === null) {
        writer.add(run);
        continue;
      }
      let { page } = run;
      for (const place of this.places({ pack: run.pack, slot: run.slot, count: run.count })) {
        writer.add({ page, count: place.count, pack: place.pack, slot: place.slot });
        page += place.count;
      }
    }
    return writer.finish(value);
  }

  /** One move at most; parts that have not moved keep their pack. */
  private *step({ pack, slot, count }: Slots): Generator<Slots> {
    let at = slot;
    const end = slot + count;
    for (const moved of this.of(pack)) {
      if (moved.slot + moved.slots <= at) continue;
      if (moved.slot >= end) break;
      if (moved.slot > at) yield { pack, slot: at, count: moved.slot - at };
      const first = Math.max(at, moved.slot);
      at = Math.min(end, moved.slot + moved.slots);
      yield { pack: moved.to_pack, slot: moved.to_slot + first - moved.slot, count: at - first };
    }
    if (at < end) yield { pack, slot: at, count: end - at };
  }

  private of(pack: string): readonly MovedSlots[] {
    let moved = this.known.get(pack);
    if (!moved) {
      moved = this.rows.movesOf.all(pack);
      this.known.set(pack, moved);
    }
    return moved;
  }
}

/** Runs of slots that a bitmap has. */
export function* bitmapRuns(bitmap: Buffer): Generator<{ readonly slot: number; readonly count: number }> {
  const bits = bitmap.length * 8;
  const has = (slot: number): boolean => ((bitmap[slot >> 3] ?? 0) & (1 << (slot & 7))) !== 0;
  for (let slot = 0; slot < bits; slot++) {
    if (!has(slot)) continue;
    const first = slot;
    while (slot < bits && has(slot)) slot++;
    yield { slot: first, count: slot - first };
  }
}

/** Writes runs (grammar in format/store.mjs), joining those that go on where the one before ended. */
class RunWriter {
  private readonly bytes: number[] = [];
  private readonly packs = new Map<string, number>();
  private open: PageRun | null = null;
  private end = 0;

  add(run: PageRun): void {
    const { open } = this;
    const continues =
      open &&
      open.page + open.count === run.page &&
      open.pack === run.pack &&
      (run.pack === null || open.slot + open.count === run.slot);
    if (continues) {
      this.open = { ...open, count: open.count + run.count };
      return;
    }
    this.flush();
    this.open = run;
  }

  /** The event whose header this one takes over: counts of pages stay. */
  finish(like: Buffer): Buffer {
    this.flush();
    const header = { ...decodePagesEvent(like), packs: this.packs.size, runBytes: this.bytes.length };
    const ids = [...this.packs.keys()].map((id) => Buffer.from(id, 'hex'));
    return Buffer.concat([encodePagesEvent(header), ...ids, Buffer.from(this.bytes)]);
  }

  private flush(): void {
    const { open } = this;
    if (!open) return;
    this.number(open.page - this.end);
    this.number(open.count * 2 + (open.pack === null ? RUN_ZERO : RUN_PACK));
    if (open.pack !== null) {
      const index = this.packs.get(open.pack) ?? this.packs.size;
      this.packs.set(open.pack, index);
      this.number(index);
      this.number(open.slot);
    }
    this.end = open.page + open.count;
    this.open = null;
  }

  private number(value: number): void {
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.bytes.push((rest % 128) + 128);
    this.bytes.push(rest);
  }
}
