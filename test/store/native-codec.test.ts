// SPDX-License-Identifier: Apache-2.0
//
// Where TypeScript reads what the native codec writes, both must see the same.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadCodec, type PagesInfo } from '../../src/codec/native.js';
import { fakeCodec, packId, pagesValue, type Run } from './support/fake-image.js';
import { seed } from './support/seed.js';

const run: fc.Arbitrary<Run> = fc
  .record({
    gap: fc.nat(1000),
    count: fc.integer({ min: 1, max: 40 }),
    pack: fc.constantFrom(null, packId('a'), packId('b'), packId('c')),
    slot: fc.nat(2000),
    fresh: fc.boolean(),
  })
  .map((one) => (one.pack === null ? { ...one, slot: 0, fresh: false } : one));

describe('the native codec', () => {
  it('sees in a pages event what the catalog sees', () => {
    const codec = loadCodec();
    fc.assert(
      fc.property(fc.nat(2 ** 40), fc.array(run, { minLength: 1, maxLength: 20 }), (start, runs) => {
        const total = runs.reduce((sum, one) => sum + one.count, 0);
        const value = pagesValue(start, runs, 0, total);
        const [native, ours] = [codec.pagesInfo(value), fakeCodec.pagesInfo(value)];
        expect(withSortedPacks(native)).toEqual(withSortedPacks(ours));
      }),
      { seed, numRuns: 500 },
    );
  });

  it('refuses a pages event that is cut off, with an error that makes an image damaged', () => {
    const value = pagesValue(7, [{ gap: 0, count: 3, pack: packId('a'), slot: 300, fresh: true }], 0, 3);
    for (let bytes = 0; bytes < value.length; bytes++) {
      expect(() => loadCodec().pagesInfo(value.subarray(0, bytes))).toThrow(
        expect.objectContaining({ code: 'CKPT_CODEC', kind: 'event' }),
      );
    }
  });
});

/** The order in which packs are named means nothing. */
function withSortedPacks({ packs, slots, ...counts }: PagesInfo): unknown {
  const bytes = slots.length / packs.length;
  return {
    ...counts,
    packs: packs.map((id, at) => [id, slots.toString('hex', at * bytes, (at + 1) * bytes)]).sort(),
  };
}
