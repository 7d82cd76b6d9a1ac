// SPDX-License-Identifier: Apache-2.0
//
// Event values as SQLite rows hold them: record and pages values of some size are compressed (an XSAVE area or a page map
// shrinks to a fraction), JSON stays readable to any SQLite client. The bytes that went in always come out.
import { compress, decompress } from 'zstd-napi';
import { StoreError } from './errors.js';

/** Below this nothing is gained. */
const COMPRESS_BYTES_MIN = 256;
const LEVEL = 3;

/** The columns `value` and `zstd` of a row. */
export interface StoredValue {
  readonly value: Buffer;
  /** 1: `value` is a zstd frame. */
  readonly zstd: number;
}

export function storeValue(value: Buffer): StoredValue {
  if (value.length < COMPRESS_BYTES_MIN) return { value, zstd: 0 };
  const frame = compress(value, { compressionLevel: LEVEL });
  return frame.length < value.length ? { value: frame, zstd: 1 } : { value, zstd: 0 };
}

/** StoreError `damaged` when it is no zstd frame any more. */
export function loadValue(row: StoredValue, place: string): Buffer {
  if (row.zstd === 0) return row.value;
  try {
    return decompress(row.value);
  } catch (cause) {
    const problem = 'the value of an event is damaged';
    throw new StoreError({ reason: 'damaged', operation: 'read', place, problem, hint: 'run ckpt verify', cause });
  }
}
