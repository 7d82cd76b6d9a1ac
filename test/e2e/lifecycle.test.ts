// SPDX-License-Identifier: Apache-2.0
//
// The life of checkpoints on the command line: tags, removing, retention, and giving the space back, with others at work.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Ckpt } from '../../src/ckpt.js';
import { abortedEvent, type WriterIdentity } from '../../src/format/events.js';
import { openEmbeddedLog } from '../../src/store/embedded/embedded-log.js';
import { currentWriter } from '../../src/machine/identity.js';
import { smallImage, streamOf } from '../store/support/fake-image.js';
import { TestStore } from '../support/cli.js';
import { cleanUp } from '../support/processes.js';
import { pagedImage } from '../support/paged-image.js';
import { sha256sum } from '../support/images.js';

const ckpt = fileURLToPath(new URL('../../bin/ckpt', import.meta.url));
let store: TestStore;
beforeEach(() => {
  store = new TestStore();
});
afterEach(async () => {
  await cleanUp();
  store.remove();
});

const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);

function imageFile(name: string, pages: readonly number[]): string {
  const path = join(store.dir, name);
  writeFileSync(path, pagedImage(pages));
  return path;
}

function ingest(name: string, pages: readonly number[], ...options: string[]): Promise<string> {
  return store.ok('ingest', imageFile(name, pages), '--name', name, ...options);
}

async function exportedSha(id: string): Promise<string> {
  const path = join(store.dir, 'exported');
  await store.ok('export', id, '-o', path);
  return sha256sum(path);
}

interface Report {
  readonly forgotten: number;
  readonly condemned_packs: number;
  readonly rewritten_packs: number;
  readonly moved_pages: number;
  readonly deleted_packs: number;
  readonly freed_bytes: number;
  readonly waiting_checkpoints: number;
  readonly waiting_packs: number;
  readonly waiting_for: readonly string[];
}

async function collect(...options: string[]): Promise<Report> {
  return JSON.parse(await store.ok('gc', '--json', ...options)) as Report;
}

/** An export that has begun to write and waits for its reader; rest() reads on and resolves to the digest of all. */
async function startExport(id: string): Promise<{ kill: () => Promise<unknown>; rest: () => Promise<string> }> {
  const env = { ...process.env, CKPT_STORE: store.path, XDG_CONFIG_HOME: store.dir };
  const child = spawn(process.execPath, [ckpt, 'export', id], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const end = once(child, 'close');
  const hash = createHash('sha256');
  child.stdout.once('data', (bytes: Buffer) => {
    child.stdout.pause();
    hash.update(bytes);
  });
  await once(child.stdout, 'pause');
  return {
    kill: () => {
      child.kill('SIGKILL');
      child.stdout.resume();
      return end;
    },
    rest: async () => {
      child.stdout.on('data', (bytes: Buffer) => hash.update(bytes));
      child.stdout.resume();
      expect(await end).toEqual([0, null]);
      return hash.digest('hex');
    },
  };
}

/** Bytes of all files under a directory. */
function sizeOf(path: string): number {
  if (!existsSync(path)) return 0;
  const files = readdirSync(path, { recursive: true }).map((name) => statSync(join(path, String(name))));
  return files.filter((file) => file.isFile()).reduce((sum, file) => sum + file.size, 0);
}

describe('tags', () => {
  it('find a checkpoint, are listed, and come off', async () => {
    const [first, second] = [await ingest('a', range(1, 3)), await ingest('a', range(1, 4))];
    await store.ok('tag', first, 'good');
    expect(JSON.parse(await store.ok('tag', 'good', 'best', '--json'))).toEqual({ id: first, tags: ['best', 'good'] });
    await store.ok('tag', second, 'good');
    expect(await exportedSha('best')).toBe(await exportedSha(first));
    expect(await exportedSha('good')).toBe(await exportedSha(second)); // of several, the newest
    await store.ok('tag', '--remove', second, 'good');
    expect(JSON.parse(await store.ok('sql', '--json', 'SELECT * FROM tag ORDER BY name'))).toEqual([
      { checkpoint_id: first, name: 'best' },
      { checkpoint_id: first, name: 'good' },
    ]);
    const listed = async (tag: string): Promise<string[]> =>
      (JSON.parse(await store.ok('ls', '--json', '--tag', tag)) as { id: string }[]).map(({ id }) => id);
    expect(await listed('good')).toEqual([first]);
    expect(await listed('b*')).toEqual([first]);
    expect(await listed('none')).toEqual([]);
    expect(await store.run('tag', '-r', second, 'good')).toMatchObject({ code: 3 });
    expect(await store.run('tag', second, '@last')).toMatchObject({ code: 2 });
    expect(await store.run('tag', 'nobody', 'x')).toMatchObject({ code: 3 });
    await store.ok('rm', 'best');
    expect(await store.ok('sql', '--json', 'SELECT * FROM tag')).toBe('[]');
    await store.ok('rebuild');
    await store.expectWhole([second]);
  });
});

describe('prune', () => {
  it('keeps what the policy says in each series, and what has a tag', async () => {
    const a = [];
    for (let i = 0; i < 4; i++) a.push(await ingest('a', range(10 * i, 5)));
    const b = [await ingest('b', range(100, 5))];
    await store.ok('tag', a[0] ?? '', 'kept');
    const plan = JSON.parse(await store.ok('prune', '--keep-last', '1', '--dry-run', '--json')) as {
      keep: { id: string; reasons: string[] }[];
      remove: { id: string }[];
      frees: { packs: number; bytes: number };
      dry_run: boolean;
    };
    expect(plan.remove.map(({ id }) => id)).toEqual([a[1], a[2]]);
    expect(plan.keep.map(({ id, reasons }) => [id, reasons])).toEqual([
      [a[0], ['tag kept']],
      [a[3], ['last']],
      [b[0], ['last']],
    ]);
    expect(plan.frees.packs).toBe(2);
    expect(plan.dry_run).toBe(true);
    expect(await store.list()).toHaveLength(5);

    const words = await store.run('prune', '--keep-last', '1', '--name', 'b');
    expect(words).toMatchObject({ code: 0, stderr: expect.stringContaining('0 checkpoints removed') as string });
    await store.ok('prune', '--keep-last', '1');
    const { deleted_packs, freed_bytes } = await collect();
    expect({ packs: deleted_packs, bytes: freed_bytes }).toEqual(plan.frees);
    await store.expectWhole([a[0] ?? '', a[3] ?? '', b[0] ?? '']);
  });

  it('takes its policy from the config file, and options before it', async () => {
    const ids = [];
    for (let i = 0; i < 3; i++) ids.push(await ingest('a', range(10 * i, 2)));
    const config = join(store.dir, 'config.json');
    expect(await store.run('prune')).toMatchObject({ code: 2 });
    expect(await store.run('prune', '--keep-last', '0')).toMatchObject({ code: 2 });
    expect(await store.run('prune', '--keep-last', 'x')).toMatchObject({ code: 2 });
    writeFileSync(config, '{"keep-last": 2}');
    await store.ok('prune', '--config', config);
    expect((await store.list()).map(({ id }) => id)).toEqual(ids.slice(1));
    await store.ok('prune', '--config', config, '--keep-hourly', '1');
    expect((await store.list()).map(({ id }) => id)).toEqual(ids.slice(2));
  });
});

describe('gc', () => {
  it('frees what only removed checkpoints used, and says before what it will do', async () => {
    const first = await ingest('a', range(1, 40));
    const second = await ingest('b', range(30, 40)); // shares eleven pages with the first
    const third = await ingest('c', range(200, 40));
    const shas = [await exportedSha(second), await exportedSha(third)];
    expect(await collect()).toMatchObject({ forgotten: 0, deleted_packs: 0, freed_bytes: 0 });
    await store.ok('rm', first);
    const preview = await collect('--dry-run');
    expect(preview).toMatchObject({
      forgotten: 1,
      condemned_packs: 0,
      rewritten_packs: 1,
      moved_pages: 11,
      deleted_packs: 1,
    });
    expect(await collect('--dry-run', '--no-rewrite')).toMatchObject({ rewritten_packs: 0, deleted_packs: 0 });
    const { freed_bytes: _freed, ...done } = await collect();
    const { freed_bytes: _would, ...said } = preview;
    expect(done).toEqual(said);
    expect([await exportedSha(second), await exportedSha(third)]).toEqual(shas);
    expect(await collect()).toMatchObject({ forgotten: 0, condemned_packs: 0, rewritten_packs: 0, deleted_packs: 0 });
    await store.ok('rebuild');
    expect([await exportedSha(second), await exportedSha(third)]).toEqual(shas);
    await store.expectWhole([second, third]);

    // The pages that moved are found where they are now.
    const again = await store.row(await ingest('d', range(30, 40)));
    expect(again.new_pages).toBe(0);
    // Those that went are stored again.
    expect((await store.row(await ingest('e', range(1, 29)))).new_pages).toBe(29);
  });

  it('makes the plans of lazy restarts anew when it has moved pages, and only then', async () => {
    const [first, second] = [await ingest('a', range(1, 40)), await ingest('b', range(30, 40))];
    await store.ok('rm', first);
    const open = await Ckpt.open({ store: store.path });
    try {
      // Whoever asks for a plan holds what was there then for a while: the old pack is not deleted, but its pages move.
      const plan = async (): Promise<Buffer> => open.lending.plan(second);
      const packs = async (): Promise<Buffer[]> =>
        (
          JSON.parse(
            await store.ok('sql', '--json', `SELECT pack_id FROM checkpoint_pack WHERE checkpoint_id = '${second}'`),
          ) as { pack_id: string }[]
        ).map(({ pack_id }) => Buffer.from(pack_id, 'hex'));
      const [before, old] = [await plan(), await packs()];
      expect(old.every((id) => before.includes(id))).toBe(true);
      await ingest('c', range(500, 10));
      expect((await plan()).equals(before)).toBe(true);
      expect(await collect()).toMatchObject({ rewritten_packs: 1 });
      const [after, now] = [await plan(), await packs()];
      expect(now.every((id) => after.includes(id))).toBe(true);
      expect(old.filter((id) => after.includes(id))).toHaveLength(
        old.filter((id) => now.some((one) => one.equals(id))).length,
      );
      expect(after.equals(before)).toBe(false);
    } finally {
      await open.close();
    }
  });

  it('waits for an export that began before, and for nobody who began after', async () => {
    const id = await ingest('a', range(1, 3000));
    const sha = sha256sum(join(store.dir, 'a'));
    const exporting = await startExport(id);
    await store.ok('rm', id);
    const waiting = await collect();
    expect(waiting).toMatchObject({ forgotten: 0, deleted_packs: 0, waiting_checkpoints: 1 });
    expect(waiting.waiting_for).toEqual([expect.stringContaining(`export of ${id}`)]);
    expect(await store.run('export', id, '-o', join(store.dir, 'late'))).toMatchObject({ code: 3 });
    expect(await exporting.rest()).toBe(sha);
    expect((await collect()).deleted_packs).toBeGreaterThan(0);
    expect(readdirSync(join(store.path, 'leases'))).toEqual(['turn']);
  });

  it('waits no longer for an export that was killed', async () => {
    const id = await ingest('a', range(1, 3000));
    const exporting = await startExport(id);
    await store.ok('rm', id);
    expect((await collect()).waiting_checkpoints).toBe(1);
    await exporting.kill();
    expect(await collect()).toMatchObject({ forgotten: 1, waiting_checkpoints: 0 });
  });

  it('leaves to an ingest that runs what it may have chosen', async () => {
    const id = await ingest('a', range(1, 600));
    const image = pagedImage(range(1, 600));
    const ingesting = store.start(['ingest', '-', '--name', 'b']);
    ingesting.child.stdin?.write(image.subarray(0, image.length / 2));
    const openStreams = "SELECT count(*) AS n FROM checkpoint WHERE state = 'open'";
    while ((await store.ok('sql', '--csv', openStreams)).endsWith('0')) await new Promise((go) => setTimeout(go, 50));
    await store.ok('rm', id);
    const waiting = await collect();
    expect(waiting.deleted_packs).toBe(0);
    ingesting.child.stdin?.end(image.subarray(image.length / 2));
    expect(await ingesting.end()).toEqual({ code: 0, signal: null });
    const copy = ingesting.out.text().trim();
    await collect();
    expect(await exportedSha(copy)).toBe(sha256sum(join(store.dir, 'a')));
    await store.expectWhole([copy]);
  });

  it('waits for a writer elsewhere until somebody says that it is dead', async () => {
    const id = await ingest('a', range(1, 50));
    const log = openEmbeddedLog({ dir: store.path });
    const me = currentWriter();
    const open = async (id: string, writer: Partial<WriterIdentity>): Promise<void> =>
      log.append(
        streamOf(smallImage(id), { opened: { writer: { ...me, ...writer }, dedupPosition: await log.end() } }).slice(
          0,
          1,
        ),
      );
    try {
      await open('elsewhere', { host: 'elsewhere', bootId: 'x' });
      await open('here', {});
      await store.ok('rm', id);
      expect((await collect()).waiting_for).toEqual([
        expect.stringContaining('elsewhere'),
        expect.stringContaining('here'),
      ]);
      const unsure = await store.run('abort', 'elsewhere');
      expect(unsure).toMatchObject({ code: 1, stdout: '' });
      expect(unsure.stderr).toContain('--writer-is-dead');
      // This process is at work: it is no use to say that it is not.
      const alive = await store.run('abort', 'here', '--writer-is-dead');
      expect(alive).toMatchObject({ code: 1 });
      expect(alive.stderr).toContain(`process ${process.pid} is writing it`);
      expect(await store.run('abort', 'nobody', '--writer-is-dead')).toMatchObject({ code: 3 });
      expect(await store.run('abort', id, '--writer-is-dead')).toMatchObject({ code: 3 }); // not open
      expect(JSON.parse(await store.ok('abort', 'elsewhere', '--writer-is-dead', '--json'))).toEqual({
        id: 'elsewhere',
      });
      await log.append([abortedEvent('here', 'done')]);
      expect(await collect()).toMatchObject({ deleted_packs: 1, waiting_packs: 0, waiting_for: [] });
      // The writer lived after all: it hears of it.
      const late = streamOf(smallImage('elsewhere'), { opened: { writer: me } }).slice(1);
      await expect(log.append(late)).rejects.toMatchObject({ reason: 'fenced' });
    } finally {
      await log.close();
    }
    await store.expectWhole([]);
  });

  /** Series, as people have them. What is left of each checkpoint counts the more, the less it brought. */
  const series: Readonly<Record<string, readonly [steps: readonly (readonly number[])[], sealed: boolean]>> = {
    'that bring a little each': [
      range(0, 40).map((step) => [...range(1, 300), ...range(1000 + 100 * step, 100)]),
      false,
    ],
    'that bring a page each': [range(0, 400).map((step) => [...range(1, 60), 1000 + step]), false],
    'that bring nothing, and are sealed': [range(0, 600).map(() => range(1, 60)), true],
  };

  it.each(Object.entries(series))(
    'gives the space of everything back, of checkpoints %s',
    async (_name, [steps, sealed]) => {
      const empty = new TestStore();
      try {
        await (await Ckpt.open({ store: empty.path, access: 'create' })).close();
        const before = sizeOf(empty.path);
        if (sealed) await store.ok('key', 'make');
        writeFileSync(join(store.dir, 'series'), Buffer.concat(steps.map((pages) => pagedImage(pages))));
        await store.ok('ingest', '--stream', join(store.dir, 'series'));
        const ids = (await store.list()).map(({ id }) => id);
        expect(ids).toHaveLength(steps.length);
        const full = sizeOf(store.path);
        await store.ok('rm', ...ids);
        await collect();
        const left = sizeOf(store.path);
        const each = Math.round((left - before) / ids.length);
        const what = `${full} bytes of ${ids.length} checkpoints have become ${left}; an empty store has ${before}; each left ${each}`;
        expect(left, what).toBeLessThanOrEqual(before + full / 100);
        expect(readdirSync(join(store.path, 'packs'), { recursive: true })).toEqual(['tmp']);
        await store.ok('rebuild');
        await store.expectWhole([]);
        expect(await store.run('show', ids[0] ?? '')).toMatchObject({
          code: 3,
          stderr: expect.stringContaining('was removed'),
        });
      } finally {
        empty.remove();
      }
    },
  );

  it('leaves nothing to choose to those who have the store open, when all packs have gone', async () => {
    const pages = range(1, 600);
    const first = await ingest('a', pages);
    const open = await Ckpt.open({ store: store.path });
    try {
      const again = async (): Promise<readonly number[]> => {
        const fd = openSync(join(store.dir, 'a'), 'r');
        const taken: number[] = [];
        for await (const { newPages } of open.ingest(fd)) taken.push(newPages);
        closeSync(fd);
        return taken;
      };
      expect(await again()).toEqual([0]); // it has its index now
      for (const { id } of await store.list()) await store.ok('rm', id);
      await collect();
      expect(readdirSync(join(store.path, 'packs'), { recursive: true })).toEqual(['tmp']);
      expect(await again()).toEqual([600]);
      const [last] = await store.list();
      expect(await exportedSha(last?.id ?? '')).toBe(sha256sum(join(store.dir, 'a')));
      expect(last?.id).not.toBe(first);
    } finally {
      await open.close();
    }
    await store.ok('rebuild');
    await store.expectWhole((await store.list()).map(({ id }) => id));
  });

  it('finds nothing to do where there is no store, and makes none', async () => {
    expect(await collect()).toMatchObject({ forgotten: 0, deleted_packs: 0 });
    expect(existsSync(store.path)).toBe(false);
  });
});
