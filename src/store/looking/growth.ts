// SPDX-License-Identifier: Apache-2.0
import { guarded } from '../errors.js';
import type { Db } from '../sqlite.js';

export type GrowthStep = 'hour' | 'day' | 'month';

/** What came in within an hour, a day or a month; deleted checkpoints count in the time in which they came. */
export interface Growth {
  /** 2026-03-01T08, 2026-03-01 or 2026-03, UTC. */
  readonly time: string;
  readonly checkpoints: number;
  readonly image_bytes: number;
  readonly new_pages: number;
  readonly stored_bytes: number;
}

const lengths: Readonly<Record<GrowthStep, number>> = { hour: 13, day: 10, month: 7 };

/** Oldest first; times in which nothing came are left out. */
export function growthOf(db: Db, place: string, step: GrowthStep): Growth[] {
  return guarded('query', place, () =>
    db
      .prepare<[number], Growth>(
        `SELECT substr(created_at, 1, ?) AS time, count(*) AS checkpoints, sum(image_bytes) AS image_bytes, sum(new_pages) AS new_pages,
           sum(stored_bytes) AS stored_bytes
         FROM checkpoint WHERE state IN ('sealed', 'deleted') AND created_at IS NOT NULL GROUP BY time ORDER BY time`,
      )
      .all(lengths[step]),
  );
}
