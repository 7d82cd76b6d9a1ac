// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toJson } from '../../src/json.js';
import { cell, humanBytes, humanCount, plural, table } from '../../src/cli/text.js';
import { newCheckpointId } from '../../src/format/id.js';

describe('toJson', () => {
  test('agrees with JSON.stringify on everything that JSON has', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(toJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test('prints integers beyond 2^53 digit by digit', () => {
    expect(toJson({ addr: 0x7fff_ffff_ffff_f001n, n: -1n })).toBe('{"addr":9223372036854771713,"n":-1}');
  });

  test('prints bytes as hex and leaves undefined out', () => {
    expect(JSON.parse(toJson([Infinity, -Infinity]))).toEqual([Infinity, -Infinity]);
    expect(toJson([{ hash: Buffer.from([0, 255]), hint: undefined }])).toBe('[{"hash":"00ff"}]');
  });
});

describe('text', () => {
  test('sizes', () => {
    expect([0, 1023, 1024, 1536, 1 << 20, 123 * 1024 ** 3].map(humanBytes)).toEqual([
      '0 B',
      '1023 B',
      '1.0 KiB',
      '1.5 KiB',
      '1.0 MiB',
      '123 GiB',
    ]);
    expect(humanCount(1234567)).toBe('1,234,567');
    expect([0, 1, 2].map((n) => plural(n, 'pack'))).toEqual(['0 packs', '1 pack', '2 packs']);
  });

  test('sizes are rounded as toFixed() does', () => {
    const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
    const bytes = fc.oneof(
      fc.maxSafeNat(),
      fc.nat(2 ** 21),
      fc.nat(2 ** 20).map((n) => n * 512),
    );
    fc.assert(
      fc.property(bytes, (count) => {
        const unit = Math.min(5, Math.max(0, Math.floor(Math.log2(Math.max(1, count)) / 10)));
        const value = count / 1024 ** unit;
        if (value >= 1024 || value < 1) return; // the logarithm was rounded
        expect(humanBytes(count)).toBe(`${value.toFixed(unit === 0 || value >= 100 ? 0 : 1)} ${units[unit] ?? ''}`);
      }),
      { numRuns: 2000 },
    );
  });

  test('a table is aligned, with numbers flush right', () => {
    expect(
      table(
        ['A', 'COUNT'],
        [
          ['x', 5],
          ['long', 1234],
          [null, 1n],
        ],
      ),
    ).toBe('A     COUNT\nx         5\nlong   1234\n          1\n');
    expect(table(['A'], [])).toBe('');
  });

  test('numbers are shown as their column says, flush right', () => {
    const header = ['A', { head: 'SIZE', show: humanBytes }, { head: 'N', show: humanCount }];
    const rows = [
      ['x', 1536, 1],
      ['y', null, 12345],
    ];
    expect(table(header, rows)).toBe('A     SIZE       N\nx  1.5 KiB       1\ny           12,345\n');
  });

  test('a table of any text and length has its columns where the widest cells end', () => {
    const value = fc.oneof(fc.string({ unit: 'binary', maxLength: 12 }), fc.string({ maxLength: 12 }), fc.nat());
    const rows = fc.array(fc.tuple(value, fc.option(fc.nat()), value), { minLength: 1, maxLength: 700 });
    fc.assert(
      fc.property(rows, (all) => {
        const header = ['FIRST', 'NUMBER', 'LAST'];
        const cells = [header, ...all].map((row) => row.map(cell));
        const widths = header.map((_, i) => Math.max(...cells.map((row) => Array.from(row[i] ?? '').length)));
        const numeric = header.map((_, i) => all.every((row) => typeof row[i] !== 'string'));
        const padded = cells.map((row) =>
          row.map((text, i) => {
            const spaces = ' '.repeat((widths[i] ?? 0) - Array.from(text).length);
            return numeric[i] ? spaces + text : text + spaces;
          }),
        );
        const lines = padded.map((row) => row.join('  ')).map((line) => (line.endsWith(' ') ? line.trimEnd() : line));
        expect(table(header, all)).toBe(lines.map((line) => `${line}\n`).join(''));
      }),
      { numRuns: 200 },
    );
  });

  test('control characters of names never reach the terminal', () => {
    expect(cell('a\x1b[31mb\n')).toBe('a\\x1b[31mb\\x0a');
  });
});

describe('newCheckpointId', () => {
  test('is 26 characters and sorts by time', () => {
    const ids = [0, 1, 31, 32, 1_700_000_000_000, Date.now()].map((now) => newCheckpointId(now));
    for (const id of ids) expect(id).toMatch(/^[0-9a-hjkmnp-tv-z]{26}$/);
    expect([...ids].sort()).toEqual(ids);
  });

  test('two of one millisecond differ', () => {
    expect(newCheckpointId(5)).not.toBe(newCheckpointId(5));
  });
});
