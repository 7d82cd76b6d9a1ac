// SPDX-License-Identifier: Apache-2.0
import type { ByteRange } from '../codec/native.js';

/**
 * What a Range header asks of `bytes` bytes (RFC 9110, 14): one range. `whole`: there is no header, or one that is to be ignored, as
 * other units, several ranges and nonsense are. `outside`: 416.
 */
export function parseRange(header: string | undefined, bytes: number): ByteRange | 'whole' | 'outside' {
  const match = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(header ?? '');
  if (!match) return 'whole';
  const [first, last] = [match[1]!, match[2]!].map((digits) => (digits === '' ? undefined : Number(digits)));
  if (first === undefined) {
    if (last === undefined) return 'whole';
    // The last so many bytes.
    return last === 0 || bytes === 0 ? 'outside' : { first: Math.max(0, bytes - last), end: bytes };
  }
  if (last !== undefined && last < first) return 'whole'; // not valid, so it is no Range header
  if (first >= bytes) return 'outside';
  return { first, end: last === undefined ? bytes : Math.min(bytes, last + 1) };
}

/** Whether an If-None-Match or If-Range header names this strong tag. `*` and lists count for If-None-Match only. */
export function namesTag(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false;
  const text = header.trim();
  return text === '*' || text.split(',').some((one) => one.trim().replace(/^W\//, '') === tag);
}
