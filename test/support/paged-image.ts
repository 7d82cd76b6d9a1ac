// SPDX-License-Identifier: Apache-2.0
//
// Images of chosen pages: page number n has the same contents wherever it stands, so that a test decides what two images share.
import * as codec from '../../src/format/generated/image.js';
import { Noise } from './noise.js';

const { RecordType } = codec;
const PAGE = codec.PAGE_BYTES;
const START = 0x400000n;

/** Page 0 is all zero; others are half noise, half a word again and again. */
export function pageContents(number: number): Buffer {
  const page = Buffer.alloc(PAGE);
  if (number === 0) return page;
  page.fill(`page ${number}, `);
  new Noise(number).fill(page.subarray(0, PAGE / 2));
  return page;
}

/** A version-1 image with one mapping of these pages at consecutive addresses, or with a hole before each `gap`-th of them. */
export function pagedImage(pages: readonly number[], gap = 0, pid = 1): Buffer {
  const parts: Buffer[] = [];
  const record = (type: keyof typeof RecordType, payload: Buffer, id = pid, ...raw: Buffer[]): void => {
    parts.push(codec.encodeCrHdr({ type: RecordType[type], len: payload.length, id }), payload, ...raw);
  };
  const addresses = Buffer.alloc(pages.length * 8);
  let at = START;
  pages.forEach((_, i) => {
    if (gap > 0 && i % gap === 0) at += BigInt(PAGE);
    addresses.writeBigUInt64LE(at, i * 8);
    at += BigInt(PAGE);
  });
  const head = { magic: codec.HEAD_MAGIC, major: 6, minor: 1, patch: 0, version: 1, flags: codec.CTX_CKPT, time: 1n };
  record('HEAD', codec.encodeCrHead(head), 0);
  record('TASK', codec.encodeCrTask({ taskCommLen: 16 }));
  record('MM', codec.encodeCrMm({ tag: 1, mapCount: 1, endCode: 1n }));
  const vma = codec.encodeCrVma({ how: 1, vmStart: START, vmEnd: at, npages: pages.length, namelen: 0 });
  record('VMA', vma, pid, addresses, ...pages.map(pageContents));
  record('MM_CONTEXT', codec.encodeCrMmContext({ ldtEntrySize: 8, nldt: 0 }));
  record('THREAD', codec.encodeCrThread({ gdtEntryTlsEntries: 3, sizeofTlsArray: 24, ntls: 0 }), pid, Buffer.alloc(24));
  record('CPU', Buffer.alloc(codec.CR_CPU_BYTES));
  record('TAIL', codec.encodeCrTail({ magic: codec.TAIL_MAGIC, cksum: [1, 1] }), 0);
  return Buffer.concat(parts);
}
