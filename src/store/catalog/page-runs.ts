// SPDX-License-Identifier: Apache-2.0
//
// Reads the runs of a `pages` event (grammar in format/store.mjs) for those who want to see pages: table functions and
// comparisons. What the projection needs of the same bytes comes from the native codec.
import type { Db } from '../sqlite.js';
import { loadValue, type StoredValue } from '../stored-value.js';
import { decodePagesEvent, HASH_BYTES, PAGES_EVENT_BYTES, RUN_PACK } from '../../format/generated/store.js';

/** Pages at consecutive addresses: all zero, or in consecutive slots of one pack. */
export interface PageRun {
  /** Address divided by the page size. */
  readonly page: number;
  readonly count: number;
  /** Hex id, or null: zero pages. */
  readonly pack: string | null;
  /** Slot of the first page. */
  readonly slot: number;
}

/** The runs of one event, in ascending order of addresses. RangeError when the bytes are no pages event. */
export function* pageRuns(value: Buffer): Generator<PageRun> {
  const header = decodePagesEvent(value);
  const packs = namedPacks(value);
  const start = PAGES_EVENT_BYTES + header.packs * HASH_BYTES;
  const reader = new NumberReader(value, start, start + header.runBytes);
  let page = 0;
  while (!reader.done) {
    page += reader.next();
    const head = reader.next();
    const count = Math.floor(head / 2);
    if (head % 2 === RUN_PACK) {
      const pack = packs[reader.next()];
      if (pack === undefined) throw new RangeError('a run names a pack that its event does not list');
      yield { page, count, pack, slot: reader.next() };
    } else {
      yield { page, count, pack: null, slot: 0 };
    }
    page += count;
  }
}

/** Runs of an image in stream order; one event's value at a time is in memory. */
export function* runsOf(db: Db, image: number): Generator<PageRun> {
  const next = db.prepare<[number, number], { seq: number } & StoredValue>(
    'SELECT seq, value, zstd FROM image_event WHERE image = ? AND seq > ? AND is_pages ORDER BY seq LIMIT 1',
  );
  for (let after = -1; ;) {
    const event = next.get(image, after);
    if (!event) return;
    yield* pageRuns(loadValue(event, 'catalog'));
    after = event.seq;
  }
}

/** Ids of the packs that an event names. */
export function namedPacks(value: Buffer): string[] {
  const { packs } = decodePagesEvent(value);
  return Array.from({ length: packs }, (_, index) => {
    const at = PAGES_EVENT_BYTES + index * HASH_BYTES;
    return value.toString('hex', at, at + HASH_BYTES);
  });
}

/** Unsigned LEB128, exact up to 2^53. */
class NumberReader {
  constructor(
    private readonly bytes: Buffer,
    private at: number,
    private readonly end: number,
  ) {
    if (end > bytes.length) throw new RangeError('a pages event is cut off');
  }

  get done(): boolean {
    return this.at >= this.end;
  }

  next(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.at < this.end ? this.bytes[this.at++] : undefined;
      if (byte === undefined) throw new RangeError('a number in a pages event is cut off');
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) break;
    }
    if (!Number.isSafeInteger(value)) throw new RangeError('a number in a pages event is too large');
    return value;
  }
}
