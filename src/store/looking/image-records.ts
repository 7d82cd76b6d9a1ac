// SPDX-License-Identifier: Apache-2.0
//
// The records of a stored image with their payloads, without a look at its pages.
import { RecordScan, type ScannedRecord } from '../catalog/record-scan.js';
import type { Db } from '../sqlite.js';
import { loadValue, type StoredValue } from '../stored-value.js';

/** More than any payload of a record that says something of a task: the largest XSAVE area is some 11 KiB, an LDT 64 KiB. */
const PAYLOAD_BYTES_MAX = 256 << 10;

/** In stream order; one event's value at a time is in memory. */
export function* recordsOf(db: Db, image: number): Generator<ScannedRecord> {
  const next = db.prepare<[number, number], { seq: number } & StoredValue>(
    'SELECT seq, value, zstd FROM image_event WHERE image = ? AND seq > ? AND NOT is_pages ORDER BY seq LIMIT 1',
  );
  const scan = new RecordScan({ headBytesMax: PAYLOAD_BYTES_MAX, pages: false });
  for (let after = -1; ;) {
    const event = next.get(image, after);
    if (!event) return;
    yield* scan.takeRecord(event.seq, loadValue(event, 'catalog'));
    after = event.seq;
  }
}
