// SPDX-License-Identifier: Apache-2.0
//
// Images of all shapes for property tests: fast-check draws the shape, a seeded generator fills every field that carries no
// constraint (registers, padding, times) with noise, so that a reader which looks at it, or loses it, is found out.
//
//   fc.assert(fc.asyncProperty(anyImageShape(), async (shape) => { const image = buildImage(shape); ... }), parameters(50));
import fc from 'fast-check';
import { crc32c } from './crc32c.js';
import { buildVersion1 } from './image-v1.js';
import { buildVersion2 } from './image-v2.js';
import { Noise } from './noise.js';

/** What a page holds: all zero, one of eight contents that come again and again, text that compresses, noise that does not. */
export type PageKind = 'zero' | 'repeated' | 'text' | 'noise';

export interface MappingShape {
  /** Mapped from a file, with a path of this many bytes, NUL included; 0: anonymous. */
  readonly pathBytes: number;
  /** The written pages, in the order of their addresses. */
  readonly pages: readonly PageKind[];
  /** Unwritten pages before each of them. */
  readonly holes: readonly number[];
}

export interface UnknownRecordShape {
  readonly type: number;
  readonly bytes: number;
  /** Where: before this record of the image (MACHINE is 0; counted from behind it). */
  readonly before: number;
}

export interface ImageShape {
  readonly version: 1 | 2;
  readonly seed: number;
  readonly mappings: readonly MappingShape[];
  /** LDT descriptors; 0: none. */
  readonly ldt: number;
  /** TLS entries in use, 0 to 3. Version 2 has a TLS record when it is not 0. */
  readonly tls: number;
  /** Version 2 only: */
  readonly tasks: number;
  readonly threads: number;
  readonly files: number;
  readonly timers: number;
  readonly pendingSignals: number;
  readonly unknown: readonly UnknownRecordShape[];
}

export interface GeneratedImage {
  readonly bytes: Buffer;
  readonly version: 1 | 2;
  /** Offsets of the records' headers, in order. */
  readonly recordOffsets: readonly number[];
  readonly records: number;
  readonly pages: number;
  readonly zeroPages: number;
  /** Distinct pages that are not zero. */
  readonly distinctPages: number;
}

/** Collects an image's bytes and counts what goes in. */
export class ImageBytes {
  readonly noise: Noise;
  readonly recordOffsets: number[] = [];
  readonly distinct = new Set<string>();
  readonly chunks: Buffer[] = [];
  bytes = 0;
  pages = 0;
  zeroPages = 0;

  constructor(seed: number) {
    this.noise = new Noise(seed);
  }

  record(...parts: Buffer[]): void {
    this.recordOffsets.push(this.bytes);
    this.raw(...parts);
  }

  raw(...parts: Buffer[]): void {
    for (const part of parts) {
      this.chunks.push(part);
      this.bytes += part.length;
    }
  }

  /** The contents of pages, and their count. */
  contents(kinds: readonly PageKind[]): Buffer {
    const contents = Buffer.alloc(kinds.length * 4096);
    kinds.forEach((kind, i) => {
      const page = contents.subarray(i * 4096, (i + 1) * 4096);
      this.pages++;
      if (kind === 'zero') {
        this.zeroPages++;
        return;
      }
      this.noise.fillPage(kind, page);
      this.distinct.add(page.toString('latin1', 0, 64));
    });
    return contents;
  }

  /** CRC-32C of all so far. */
  crc(): number {
    return this.chunks.reduce((crc, chunk) => crc32c(crc, chunk), 0);
  }

  done(version: 1 | 2): GeneratedImage {
    return {
      bytes: Buffer.concat(this.chunks),
      version,
      recordOffsets: this.recordOffsets,
      records: this.recordOffsets.length,
      pages: this.pages,
      zeroPages: this.zeroPages,
      distinctPages: this.distinct.size,
    };
  }
}

/** The image of a shape: always the same bytes for the same shape. */
export function buildImage(shape: ImageShape): GeneratedImage {
  return shape.version === 1 ? buildVersion1(shape) : buildVersion2(shape);
}

/** A plain shape to start from: one task, one thread, no memory. */
export function plainShape(version: 1 | 2, changes: Partial<ImageShape> = {}): ImageShape {
  const plain = {
    seed: 1,
    mappings: [],
    ldt: 0,
    tls: 0,
    tasks: 1,
    threads: 1,
    files: 0,
    timers: 0,
    pendingSignals: 0,
    unknown: [],
  };
  return { version, ...plain, ...changes };
}

/** A mapping of `count` pages in a row. Kinds are taken in turn. */
export function rowOfPages(count: number, ...kinds: PageKind[]): MappingShape {
  const pages = Array.from({ length: count }, (_, i) => kinds[i % kinds.length] ?? 'noise');
  return { pathBytes: 0, pages, holes: pages.map(() => 0) };
}

const pageKind: fc.Arbitrary<PageKind> = fc.constantFrom('zero', 'repeated', 'text', 'noise');

function mappingShape(pagesMax: number): fc.Arbitrary<MappingShape> {
  const pages = fc.array(fc.tuple(pageKind, fc.oneof(fc.constant(0), fc.nat({ max: 300 }))), { maxLength: pagesMax });
  const pathBytes = fc.oneof(fc.constant(0), fc.integer({ min: 2, max: 60 }), fc.constant(4096));
  return fc.record({ pages, pathBytes }).map((shape) => ({
    pathBytes: shape.pathBytes,
    pages: shape.pages.map(([kind]) => kind),
    holes: shape.pages.map(([, hole]) => hole),
  }));
}

const mappings: fc.Arbitrary<MappingShape[]> = fc.oneof(
  fc.array(mappingShape(40), { maxLength: 8 }),
  fc.array(mappingShape(2), { minLength: 50, maxLength: 200 }),
  fc.array(mappingShape(700), { minLength: 1, maxLength: 2 }),
);

export function version1Shape(): fc.Arbitrary<ImageShape> {
  return fc
    .record({
      seed: fc.nat(),
      mappings,
      ldt: fc.oneof(fc.constant(0), fc.nat({ max: 20 }), fc.constant(8192)),
      tls: fc.nat({ max: 3 }),
    })
    .map((drawn) => plainShape(1, drawn));
}

export function version2Shape(): fc.Arbitrary<ImageShape> {
  const unknown = fc.record({
    type: fc.integer({ min: 6000, max: 0x7fffffff }),
    bytes: fc.oneof(fc.nat({ max: 100 }), fc.nat({ max: 70_000 }), fc.constant(1_300_000)),
    before: fc.nat({ max: 40 }),
  });
  return fc
    .record({
      seed: fc.nat(),
      mappings,
      ldt: fc.oneof(fc.constant(0), fc.nat({ max: 20 }), fc.constant(8192)),
      tls: fc.nat({ max: 3 }),
      tasks: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 3 })),
      threads: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 4 })),
      files: fc.nat({ max: 5 }),
      timers: fc.nat({ max: 2 }),
      pendingSignals: fc.nat({ max: 3 }),
      unknown: fc.array(unknown, { maxLength: 4 }),
    })
    .map((drawn) => plainShape(2, drawn));
}

export function anyImageShape(): fc.Arbitrary<ImageShape> {
  return fc.oneof(version1Shape(), version2Shape());
}

/** fast-check's parameters with a seed that is printed; CKPT_TEST_SEED replays it. */
export function parameters(numRuns: number): { seed: number; numRuns: number } {
  const seed = Number(process.env['CKPT_TEST_SEED'] ?? Math.floor(Math.random() * 0x7fffffff));
  console.log(`property test: CKPT_TEST_SEED=${seed}`);
  return { seed, numRuns };
}
