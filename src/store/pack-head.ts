// SPDX-License-Identifier: Apache-2.0
//
// The beginning of a pack up to its first frame: header, page directory, frame table. It says what the pages of a pack are, without them.
import { open } from 'node:fs/promises';
import { decodePackHeader, HASH_BYTES, PACK_HEADER_BYTES, PACK_PAGES_MAX } from '../format/generated/store.js';
import { storeError } from './errors.js';

const FRAME_ENTRY_BYTES = 4;

/** The head of a pack; all of what is no pack. */
export function headOf(bytes: Buffer): Buffer {
  return bytes.subarray(0, headBytes(bytes));
}

/** Of a file that begins as the pack does. StoreError. */
export async function readHead(path: string): Promise<Buffer> {
  try {
    const file = await open(path);
    try {
      const { buffer: header, bytesRead } = await file.read(Buffer.alloc(PACK_HEADER_BYTES), 0, PACK_HEADER_BYTES, 0);
      if (bytesRead < PACK_HEADER_BYTES) return header.subarray(0, bytesRead);
      const head = Buffer.alloc(headBytes(header));
      const { bytesRead: got } = await file.read(head, 0, head.length, 0);
      return head.subarray(0, got);
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw storeError('read pack', path, cause);
  }
}

function headBytes(bytes: Buffer): number {
  if (bytes.length < PACK_HEADER_BYTES) return bytes.length;
  const { magic, pages, frames } = decodePackHeader(bytes);
  if (magic !== 'ckptpack' || pages > PACK_PAGES_MAX || frames > pages) return bytes.length;
  return PACK_HEADER_BYTES + pages * HASH_BYTES + frames * FRAME_ENTRY_BYTES;
}
