// SPDX-License-Identifier: Apache-2.0
//
// Bitmaps of a pack's slots: bit i of byte i >> 3 is slot i.
import { PACK_PAGES_MAX } from '../../format/generated/store.js';

export const SLOT_BITMAP_BYTES = PACK_PAGES_MAX / 8;

const bitCounts = Uint8Array.from({ length: 256 }, (_, byte) => {
  let bits = 0;
  for (let rest = byte; rest > 0; rest >>= 1) bits += rest & 1;
  return bits;
});

/** Adds the slots of one bitmap to another, in place; true when that made a difference. */
export function addSlots(into: Buffer, slots: Buffer): boolean {
  let changed = false;
  const bytes = Math.min(into.length, slots.length);
  for (let at = 0; at < bytes; at++) {
    const before = into[at] ?? 0;
    const after = before | (slots[at] ?? 0);
    if (after !== before) {
      into[at] = after;
      changed = true;
    }
  }
  return changed;
}

export function countSlots(slots: Buffer): number {
  let count = 0;
  for (const byte of slots) count += bitCounts[byte] ?? 0;
  return count;
}

/** A bitmap of full length with the slots of a stored one, which may be shorter. */
export function wholeBitmap(slots: Buffer | null): Buffer {
  const bitmap = Buffer.alloc(SLOT_BITMAP_BYTES);
  slots?.copy(bitmap);
  return bitmap;
}

/** Without the empty bytes at its end. */
export function trimmedBitmap(slots: Buffer): Buffer {
  let end = slots.length;
  while (end > 0 && slots[end - 1] === 0) end--;
  return slots.subarray(0, end);
}
