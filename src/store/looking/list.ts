// SPDX-License-Identifier: Apache-2.0
//
// The list of checkpoints, filtered and sorted by SQLite.
import { guarded } from '../errors.js';
import type { CheckpointRow, CheckpointState } from '../catalog/queries.js';
import type { Db } from '../sqlite.js';

/** What a list may be sorted by, and the columns for it. */
export const listOrders = {
  created: 'id',
  name: 'name, id',
  pid: 'pid, id',
  comm: 'comm, id',
  host: 'host, id',
  image: 'image_bytes, id',
  pages: 'pages, id',
  new: 'new_pages, id',
  stored: 'stored_bytes, id',
  frozen: 'frozen_ms, id',
} as const;
export type ListOrder = keyof typeof listOrders;

export interface ListOptions {
  /** Default: sealed only. */
  readonly states?: readonly CheckpointState[];
  /** Patterns with * ? and [ ], as shells have them. */
  readonly name?: string;
  readonly comm?: string;
  readonly host?: string;
  readonly pid?: number;
  /** ISO 8601, UTC: created at or after, created before. */
  readonly since?: string;
  readonly before?: string;
  /** Default: created, oldest first. */
  readonly order?: ListOrder;
  readonly reverse?: boolean;
  /** Only the last of them in this order. */
  readonly last?: number;
}

export function listCheckpoints(db: Db, place: string, options: ListOptions): CheckpointRow[] {
  const { states = ['sealed'], order = 'created', reverse = false, last } = options;
  const where = [`state IN (${states.map(() => '?').join(', ')})`];
  const values: (string | number)[] = [...states];
  const add = (condition: string, value: string | number | undefined): void => {
    if (value === undefined) return;
    where.push(condition);
    values.push(value);
  };
  // Shells say ! where SQLite says ^.
  const glob = (pattern: string | undefined): string | undefined => pattern?.replaceAll('[!', '[^');
  add('name GLOB ?', glob(options.name));
  add('comm GLOB ?', glob(options.comm));
  add('host GLOB ?', glob(options.host));
  add('pid = ?', options.pid);
  add('created_at >= ?', options.since);
  add('created_at < ?', options.before);
  const direction = (descending: boolean): string =>
    listOrders[order]
      .split(', ')
      .map((column) => `${column} ${descending ? 'DESC' : 'ASC'}`)
      .join(', ');
  const all = `SELECT * FROM checkpoint WHERE ${where.join(' AND ')}`;
  const sql =
    last === undefined
      ? `${all} ORDER BY ${direction(reverse)}`
      : `SELECT * FROM (${all} ORDER BY ${direction(!reverse)} LIMIT ?) ORDER BY ${direction(reverse)}`;
  if (last !== undefined) values.push(last);
  return guarded('query', place, () => db.prepare<(string | number)[], CheckpointRow>(sql).all(...values));
}
