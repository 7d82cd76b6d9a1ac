// SPDX-License-Identifier: Apache-2.0
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { catalogOfLog } from '../../src/store/catalog/expected.js';
import { openEmbeddedLog } from '../../src/store/embedded/embedded-log.js';
import type { EventLog } from '../../src/store/log.js';
import { currentWriter, processStartTicks } from '../../src/machine/identity.js';
import { openStore, type Store, type StoreOptions } from '../../src/store/store.js';
import { deleted, fakeCodec, smallImage, streamOf } from './support/fake-image.js';

let base: string;
let dir: string;
const stores: Store[] = [];

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'ckpt-store-'));
  dir = join(base, 'deep', 'store');
});
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
  rmSync(base, { recursive: true, force: true });
});

async function open(create = true, more: Pick<StoreOptions, 'replaceDamagedCatalog' | 'openLog'> = {}): Promise<Store> {
  const store = await openStore({ dir, create, codec: fakeCodec, ...more });
  stores.push(store);
  return store;
}

/** project.mjs on the store, and how it ends: its exit code, signal, and what it said on standard error. */
function startProjecting(prefix: string, count: number): { child: ChildProcess; end: Promise<unknown[]> } {
  const program = fileURLToPath(new URL('programs/project.mjs', import.meta.url));
  const child = spawn(process.execPath, [program, dir, prefix, String(count)], { stdio: ['ignore', 'pipe', 'pipe'] });
  let words = '';
  child.stderr.on('data', (bytes: Buffer) => (words += String(bytes)));
  child.stdout.resume();
  return { child, end: once(child, 'close').then(([code, signal]) => [code, signal, words]) };
}

const wellEnded = [0, null, ''];

async function closeAll(): Promise<void> {
  for (const store of stores.splice(0)) await store.close();
}

describe('a store that is not there', () => {
  it('is not made where there can be none, and that is said at once', async () => {
    await expect(openStore({ dir: '/proc/no/store', create: true, codec: fakeCodec })).rejects.toThrow(
      /create: \/proc\/no\/store: ENOENT/,
    );
  });

  it('reads as empty, and nothing is made', async () => {
    const store = await open(false);
    await store.catchUp();
    await store.rebuild();
    expect(store.exists).toBe(false);
    expect(store.catalog.list()).toEqual([]);
    expect(store.catalog.stats()).toMatchObject({ checkpoints: 0, packs: 0, image_bytes: 0 });
    expect(() => store.catalog.find('@last')).toThrow(expect.objectContaining({ kind: 'missing' }));
    expect(await store.abortStale()).toEqual([]);
    const sql = store.openSql();
    expect([...sql.query('SELECT count(*) FROM checkpoint').rows]).toEqual([[0n]]);
    sql.close();
    await expect(store.log.append(streamOf(smallImage('a')))).rejects.toMatchObject({ kind: 'missing' });
    expect(existsSync(join(base, 'deep'))).toBe(false);
  });

  it('in a directory of other things neither', async () => {
    dir = base;
    writeFileSync(join(base, 'notes'), '');
    await (await open(false)).catchUp();
    expect(readdirSync(base)).toEqual(['notes']);
  });
});

describe('a store', () => {
  it('is made private, and opened again', async () => {
    const store = await open();
    await store.log.append(streamOf(smallImage('a')));
    await store.catchUp();
    const modes = [dir, ...readdirSync(dir, { recursive: true }).map((name) => join(dir, String(name)))].map(
      (path) => statSync(path).mode & 0o777,
    );
    expect(modes.every((mode) => (mode & 0o077) === 0)).toBe(true);
    await closeAll();
    const again = await open(false);
    expect(again.exists).toBe(true);
    expect(again.catalog.find('a').state).toBe('sealed');
  });

  it('that a newer release has written is left alone', async () => {
    await open();
    await closeAll();
    const db = new Database(join(dir, 'catalog.db'));
    db.pragma('user_version = 42');
    db.close();
    await expect(open()).rejects.toMatchObject({ reason: 'newer', kind: 'unsupported' });
  });

  it('whose directory cannot be made says where', async () => {
    writeFileSync(join(base, 'deep'), '');
    await expect(open()).rejects.toMatchObject({ kind: 'failed', message: expect.stringContaining(dir) });
  });
});

describe('a catalog', () => {
  it('that is lost, damaged or of another log is made anew', async () => {
    const store = await open();
    for (const id of ['a', 'b', 'c']) await store.log.append(streamOf(smallImage(id)));
    await store.log.append([deleted('b')]);
    await store.catchUp();
    const digest = store.catalogDigest();
    await closeAll();

    for (const suffix of ['', '-wal', '-shm']) rmSync(join(dir, `catalog.db${suffix}`), { force: true });
    const lost = await open(false);
    await lost.catchUp();
    expect(lost.catalogDigest()).toBe(digest);
    await lost.rebuild();
    expect(lost.catalogDigest()).toBe(digest);
    expect(await catalogOfLog(lost.log, fakeCodec)).toBe(digest);
    await closeAll();

    writeFileSync(join(dir, 'catalog.db'), 'this was a catalog once '.repeat(1000));
    await expect(open()).rejects.toMatchObject({ kind: 'damaged', hint: expect.stringContaining('rebuild') });
    const damaged = await open(false, { replaceDamagedCatalog: true });
    await damaged.rebuild();
    expect(damaged.catalogDigest()).toBe(digest);
    expect(existsSync(join(dir, 'catalog.db.damaged'))).toBe(true);
    await closeAll();

    // Torn further in: the header and the first pages are well.
    const bytes = readFileSync(join(dir, 'catalog.db'));
    writeFileSync(join(dir, 'catalog.db'), bytes.fill(0xff, 4096 * 2, 4096 * 20));
    const torn = await open(false, { replaceDamagedCatalog: true });
    await torn.rebuild();
    expect(torn.catalogDigest()).toBe(digest);
    await closeAll();

    const db = new Database(join(dir, 'catalog.db'));
    db.exec("UPDATE meta SET value = 'other' WHERE key = 'log_id'");
    db.close();
    const foreign = await open();
    await expect(foreign.catchUp()).rejects.toMatchObject({ kind: 'damaged' });
    await foreign.rebuild();
    expect(foreign.catalogDigest()).toBe(digest);
  });

  it('ahead of its log says so', async () => {
    const store = await open();
    await store.log.append(streamOf(smallImage('a')));
    await store.catchUp();
    await closeAll();
    const db = new Database(join(dir, 'catalog.db'));
    db.exec('UPDATE log_position SET next = 1000');
    db.close();
    await expect((await open()).catchUp()).rejects.toMatchObject({
      kind: 'damaged',
      message: expect.stringContaining('ahead'),
    });
  });

  it('is rebuilt while others read the old one', async () => {
    const [store, other] = [await open(), await open()];
    for (let index = 0; index < 20; index++) await store.log.append(streamOf(smallImage(`c${index}`)));
    await store.catchUp();
    const seen = new Set<number>();
    const rebuilding = store.rebuild();
    for (let turn = 0; turn < 50; turn++) {
      seen.add(other.catalog.list().length);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await rebuilding;
    seen.add(other.catalog.list().length);
    expect([...seen]).toEqual([20]);
  });

  it('neither goes back nor counts as ahead when others project at any moment of a rebuild or a projection', async () => {
    const other = await open();
    let [meddle, turns] = [0, 0];
    /** Says where its log ended before others appended to it and projected that. */
    const openLog = (): Promise<EventLog> => {
      const log = openEmbeddedLog({ dir });
      const end = log.end.bind(log);
      log.end = async () => {
        const known = await end();
        if (meddle-- > 0) {
          await other.log.append(streamOf(smallImage(`m${meddle}-${turns++}`)));
          await other.catchUp();
        }
        return known;
      };
      return Promise.resolve(log);
    };
    const store = await open(true, { openLog });
    for (const turn of [1, 2, 3, 6]) {
      meddle = turn;
      await store.rebuild();
      expect(store.position()).toEqual(await other.log.end());
      meddle = 1;
      await store.catchUp();
      expect(store.position()).toEqual(await other.log.end());
    }
    expect(store.catalogDigest()).toBe(await catalogOfLog(other.log, fakeCodec));
  });

  it('is projected by many processes at once as by one', async () => {
    const store = await open();
    const children = Array.from({ length: 4 }, (_, index) => startProjecting(`w${index}`, 15));
    expect(await Promise.all(children.map(({ end }) => end))).toEqual(children.map(() => wellEnded));
    await store.catchUp();
    expect(store.catalog.list()).toHaveLength(60);
    expect(store.catalogDigest()).toBe(await catalogOfLog(store.log, fakeCodec));
  });

  it('is rebuilt again and again while others write and project', async () => {
    const store = await open();
    const children = ['r0', 'r1'].map((prefix) => startProjecting(prefix, 25));
    const ends = Promise.all(children.map(({ end }) => end));
    let running = true;
    void ends.then(() => (running = false));
    while (running) {
      await store.rebuild();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(await ends).toEqual(children.map(() => wellEnded));
    await store.catchUp();
    expect(store.catalog.list()).toHaveLength(50);
    expect(store.catalogDigest()).toBe(await catalogOfLog(store.log, fakeCodec));
    expect(readdirSync(dir).filter((name) => name.includes('rebuild'))).toEqual([]);
  });

  it('is whole after its projector is killed, again and again', async () => {
    const store = await open();
    for (let round = 0; round < 8; round++) {
      const { child, end } = startProjecting(`k${round}`, 1000);
      if (child.stdout) await once(child.stdout, 'data');
      await new Promise((resolve) => setTimeout(resolve, round * 13));
      child.kill('SIGKILL');
      expect(await end).toEqual([null, 'SIGKILL', '']);
    }
    await store.catchUp();
    expect(store.catalogDigest()).toBe(await catalogOfLog(store.log, fakeCodec));
    const db = new Database(join(dir, 'catalog.db'));
    expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
    db.close();
  });
});

describe('open streams', () => {
  it('of the dead are fenced, those of the living and of elsewhere are not', async () => {
    const store = await open();
    const me = currentWriter();
    expect(me.startTicks).toBe(processStartTicks(process.pid));
    const { machine, ...withoutMachine } = me;
    if (existsSync('/etc/machine-id')) expect(machine).toMatch(/^[0-9a-f]{16}$/);
    const writers = {
      living: me,
      dead: { ...me, startTicks: 1 },
      boot: { ...me, bootId: 'before' },
      namesake: { ...me, machine: 'ff'.repeat(8), bootId: 'x' },
      older: { ...withoutMachine, bootId: 'before' },
      elsewhere: { ...me, host: 'elsewhere', bootId: 'x' },
      container: { ...me, pidNamespace: 'pid:[1]', startTicks: 1 },
      sealed: { ...me, startTicks: 1 },
    };
    for (const [id, writer] of Object.entries(writers)) {
      const stream = streamOf(smallImage(id), { opened: { writer } });
      await store.log.append(id === 'sealed' ? stream : stream.slice(0, 4));
    }
    await store.catchUp();
    expect(await store.abortStale()).toEqual(['boot', 'dead', 'older']);
    expect(await store.abortStale()).toEqual([]);
    expect(
      Object.fromEntries(
        store.catalog.list({ states: ['open', 'aborted', 'sealed'] }).map((row) => [row.id, row.state]),
      ),
    ).toEqual({
      living: 'open',
      elsewhere: 'open',
      namesake: 'open',
      older: 'aborted',
      container: 'open',
      dead: 'aborted',
      boot: 'aborted',
      sealed: 'sealed',
    });
    const rest = streamOf(smallImage('dead'), { opened: { writer: writers.dead } }).slice(4);
    await expect(store.log.append(rest)).rejects.toMatchObject({ reason: 'fenced' });
  });
});

describe('parents', () => {
  it('are the newest sealed checkpoint of the same process', async () => {
    const store = await open();
    const process = { pid: 7, startTicks: 100 };
    await store.log.append(streamOf(smallImage('01', process)));
    await store.log.append(streamOf(smallImage('02', { ...process, startTicks: 101 })));
    await store.log.append(streamOf(smallImage('03', process)));
    await store.log.append(streamOf(smallImage('04', process)).slice(0, 5));
    await store.log.append(streamOf(smallImage('05', process)).slice(0, 5));
    await store.catchUp();
    expect(store.catalog.parentOf('05')).toBe('03');
    expect(store.catalog.parentOf('03')).toBe('01');
    expect(store.catalog.parentOf('02')).toBeNull();
    await store.log.append([deleted('03')]);
    await store.catchUp();
    expect(store.catalog.parentOf('05')).toBe('01');
  });
});
