// SPDX-License-Identifier: Apache-2.0
//
// Damage on the command line: found, named down to the page, moved aside, repaired, and healed by the same pages; and copies.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PACK_HEADER_BYTES } from '../../src/format/generated/store.js';
import { TestStore } from '../support/cli.js';
import { sha256sum } from '../support/images.js';
import { pagedImage } from '../support/paged-image.js';
import { cleanUp } from '../support/processes.js';

let store: TestStore;
beforeEach(() => {
  store = new TestStore();
});
afterEach(async () => {
  await cleanUp();
  store.remove();
});

const pages = Array.from({ length: 40 }, (_, i) => i + 1);

async function ingest(name: string, numbers: readonly number[]): Promise<string> {
  const path = join(store.dir, name);
  writeFileSync(path, pagedImage(numbers));
  return store.ok('ingest', path, '--name', name);
}

async function exportedSha(of: TestStore, id: string): Promise<string> {
  const path = join(store.dir, 'exported');
  await of.ok('export', id, '-o', path);
  return sha256sum(path);
}

function onlyPack(): string {
  const packs = join(store.path, 'packs');
  const [path, ...others] = readdirSync(packs, { recursive: true }).filter((name) => String(name).endsWith('.pack'));
  expect(others).toEqual([]);
  return join(packs, String(path));
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

interface Report {
  readonly damage: readonly {
    what: string;
    touches: string[];
    lost: { checkpoint: string; pages: number; stretches: string[] }[];
  }[];
}

async function verify(): Promise<Report> {
  const { stdout } = await store.run('verify', '--json');
  return JSON.parse(stdout) as Report;
}

describe('a damaged frame', () => {
  it('loses eight pages at most, which are named, and which the next ingest of them heals', async () => {
    const id = await ingest('a', pages);
    const path = onlyPack();
    flip(path, readFileSync(path).length - 40); // in the last frame
    const words = await store.run('verify');
    expect(words.code).toBe(4);
    expect(words.stdout).toMatch(new RegExp(`${id} lost 8 pages: 000000420000-000000428000`));
    const { damage } = await verify();
    expect(damage).toHaveLength(1);
    expect(damage[0]).toMatchObject({ touches: [id], lost: [{ checkpoint: id, pages: 8 }] });
    expect(existsSync(path)).toBe(false);
    expect(readdirSync(join(store.path, 'quarantine'))).toHaveLength(1);
    expect((await store.run('export', id)).code).toBe(4);

    const again = await store.row(await ingest('b', pages.slice(20)));
    expect(again.new_pages).toBe(20); // nothing in quarantine is chosen
    expect(readdirSync(join(store.path, 'quarantine'))).toEqual([]);
    expect(await exportedSha(store, id)).toBe(sha256sum(join(store.dir, 'a')));
    await store.expectWhole([id, again.id]);
    await store.ok('rebuild');
    await store.expectWhole([id, again.id]);
    await store.ok('gc');
    await store.expectWhole([id, again.id]);
  });

  it('that nobody needs is named once, moved aside, and no damage from then on', async () => {
    await store.ok('rm', await ingest('a', pages));
    const path = onlyPack();
    flip(path, readFileSync(path).length - 40);
    const { damage } = await verify();
    expect(damage).toMatchObject([{ touches: [], lost: [] }]);
    await store.expectWhole([]);
    await store.ok('gc');
    await store.expectWhole([]);
  });

  it('is repaired but for what is lost', async () => {
    const whole = await ingest('whole', pages.slice(0, 16));
    const torn = await ingest('torn', pages.slice(0, 16).concat(99));
    await store.ok('rm', whole);
    const other = await ingest('other', pages.slice(0, 16));
    const big = readdirSync(join(store.path, 'packs'), { recursive: true })
      .map((name) => join(store.path, 'packs', String(name)))
      .filter((path) => path.endsWith('.pack'))
      .sort((a, b) => readFileSync(b).length - readFileSync(a).length)[0];
    flip(big ?? '', readFileSync(big ?? '').length - 40);
    const repaired = await store.run('repair', '--json');
    expect(repaired.code, repaired.stderr).toBe(4);
    const report = JSON.parse(repaired.stdout) as { saved_pages: number; found_pages: number; lost_pages: number };
    expect(report).toMatchObject({ found_pages: 0 });
    expect(report.saved_pages + report.lost_pages).toBe(16);
    expect(report.lost_pages).toBeLessThanOrEqual(8);
    expect(report.lost_pages).toBeGreaterThan(0);
    await store.ok('rm', torn, other);
    expect((await store.run('repair')).code).toBe(0);
    await store.expectWhole([]);
  });
});

describe('repair', () => {
  it.each([
    ['a page hash', (path: string) => flip(path, PACK_HEADER_BYTES + 5)],
    ['the trailing digest', (path: string) => flip(path, readFileSync(path).length - 1)],
  ])('mends %s', async (_what, damage) => {
    const id = await ingest('a', pages);
    const path = onlyPack();
    const before = sha256sum(path);
    damage(path);
    expect((await verify()).damage).toHaveLength(1);
    await store.ok('repair');
    expect(sha256sum(path)).toBe(before);
    await store.expectWhole([id]);
  });

  it('makes a lost catalog anew', async () => {
    const id = await ingest('a', pages);
    for (const suffix of ['', '-wal', '-shm']) rmSync(join(store.path, `catalog.db${suffix}`), { force: true });
    writeFileSync(join(store.path, 'catalog.db'), 'no catalog '.repeat(1000));
    expect((await store.run('ls')).code).toBe(4);
    await store.ok('repair');
    await store.expectWhole([id]);
  });
});

describe('copy', () => {
  it('brings a checkpoint with its id, name and tags, once', async () => {
    const id = await ingest('a', pages);
    await store.ok('tag', id, 'good');
    const other = new TestStore();
    try {
      expect(JSON.parse(await store.ok('copy', 'good', '--to', other.path, '--json'))).toEqual([{ id, copied: true }]);
      expect(JSON.parse(await store.ok('copy', id, '--to', other.path, '--json'))).toEqual([{ id, copied: false }]);
      expect(await exportedSha(other, 'good')).toBe(sha256sum(join(store.dir, 'a')));
      expect(await other.row(id)).toMatchObject({ name: 'a', pages: pages.length });
      await other.expectWhole([id]);

      await other.ok('rm', id);
      const [again] = JSON.parse(await store.ok('copy', id, '--to', other.path, '--json')) as { id: string }[];
      expect(again?.id).not.toBe(id);
      await other.expectWhole([again?.id ?? '']);
    } finally {
      other.remove();
    }
    expect((await store.run('copy', 'nobody', '--to', store.path)).code).toBe(3);
    expect((await store.run('copy', id)).code).toBe(2);
  });

  it('of what is damaged fails, and leaves nothing', async () => {
    const id = await ingest('a', pages);
    const path = onlyPack();
    flip(path, readFileSync(path).length - 40);
    const other = new TestStore();
    try {
      expect((await store.run('copy', id, '--to', other.path)).code).toBe(4);
      await other.expectWhole([]);
    } finally {
      other.remove();
    }
  });
});
