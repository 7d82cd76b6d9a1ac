// SPDX-License-Identifier: Apache-2.0
//
// ls, show, diff, tree and stats, through the command line, of the store that docs/catalog.md asks its questions of.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStore } from '../../src/store/store.js';
import { fakeCodec } from '../store/support/fake-image.js';
import { tellStory } from '../store/support/story.js';
import { TestStore } from '../support/cli.js';

let store: TestStore;
const none = new TestStore();

beforeAll(async () => {
  store = new TestStore();
  const told = await openStore({ dir: store.path, create: true, codec: fakeCodec });
  await tellStory(told);
  await told.close();
});
afterAll(() => {
  store.remove();
  none.remove();
});

async function ids(...args: string[]): Promise<string[]> {
  const rows = JSON.parse(await store.ok('ls', '--json', ...args)) as { id: string }[];
  return rows.map(({ id }) => id.slice(-4));
}

describe('ckpt ls', () => {
  it('shows sealed checkpoints, oldest first', async () => {
    expect(await store.ok('ls')).toMatchInlineSnapshot(`
      "ID                 NAME         CREATED               HOST    PID  COMMAND    IMAGE  PAGES  NEW    STORED
      01jn7m4q00webday0  web          2026-03-01T08:00:00Z  alpha  1200  web      3.7 MiB    952  698   682 KiB
      01jna6j400webday1  web          2026-03-02T08:00:00Z  alpha  1200  web      4.0 MiB  1,012  273   267 KiB
      01jncrzh00webday2  web          2026-03-03T08:00:00Z  alpha  1200  web      4.4 MiB  1,132  234   229 KiB
      01jne27h000batch1  batch        2026-03-03T20:00:00Z  beta     77  batch    704 KiB    174   83  81.1 KiB
      01jnfbcy00webday3  web          2026-03-04T08:00:00Z  alpha  1200  web      5.1 MiB  1,312  297   290 KiB
      01jnfs4a00webbeta  web on beta  2026-03-04T12:00:00Z  beta    900  web      5.1 MiB  1,312    0       0 B"
    `);
  });

  it.each<[string[], string[]]>([
    [
      ['--name', 'web'],
      ['day0', 'day1', 'day2', 'day3'],
    ],
    [
      ['--name', 'web*'],
      ['day0', 'day1', 'day2', 'day3', 'beta'],
    ],
    [['--name', '[!w]*'], ['tch1']],
    [['--pid', '900'], ['beta']],
    [['--comm', 'batch'], ['tch1']],
    [
      ['--host', 'bet?'],
      ['tch1', 'beta'],
    ],
    [['--host', 'beta', '--comm', 'web'], ['beta']],
    [
      ['--newer', '2026-03-04'],
      ['day3', 'beta'],
    ],
    [['--older', '2026-03-02T08:00:00Z'], ['day0']],
    [
      ['--older', '1h', '--newer', '2026-03-04'],
      ['day3', 'beta'],
    ],
    [['--newer', '0s'], []],
    [
      ['--sort', 'new'],
      ['beta', 'tch1', 'day2', 'day1', 'day3', 'day0'],
    ],
    [
      ['--sort', 'new', '--reverse', '--last', '2'],
      ['tch1', 'beta'],
    ],
    [
      ['--sort', 'pages', '-n', '2'],
      ['day3', 'beta'],
    ],
    [
      ['--sort', 'name', '-r'],
      ['beta', 'day3', 'day2', 'day1', 'day0', 'tch1'],
    ],
    [['-n', '1'], ['beta']],
    [['-n', '0'], []],
    [['--state', 'deleted'], ['tch0']],
    [['--state', 'damaged'], ['kenx']],
    [
      ['--state', 'all', '--name', 'batch'],
      ['tch0', 'tch1', 'rtex'],
    ],
  ])('%j', async (args, expected) => {
    expect(await ids(...args)).toEqual(expected);
  });

  it('says which state when not only sealed ones are asked for', async () => {
    const out = await store.ok('ls', '--state', 'all', '--name', 'batch');
    expect(out.split('\n').map((line) => line.split(/ +/).at(-1))).toEqual(['STATE', 'deleted', 'sealed', 'aborted']);
  });

  it.each([
    ['--newer', 'soon'],
    ['--pid', 'x'],
    ['--sort', 'colour'],
    ['--last', '-1'],
    ['--state', 'odd'],
  ])('refuses %s %s', async (...args) => {
    expect(await store.run('ls', ...args)).toMatchObject({ code: 2, stdout: '' });
  });

  it('of nothing says so', async () => {
    expect(await none.run('ls')).toEqual({ code: 0, stdout: '', stderr: 'no checkpoints' });
  });
});

describe('ckpt show', () => {
  it('shows process and mappings with what became of their pages', async () => {
    expect(await store.ok('show', '01jnfbcy00webday3')).toMatchInlineSnapshot(`
      "id        01jnfbcy00webday3
      name      web
      created   2026-03-04T08:00:00.000Z
      process   web (pid 1200) on alpha, kernel 6.1.0-18-amd64
      state     unknown, 0.00 s user, 0.00 s system
      format    version 2
      image     5.1 MiB (5,391,964 bytes)
      pages     1,312: 254 zero, 297 first stored here
      stored    290 KiB new in the store
      frozen    12.9 ms
      digest    a795e21b85d637a0e0d6767e552f83f376184b7b2873174f9131175c575b3bf5
      parent    01jncrzh00webday2

      START         END               SIZE  PROT  KIND   PAGES  ZERO  SHARED  NEW  OFFSET    PATH
      000000400000  000000480000   512 KiB  r-xp  file       0     0       0    0  00000000  /usr/bin/web
      000000480000  000000488000  32.0 KiB  rw-p  file       8     0       6    2  00000000  /usr/bin/web
      000000900000  000000b58000   2.3 MiB  rw-p  heap     600     0     411  189            [heap]
      00007f000000  00007f190000   1.6 MiB  rw-p  anon     400     0     300  100
      00007f800000  00007f900000   1.0 MiB  rw-p  anon     256   240      16    0
      00007fa00000  00007fa0c000  48.0 KiB  rwxp  anon      12     0      12    0
      00007fc00000  00007fc40000   256 KiB  r-xp  file       0     0       0    0  00000000  /usr/lib/libssl.so.3.0.11
      00007fc40000  00007fc4a000  40.0 KiB  rw-p  file      10     0      10    0  00000000  /usr/lib/libssl.so.3.0.11
      00007fd00000  00007fd40000   256 KiB  r-xp  file       0     0       0    0  00000000  /usr/lib/libc.so.6
      00007fd40000  00007fd46000  24.0 KiB  rw-p  file       6     0       6    0  00000000  /usr/lib/libc.so.6
      00007ff00000  00007ff14000  80.0 KiB  rw-p  stack     20    14       0    6            [stack]"
    `);
  });

  it('adds up', async () => {
    const shown = JSON.parse(await store.ok('show', '--json', 'web')) as {
      id: string;
      pages: number;
      zero_pages: number;
      new_pages: number;
      mappings: { pages: number; zero_pages: number; new_pages: number; shared_pages: number }[];
    };
    const sum = (key: 'pages' | 'zero_pages' | 'new_pages' | 'shared_pages'): number =>
      shown.mappings.reduce((total, one) => total + one[key], 0);
    expect([sum('pages'), sum('zero_pages'), sum('new_pages')]).toEqual([
      shown.pages,
      shown.zero_pages,
      shown.new_pages,
    ]);
    expect(sum('shared_pages')).toBe(shown.pages - shown.zero_pages - shown.new_pages);
  });
});

describe('ckpt diff', () => {
  it('shows mappings and pages added, removed and changed, with sizes', async () => {
    expect(await store.ok('diff', '01jncrzh00webday2', '01jnfbcy00webday3')).toMatchInlineSnapshot(`
      "a         01jncrzh00webday2 web, 1,132 pages
      b         01jnfbcy00webday3 web, 1,312 pages, 24.0 h later
      mappings  0 added, 0 removed, 1 changed
      pages     180 (720 KiB) added, 0 (0 B) removed, 217 (868 KiB) changed, 915 (3.6 MiB) the same

         START         END           SIZE                PROT  ADDED  REMOVED  CHANGED  PATH
      =  000000480000  000000488000  32.0 KiB            rw-p      0        0        2  /usr/bin/web
      ~  000000900000  000000b58000  1.6 MiB -> 2.3 MiB  rw-p    180        0        9  [heap]
      =  00007f000000  00007f190000  1.6 MiB             rw-p      0        0      200  anon
      =  00007ff00000  00007ff14000  80.0 KiB            rw-p      0        0        6  [stack]"
    `);
  });

  it('the other way round takes away what was added', async () => {
    const [there, back] = await Promise.all([
      store.ok('diff', '--json', '01jncrzh00webday2', '01jnfbcy00webday3'),
      store.ok('diff', '--json', '01jnfbcy00webday3', '01jncrzh00webday2'),
    ]).then((texts) => texts.map((text) => (JSON.parse(text) as { pages: object }).pages));
    expect(there).toEqual({ added: 180, removed: 0, changed: 217, same: 915 });
    expect(back).toEqual({ added: 0, removed: 180, changed: 217, same: 915 });
  });

  it('says the same as page_diff', async () => {
    const counted = await store.ok(
      'sql',
      '--json',
      "SELECT change, count(*) AS n FROM page_diff('01jncrzh00webday2', '01jnfbcy00webday3') GROUP BY change",
    );
    expect(JSON.parse(counted)).toEqual([
      { change: 'added', n: 180 },
      { change: 'changed', n: 217 },
    ]);
  });

  it('of two programs shows what is mapped in one of them only', async () => {
    expect(await store.ok('diff', 'batch', 'web on beta')).toMatchInlineSnapshot(`
      "a         01jne27h000batch1 batch, 174 pages
      b         01jnfs4a00webbeta web on beta, 1,312 pages, 16.0 h later
      mappings  7 added, 3 removed, 2 changed
      pages     1,138 (4.4 MiB) added, 0 (0 B) removed, 168 (672 KiB) changed, 6 (24.0 KiB) the same

         START         END           SIZE                  PROT  ADDED  REMOVED  CHANGED  PATH
      +  000000400000  000000480000  512 KiB               r-xp      0        0        0  /usr/bin/web
      -  000000400000  000000420000  128 KiB               r-xp      0        0        0  /usr/bin/batch
      +  000000480000  000000488000  32.0 KiB              rw-p      8        0        0  /usr/bin/web
      ~  000000900000  000000b58000  600 KiB -> 2.3 MiB    rw-p    450        0      150  [heap]
      +  00007f000000  00007f190000  1.6 MiB               rw-p    400        0        0  anon
      +  00007f800000  00007f900000  1.0 MiB               rw-p    256        0        0  anon
      +  00007fa00000  00007fa0c000  48.0 KiB              rwxp     12        0        0  anon
      +  00007fc00000  00007fc40000  256 KiB               r-xp      0        0        0  /usr/lib/libssl.so.3.0.11
      -  00007fc00000  00007fc40000  256 KiB               r-xp      0        0        0  /usr/lib/libssl.so.3.0.13
      +  00007fc40000  00007fc4a000  40.0 KiB              rw-p      0        0       10  /usr/lib/libssl.so.3.0.11
      -  00007fc40000  00007fc4a000  40.0 KiB              rw-p      0        0        0  /usr/lib/libssl.so.3.0.13
      ~  00007ff00000  00007ff14000  32.0 KiB -> 80.0 KiB  rw-p     12        0        8  [stack]"
    `);
  });

  it('of equal ones finds nothing, and says so by its exit code when asked', async () => {
    const same = await store.run('diff', '--exit-code', 'web', 'web');
    expect(same.code).toBe(0);
    expect(same.stdout).toContain(
      'mappings  0 added, 0 removed, 0 changed\npages     0 (0 B) added, 0 (0 B) removed, 0 (0 B) changed, 1,312 (5.1 MiB) the same',
    );
    expect((await store.run('diff', '--exit-code', 'web', 'batch')).code).toBe(1);
    expect((await store.run('diff', 'web', 'batch')).code).toBe(0);
    expect((await store.run('diff', 'web', 'nobody')).code).toBe(3);
  });
});

describe('ckpt tree', () => {
  it('shows processes over time, and what was restarted from them', async () => {
    expect(await store.ok('tree')).toMatchInlineSnapshot(`
      "web (pid 1200) on alpha, 4 checkpoints
      ├─ 01jn7m4q00webday0  web  2026-03-01T08:00:00Z  952 pages  698 new  682 KiB stored
      ├─ 01jna6j400webday1  web  2026-03-02T08:00:00Z  +24.0 h  1,012 pages (+60)  273 new  267 KiB stored
      ├─ 01jncrzh00webday2  web  2026-03-03T08:00:00Z  +24.0 h  1,132 pages (+120)  234 new  229 KiB stored
      │  └> restarted 2026-03-03T09:00:00.000Z on beta: failed: /usr/lib/libssl.so.3.0.11 is not the file that was mapped
      └─ 01jnfbcy00webday3  web  2026-03-04T08:00:00Z  +24.0 h  1,312 pages (+180)  297 new  290 KiB stored
         └> restarted 2026-03-04T09:00:00.000Z as web (pid 900) on beta, 1 checkpoint
            └─ 01jnfs4a00webbeta  web on beta  2026-03-04T12:00:00Z  1,312 pages  0 new  0 B stored

      batch (pid 77) on beta, 1 checkpoint
      └─ 01jne27h000batch1  batch  2026-03-03T20:00:00Z  174 pages  83 new  81.1 KiB stored
         └> restarted 2026-03-04T10:00:00.000Z on beta (pid 912): exited 0"
    `);
  });

  it('of one checkpoint shows the tree that it is in', async () => {
    const out = await store.ok('tree', 'web on beta');
    expect(out).toContain('01jn7m4q00webday0');
    expect(out).not.toContain('batch');
    const [root] = JSON.parse(await store.ok('tree', '--json', 'web on beta')) as {
      checkpoints: { id: string; restarted: { restored_from: string; checkpoints: { id: string }[] }[] }[];
    }[];
    expect(root?.checkpoints.map(({ id }) => id.slice(-4))).toEqual(['day0', 'day1', 'day2', 'day3']);
    expect(root?.checkpoints[3]?.restarted).toMatchObject([
      { restored_from: '01jnfbcy00webday3', checkpoints: [{ id: '01jnfs4a00webbeta' }] },
    ]);
  });

  it('of nothing says so', async () => {
    expect(await none.run('tree')).toEqual({ code: 0, stdout: '', stderr: 'no checkpoints' });
    expect(await none.ok('tree', '--json')).toBe('[]');
  });
});

describe('ckpt stats', () => {
  it('shows ratios and growth', async () => {
    const out = await store.ok('stats');
    expect(out.replace(/^(log|catalog|in all|ratios) .*\n/gm, '')).toMatchInlineSnapshot(`
      "checkpoints  6
      images       23.1 MiB, 5,894 pages, 1,270 zero
      packs        6 with 1,753 distinct pages, 1.7 MiB
      in use       1,670 pages, 95.3 % of those stored

      TIME        CHECKPOINTS    IMAGES  NEW PAGES   STORED  RATIO SO FAR
      2026-03-01            1   3.7 MiB        698  682 KiB          5.6x
      2026-03-02            2   4.7 MiB        441  431 KiB          7.7x
      2026-03-03            2   5.1 MiB        317  310 KiB          9.7x
      2026-03-04            2  10.3 MiB        297  290 KiB         14.2x"
    `);
    expect(out).toMatch(/^ratios +dedup 3\.4x, compression 4\.1x, together \d+\.\dx$/m);
  });

  it('by month and as JSON', async () => {
    const stats = JSON.parse(await store.ok('stats', '--json', '--by', 'month')) as { growth: object[]; pages: number };
    expect(stats.pages).toBe(5894);
    expect(stats.growth).toEqual([
      { time: '2026-03', checkpoints: 7, image_bytes: 24954254, new_pages: 1753, stored_bytes: 1753000 },
    ]);
  });

  it('of nothing is all zero', async () => {
    expect(await none.ok('stats')).toMatch(/^checkpoints +0\n/);
  });
});
