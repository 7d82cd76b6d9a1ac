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
  /** Only those that have such a tag; a pattern, too. */
  readonly tag?: string;
  /** ISO 8601, UTC: created at or after, created before. */
  readonly since?: string;
  readonly before?: string;
  /** Default: created, oldest first. */
  readonly order?: ListOrder;
  readonly reverse?: boolean;
  /** Only the last of them in this order. */
  readonly last?: number;
}

export type ListColumn = keyof CheckpointRow;

/** Rows may have some columns only: most of the time of a long list goes into making values of columns. */
export interface ListChoice<K extends ListColumn> extends ListOptions {
  readonly columns?: readonly K[];
}

export function listCheckpoints<K extends ListColumn>(
  db: Db,
  place: string,
  options: ListChoice<K>,
): Pick<CheckpointRow, K>[] {
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
  add('id IN (SELECT checkpoint_id FROM tag WHERE tag.name GLOB ?)', glob(options.tag));
  add('created_at >= ?', options.since);
  add('created_at < ?', options.before);
  const direction = (descending: boolean): string =>
    listOrders[order]
      .split(', ')
      .map((column) => `${column} ${descending ? 'DESC' : 'ASC'}`)
      .join(', ');
  const found = `FROM checkpoint WHERE ${where.join(' AND ')}`;
  const from = last === undefined ? found : `FROM (SELECT * ${found} ORDER BY ${direction(!reverse)} LIMIT ?)`;
  if (last !== undefined) values.push(last);
  const { columns } = options;
  // As JSON the digits of a REAL are cut.
  if (!columns || columns.some((name) => name === 'frozen_ms')) {
    const sql = `SELECT ${columns?.join(', ') ?? '*'} ${from} ORDER BY ${direction(reverse)}`;
    return guarded('query', place, () => db.prepare<(string | number)[], CheckpointRow>(sql).all(...values));
  }
  // A text for each column: parsing them takes half of the time in which SQLite hands out their values one by one.
  const wanted = `SELECT ${columns.join(', ')} ${from} ORDER BY ${direction(reverse)}`;
  const sql = `SELECT ${columns.map((name) => `json_group_array(${name})`).join(', ')} FROM (${wanted})`;
  const texts = guarded('query', place, () =>
    db
      .prepare<(string | number)[], string[]>(sql)
      .raw()
      .get(...values),
  );
  return rowsOf(
    columns,
    (texts ?? []).map((text) => JSON.parse(text) as unknown[]),
  );
}

function rowsOf<K extends ListColumn>(columns: readonly K[], values: readonly unknown[][]): Pick<CheckpointRow, K>[] {
  const rows: Pick<CheckpointRow, K>[] = [];
  for (let i = 0; i < (values[0]?.length ?? 0); i++) {
    const row: Partial<Record<ListColumn, unknown>> = {};
    for (let column = 0; column < columns.length; column++) row[columns[column]!] = values[column]![i];
    rows.push(row as Pick<CheckpointRow, K>);
  }
  return rows;
}
