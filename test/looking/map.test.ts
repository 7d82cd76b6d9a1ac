// SPDX-License-Identifier: Apache-2.0
//
// `ckpt map`: the pictures are well-formed, add up, and say in words what they say in colours.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kinds, mapRows, shareOf } from '../../src/cli/map/rows.js';
import { shortened } from '../../src/cli/map/svg.js';
import type { KindRun, VmaEntry } from '../../src/store/index.js';
import { openStore } from '../../src/store/store.js';
import { fakeCodec } from '../store/support/fake-image.js';
import { seed } from '../store/support/seed.js';
import { tellStory } from '../store/support/story.js';
import { TestStore } from '../support/cli.js';

let store: TestStore;

beforeAll(async () => {
  store = new TestStore();
  const told = await openStore({ dir: store.path, create: true, codec: fakeCodec });
  await tellStory(told);
  await told.close();
});
afterAll(() => store.remove());

/** The texts and titles of an SVG by a parser of XML that is not ours: it must be well-formed. */
function textsOf(svg: string): string[] {
  const program =
    'import json, sys, xml.etree.ElementTree as tree\n' +
    'root = tree.fromstring(sys.stdin.read())\n' +
    'assert root.tag == "{http://www.w3.org/2000/svg}svg", root.tag\n' +
    'print(json.dumps(["".join(e.itertext()) for e in root.iter() if e.tag.endswith("}text") or e.tag.endswith("}title")]))';
  return JSON.parse(execFileSync('python3', ['-c', program], { input: svg, encoding: 'utf8' })) as string[];
}

describe('ckpt map ID', () => {
  it('draws for a terminal', async () => {
    expect(await store.ok('map', 'web')).toMatchInlineSnapshot(`
      "# new in this checkpoint   = stored before   0 all zero   : from its file or the kernel   . untouched

      000000400000  ::::::::::::::=                             544 KiB  /usr/bin/web
                    ~ 4.5 MiB
      000000900000  =============######                         2.3 MiB  [heap]
                    ~ 2.0 GiB
      00007f000000  ==================                          1.6 MiB  anonymous
                    ~ 6.4 MiB
      00007f800000  =0000000000000000                           1.0 MiB  anonymous
                    ~ 1.0 MiB
      00007fa00000  ========                                   48.0 KiB  anonymous
                    ~ 2.0 MiB
      00007fc00000  :::::::::::==                               296 KiB  /usr/lib/libssl.so.3.0.11
      00007fd00000  ::::::::::::=                               280 KiB  /usr/lib/libc.so.6
                    ~ 1.7 MiB
      00007ff00000  000000###                                  80.0 KiB  [stack]"
    `);
  });

  it('draws SVG into a file, or to standard output', async () => {
    const file = join(store.dir, 'web.svg');
    expect(await store.run('map', 'web', '-o', file)).toEqual({ code: 0, stdout: '', stderr: '' });
    const svg = readFileSync(file, 'utf8');
    expect(`${await store.ok('map', 'web', '--svg')}\n`).toBe(`${svg.trimEnd()}\n`);
    const texts = textsOf(svg);
    expect(texts).toEqual(
      expect.arrayContaining([
        'web (pid 1200) on alpha',
        'gap of 2.0 GiB',
        '1.6 MiB',
        'anonymous',
        '[heap]',
        '[stack]',
      ]),
    );
    expect(texts.join('\n')).toMatch(/libssl\.so\.3\.0\.11/);
    expect(texts.join('\n')).toContain('189 pages new in this checkpoint, 411 pages stored before');
    for (const kind of kinds) expect(svg).toContain(`class="${kind} line"`);
    for (const kind of ['new', 'shared', 'zero', 'file']) expect(svg).toContain(`<path class="${kind}"`);
    expect(svg).toContain('prefers-color-scheme:dark');
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('counts what show counts', async () => {
    const rows = JSON.parse(await store.ok('map', '--json', '01jnfbcy00webday3')) as Record<
      (typeof kinds)[number] | 'mappings',
      number
    >[];
    const shown = JSON.parse(await store.ok('show', '--json', '01jnfbcy00webday3')) as {
      mappings: object[];
      pages: number;
      zero_pages: number;
      new_pages: number;
    };
    const sum = (key: keyof (typeof rows)[number]): number => rows.reduce((total, row) => total + row[key], 0);
    expect(sum('mappings')).toBe(shown.mappings.length);
    expect(sum('new') + sum('shared') + sum('zero')).toBe(shown.pages);
    expect(sum('zero')).toBe(shown.zero_pages);
    expect(sum('new')).toBe(shown.new_pages);
  });

  it('refuses what makes no sense', async () => {
    expect(await store.run('map')).toMatchObject({ code: 2, stdout: '' });
    expect(await store.run('map', 'web', '--series', 'web')).toMatchObject({ code: 2, stdout: '' });
    expect(await store.run('map', 'nobody')).toMatchObject({ code: 3, stdout: '' });
    expect(await store.run('map', '--series', 'nobody')).toMatchObject({ code: 3, stdout: '' });
  });
});

describe('ckpt map --series', () => {
  it('draws the change over time', async () => {
    const svg = await store.ok('map', '--series', 'web');
    const texts = textsOf(svg);
    expect(texts).toEqual(
      expect.arrayContaining([
        'web: 4 checkpoints',
        '[heap]',
        '[stack]',
        '2026-03-01',
        '2026-03-04',
        'anonymous at 00007f000000',
      ]),
    );
    expect(texts).toContain('[heap]: 189 of 600 pages new');
    expect(texts).toContain('01jnfbcy00webday3 2026-03-04T08:00:00.000Z: 297 new, 761 stored before, 254 zero');
    // What changed most stands first.
    expect(texts.indexOf('anonymous at 00007f000000')).toBeLessThan(texts.indexOf('[heap]'));
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('of one checkpoint is a picture too', async () => {
    expect(textsOf(await store.ok('map', '--series', 'batch'))).toContain('batch: 1 checkpoint');
  });
});

describe('rows of a picture', () => {
  const layout = fc
    .array(
      fc.record({
        gap: fc.nat(3000),
        pages: fc.integer({ min: 1, max: 400 }),
        path: fc.constantFrom(null, '/lib/a.so', '/lib/b.so'),
        runs: fc.array(
          fc.record({
            gap: fc.nat(20),
            count: fc.integer({ min: 1, max: 60 }),
            kind: fc.constantFrom('zero' as const, 'new' as const, 'shared' as const),
          }),
          { maxLength: 8 },
        ),
      }),
      { minLength: 1, maxLength: 12 },
    )
    .map((parts) => {
      const vmas: VmaEntry[] = [];
      const runs: KindRun[] = [];
      let page = 16;
      for (const { gap, pages, path, runs: wanted } of parts) {
        page += gap;
        const end = page + pages;
        vmas.push({
          seq: vmas.length,
          start_addr: BigInt(page) * 4096n,
          end_addr: BigInt(end) * 4096n,
          kind: path === null ? 'anon' : 'file',
          prot: 'rw-p',
          path,
          pages: 0,
          zero_pages: 0,
          new_pages: 0,
          file_offset: path === null ? null : 0n,
        });
        let at = page;
        for (const run of wanted) {
          at += run.gap;
          const count = Math.min(run.count, end - at);
          if (count > 0) runs.push({ page: at, count, kind: run.kind });
          at += Math.max(0, count);
        }
        page = end;
      }
      return { vmas, runs };
    });

  it('hold every page once, whatever the slices', () => {
    fc.assert(
      fc.property(layout, fc.integer({ min: 1, max: 50 }), ({ vmas, runs }, slices) => {
        const rows = mapRows(vmas, runs, (pages) => Math.min(pages, slices));
        const sum = (kind: (typeof kinds)[number]): number => rows.reduce((total, row) => total + row.totals[kind], 0);
        for (const kind of ['zero', 'new', 'shared'] as const)
          expect(sum(kind)).toBe(runs.filter((run) => run.kind === kind).reduce((total, run) => total + run.count, 0));
        const mapped = vmas.reduce((total, vma) => total + Number((vma.end_addr - vma.start_addr) / 4096n), 0);
        expect(kinds.reduce((total, kind) => total + sum(kind), 0)).toBe(mapped);
        for (const row of rows) {
          for (let slice = 0; slice < row.slices; slice++) {
            const shares = kinds.map((kind) => shareOf(row, slice, kind));
            expect(Math.min(...shares)).toBeGreaterThan(-1e-9);
            expect(shares.reduce((total, share) => total + share, 0)).toBeCloseTo(1);
          }
        }
      }),
      { seed, numRuns: 500 },
    );
  });

  it('have labels of bounded length that keep their end', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 4, max: 60 }), (text, most) => {
        const short = shortened(text, most);
        expect(short.length).toBeLessThanOrEqual(Math.max(most, 0));
        if (text.length <= most) expect(short).toBe(text);
        else expect(text.endsWith(short.slice(short.indexOf('…') + 1))).toBe(true);
      }),
      { seed },
    );
  });
});
