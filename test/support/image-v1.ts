// SPDX-License-Identifier: Apache-2.0
import * as codec from '../../src/format/generated/image.js';
import { type GeneratedImage, ImageBytes, type ImageShape, type MappingShape } from './image-generator.js';

const { RecordType } = codec;
const PAGE = BigInt(codec.PAGE_BYTES);

/** Mappings stand above each other from here on, as they do in a task. */
export const FIRST_ADDRESS = 0x400000n;

export interface PlacedMapping {
  readonly start: bigint;
  readonly end: bigint;
  /** Addresses of the written pages, u64 each. */
  readonly addresses: Buffer;
}

/** Where a mapping lies when it starts at `start`; some unwritten pages follow its last one. */
export function placeMapping(mapping: MappingShape, start: bigint, pagesBehind: number): PlacedMapping {
  const addresses = Buffer.alloc(mapping.pages.length * 8);
  let at = start;
  mapping.pages.forEach((_, i) => {
    at += BigInt(mapping.holes[i] ?? 0) * PAGE;
    addresses.writeBigUInt64LE(at, i * 8);
    at += PAGE;
  });
  return { start, end: at + BigInt(pagesBehind) * PAGE, addresses };
}

/** A version-1 image. Noise in all padding. */
export function buildVersion1(shape: ImageShape): GeneratedImage {
  const image = new ImageBytes(shape.seed);
  const { noise } = image;
  const pid = noise.next();
  const record = (type: keyof typeof RecordType, payload: Buffer, id = pid, ...raw: Buffer[]): void => {
    image.record(codec.encodeCrHdr({ type: RecordType[type], len: payload.length, id }), payload, ...raw);
  };
  const random = <T>(decode: (buffer: Buffer) => T, bytes: number): T => decode(noise.bytes(bytes));

  record(
    'HEAD',
    codec.encodeCrHead({
      magic: codec.HEAD_MAGIC,
      major: 6,
      minor: 1,
      patch: noise.below(256),
      version: 1,
      flags: codec.CTX_CKPT,
      time: 1_700_000_000n,
    }),
    0,
  );
  record(
    'TASK',
    codec.encodeCrTask({ ...random(codec.decodeCrTask, codec.CR_TASK_BYTES), taskCommLen: noise.below(17) }),
  );
  const mm = random(codec.decodeCrMm, codec.CR_MM_BYTES);
  record(
    'MM',
    codec.encodeCrMm({
      ...mm,
      tag: 1,
      startCode: 1n,
      endCode: 1n + (mm.endCode >> 1n),
      startData: 0n,
      mapCount: shape.mappings.length,
    }),
  );

  let start = FIRST_ADDRESS;
  for (const mapping of shape.mappings) {
    const placed = placeMapping(mapping, start, noise.below(3));
    start = placed.end + BigInt(noise.below(2)) * PAGE;
    const vma = {
      ...random(codec.decodeCrVma, codec.CR_VMA_BYTES),
      how: mapping.pathBytes ? 2 : 1,
      vmStart: placed.start,
      vmEnd: placed.end,
    };
    record('VMA', codec.encodeCrVma({ ...vma, npages: mapping.pages.length, namelen: mapping.pathBytes }));
    if (mapping.pathBytes) record('STR', noise.path(mapping.pathBytes), 0);
    image.raw(placed.addresses, image.contents(mapping.pages));
  }

  record('MM_CONTEXT', codec.encodeCrMmContext({ ldtEntrySize: 8, nldt: shape.ldt }), pid, noise.bytes(shape.ldt * 8));
  record(
    'THREAD',
    codec.encodeCrThread({ gdtEntryTlsEntries: 3, sizeofTlsArray: 24, ntls: shape.tls }),
    pid,
    noise.bytes(24),
  );
  record('CPU', noise.bytes(codec.CR_CPU_BYTES));
  record('TAIL', codec.encodeCrTail({ magic: codec.TAIL_MAGIC, cksum: [1, 1] }), 0);
  return image.done(1);
}
