// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { comparePages } from '../../src/store/catalog/page-diff.js';
import type { PackDirectories } from '../../src/store/catalog/pack-directories.js';
import { pageRuns, type PageRun } from '../../src/store/catalog/page-runs.js';
import { packId, pagesValue, type Run } from './support/fake-image.js';
import { seed } from './support/seed.js';

/** Pages of packs p and q with the same slot are the same; of others they differ. */
const alike = new Set(['p', 'q']);
const contents = (pack: string, slot: number): string => (alike.has(pack) ? `shared ${slot}` : `${pack} ${slot}`);
const hashes = new Map<string, Buffer>();
function hashOf(text: string): Buffer {
  const known = hashes.get(text) ?? createHash('sha256').update(text).digest();
  hashes.set(text, known);
  return known;
}
const directories = {
  hashes: (pack: string, slot: number, count: number) =>
    Buffer.concat(Array.from({ length: count }, (_, at) => hashOf(contents(pack, slot + at)))),
} as unknown as PackDirectories;

const image: fc.Arbitrary<PageRun[]> = fc
  .array(
    fc.record({
      gap: fc.nat(3),
      count: fc.integer({ min: 1, max: 6 }),
      pack: fc.constantFrom(null, 'p', 'q', 'r'),
      slot: fc.nat(4),
    }),
    { maxLength: 12 },
  )
  .map((parts) => {
    let page = 0;
    return parts.map(({ gap, count, pack, slot }) => {
      const run = { page: page + gap, count, pack, slot: pack === null ? 0 : slot };
      page = run.page + count;
      return run;
    });
  });

function pagesOf(runs: readonly PageRun[]): Map<number, string> {
  const pages = new Map<number, string>();
  for (const run of runs) {
    for (let index = 0; index < run.count; index++) {
      pages.set(run.page + index, run.pack === null ? 'zero' : contents(run.pack, run.slot + index));
    }
  }
  return pages;
}

describe('comparing page maps', () => {
  it('finds what a page by page look finds', () => {
    fc.assert(
      fc.property(image, image, (a, b) => {
        const [pagesA, pagesB] = [pagesOf(a), pagesOf(b)];
        const expected = [...new Set([...pagesA.keys(), ...pagesB.keys()])]
          .sort((x, y) => x - y)
          .flatMap((page) => {
            if (!pagesB.has(page)) return [{ page, change: 'removed' }];
            if (!pagesA.has(page)) return [{ page, change: 'added' }];
            return pagesA.get(page) === pagesB.get(page) ? [] : [{ page, change: 'changed' }];
          });
        const found = [...comparePages(a, b, directories)].flatMap(({ page, count, change }) =>
          Array.from({ length: count }, (_, at) => ({ page: page + at, change })),
        );
        expect(found).toEqual(expected);
      }),
      { seed, numRuns: 2000 },
    );
  });

  it('of a gigabyte finds every page', () => {
    const runs = (slot: number): PageRun[] =>
      Array.from({ length: 131072 }, (_, index) => ({
        page: index * 3,
        count: 2,
        pack: 'r',
        slot: (index + slot) % 4,
      }));
    let changed = 0;
    for (const page of comparePages(runs(0), runs(1), directories))
      changed += page.change === 'changed' ? page.count : 0;
    expect(changed).toBe(262144);
  });
});

describe('runs of a pages event', () => {
  it('are read as they were written', () => {
    const run = fc.record({
      gap: fc.nat(1000),
      count: fc.integer({ min: 1, max: 32767 }),
      pack: fc.constantFrom(null, packId('a'), packId('b')),
      slot: fc.nat(2047),
      fresh: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.nat(2 ** 45), fc.array(run, { maxLength: 20 }), (start, written: Run[]) => {
        let page = start;
        const expected = written.map(({ gap, count, pack, slot }) => {
          const at = page + gap;
          page = at + count;
          return { page: at, count, pack, slot: pack === null ? 0 : slot };
        });
        expect([...pageRuns(pagesValue(start, written, 0, 1))]).toEqual(expected);
      }),
      { seed },
    );
  });

  it('that are cut off or nonsense are refused', () => {
    const whole = pagesValue(5, [{ gap: 0, count: 3, pack: packId('a'), slot: 300, fresh: true }], 0, 3);
    for (let bytes = 0; bytes < whole.length; bytes++)
      expect(() => [...pageRuns(whole.subarray(0, bytes))]).toThrow(RangeError);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        try {
          let runs = 0;
          for (const _ of pageRuns(Buffer.from(bytes))) if (++runs > 1000) break;
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
      { seed },
    );
  });
});
