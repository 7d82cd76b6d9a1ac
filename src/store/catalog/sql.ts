// SPDX-License-Identifier: Apache-2.0
//
// Read-only SQL over the catalog, for `ckpt sql`. The connection cannot write, and a statement must return rows; integers come as
// bigint, never rounded. A query runs on the caller's thread until it ends: src/store/sql/ asks in a process that can be killed.
import Database from 'better-sqlite3';
import { errorCode, StoreError } from '../errors.js';
import { BUSY_TIMEOUT_MS, type Db } from '../sqlite.js';
import { refusal } from './sql-guard.js';
import { addTableFunctions } from './table-functions.js';

export type SqlValue = bigint | number | string | Buffer | null;

export interface SqlResult {
  /** Names of the columns, in order; they may repeat. */
  readonly columns: readonly string[];
  /** Rows as they are found: leaving the iteration ends the query. StoreError reason `query` when it fails. */
  readonly rows: Iterable<readonly SqlValue[]>;
}

export interface SqlSession {
  /** StoreError reason `query` when the statement is not valid or does not only read. */
  query(sql: string): SqlResult;
  close(): void;
}

/** Over a catalog file, or the bytes of one. */
export function openSql(catalog: string | Buffer, packsDir: string): SqlSession {
  const open = (): Db => {
    const db = new Database(catalog, { readonly: true, timeout: BUSY_TIMEOUT_MS });
    db.pragma('query_only = ON');
    db.pragma('trusted_schema = OFF');
    db.pragma('cell_size_check = ON');
    return db;
  };
  const db = open();
  // A table function may not use the connection that is running it.
  const behind = open();
  addTableFunctions(db, behind, packsDir);
  return {
    query: (sql) => query(db, sql),
    close: () => {
      db.close();
      behind.close();
    },
  };
}

function query(db: Db, sql: string): SqlResult {
  return asked(() => {
    const refused = refusal(sql);
    if (refused !== null) throw new Error(refused);
    const statement = db.prepare<[], SqlValue[]>(sql);
    if (!statement.reader || !statement.readonly)
      throw new Error('only a statement that reads and returns rows is allowed');
    statement.raw().safeIntegers();
    return {
      columns: statement.columns().map((column) => column.name),
      rows: { [Symbol.iterator]: () => rowsOf(() => statement.iterate()) },
    };
  });
}

function* rowsOf(start: () => IterableIterator<SqlValue[]>): Generator<readonly SqlValue[]> {
  const rows = asked(start);
  try {
    for (;;) {
      const next = asked(() => rows.next());
      if (next.done) return;
      yield next.value;
    }
  } finally {
    rows.return?.();
  }
}

/** The catalog is only read: what cannot be written is what a query sorts. */
const noRoom: ReadonlySet<string> = new Set(['SQLITE_FULL', 'SQLITE_IOERR_WRITE']);

function asked<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof StoreError) throw cause;
    if (noRoom.has(errorCode(cause))) {
      const problem = 'its temporary files need more room than a query gets, or than the disk has';
      const hint = 'sort and group fewer rows or columns';
      throw new StoreError({ reason: 'failed', operation: 'sql', place: 'query', problem, hint, cause });
    }
    const problem = cause instanceof Error ? cause.message : String(cause);
    const hint = 'ckpt sql --schema shows the tables';
    throw new StoreError({ reason: 'query', operation: 'sql', place: 'query', problem, hint, cause });
  }
}
