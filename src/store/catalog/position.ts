// SPDX-License-Identifier: Apache-2.0
//
// Where a catalog is in its log.
import type { LogPosition } from '../log.js';
import type { Db } from '../sqlite.js';

/** A `packs-forgotten` event. */
export interface PacksForgottenAt {
  readonly partition: number;
  readonly offset: number;
  readonly upTo: LogPosition;
}

/** Key of it in `meta`. */
export const PACKS_FORGOTTEN = 'packs_forgotten';

/** Key in `meta` of the last `packs-moved` event: PARTITION:OFFSET. */
export const PACKS_MOVED = 'packs_moved';

/** Position up to which a catalog has come. */
export function positionOf(db: Db): number[] {
  const rows = db
    .prepare<[], { partition: number; next: number }>('SELECT partition, next FROM main.log_position')
    .all();
  const position = Array.from({ length: Math.max(0, ...rows.map((row) => row.partition + 1)) }, () => 0);
  for (const { partition, next } of rows) position[partition] = next;
  return position;
}
