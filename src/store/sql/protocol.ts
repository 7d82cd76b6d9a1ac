// SPDX-License-Identifier: Apache-2.0
//
// What a query's process and its owner say to each other.
//   stdin   one line of JSON, SqlRequest; then nothing: its end means that the owner is gone, and the process ends at once
//   3       frames: u32 length, then a SqlMessage as v8 serializes it: `columns`, `rows` any number of times, and `end` or `error`
import type { SqlValue } from '../catalog/sql.js';
import type { StoreReason } from '../errors.js';

export interface SqlRequest {
  /** Null: there is no store yet, an empty catalog answers. */
  readonly catalog: string | null;
  readonly packsDir: string;
  readonly query: string;
}

export interface SqlFailure {
  readonly reason: StoreReason;
  readonly operation: string;
  readonly place: string;
  readonly problem: string;
  readonly hint?: string;
}

export type SqlMessage =
  | { readonly kind: 'columns'; readonly columns: readonly string[] }
  | { readonly kind: 'rows'; readonly rows: readonly (readonly SqlValue[])[] }
  | { readonly kind: 'end' }
  | { readonly kind: 'error'; readonly error: SqlFailure };

/** Descriptor of the process on which the frames go out. */
export const FRAMES_FD = 3;
export const FRAME_LENGTH_BYTES = 4;

/** A batch is sent when it has one of these. */
export const BATCH_ROWS_MAX = 512;
export const BATCH_BYTES_MAX = 256 << 10;

/** Writable memory that the process may have, all in all. A query that needs more fails alone. */
export const QUERY_MEMORY_BYTES_MAX = 1 << 30;

/** Bytes that a temporary file of it may come to: what is sorted and does not fit into memory. */
export const QUERY_FILE_BYTES_MAX = 4 * 2 ** 30;
