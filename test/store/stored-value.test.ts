// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { loadValue, storeValue } from '../../src/store/stored-value.js';

test('whatever goes in comes out', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 2000 }),
    fc.tuple(fc.integer({ min: 0, max: 255 }), fc.nat(600_000)).map(([byte, length]) => Buffer.alloc(length, byte)),
  );
  fc.assert(
    fc.property(bytes, (array) => {
      const value = Buffer.from(array);
      const stored = storeValue(value);
      expect(stored.value.length).toBeLessThanOrEqual(value.length);
      expect(loadValue(stored, 'here').equals(value)).toBe(true);
    }),
  );
});

test('large repetitive values shrink, small ones stay readable', () => {
  expect(storeValue(Buffer.alloc(11_048)).value.length).toBeLessThan(100);
  expect(storeValue(Buffer.from('{"at":"now"}'))).toEqual({ value: Buffer.from('{"at":"now"}'), zstd: 0 });
});

test('a value that has been damaged is said to be', () => {
  expect(() => loadValue({ value: Buffer.from('no frame'), zstd: 1 }, 'log.db')).toThrow(
    /log\.db: the value of an event is damaged/,
  );
});
