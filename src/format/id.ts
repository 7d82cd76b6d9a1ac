// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'; // Crockford's base 32, lower case

/**
 * A new checkpoint id: 26 characters, 10 of milliseconds since the epoch and 16 of randomness (the layout of a ULID in lower
 * case), so that ids sort by time and copy with a double click.
 */
export function newCheckpointId(now = Date.now()): string {
  let time = '';
  for (let rest = now, i = 0; i < 10; i++, rest = Math.floor(rest / 32)) time = alphabet.charAt(rest % 32) + time;
  let random = '';
  for (const byte of randomBytes(16)) random += alphabet.charAt(byte & 31);
  return time + random;
}
