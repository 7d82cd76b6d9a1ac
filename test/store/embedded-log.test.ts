// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packPath } from '../../src/codec/native.js';
import { openEmbeddedLog } from '../../src/store/embedded/embedded-log.js';
import { eventLogContract } from '../contract/event-log.contract.js';

function newDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'ckpt-log-'));
}

eventLogContract('embedded', async () => {
  const dir = newDirectory();
  return {
    spec: { kind: 'embedded', dir },
    refusesFenced: true,
    open: async () => openEmbeddedLog({ dir }),
    appendForeign: async ({ type, schema }) => {
      const db = new Database(`${dir}/log.db`);
      db.prepare('INSERT INTO event (checkpoint, seq, type, schema, value) VALUES (?, 0, ?, ?, ?)').run(
        'foreign',
        type,
        schema,
        Buffer.from('x'),
      );
      db.close();
    },
    dispose: async () => rmSync(dir, { recursive: true, force: true }),
  };
});

describe('log.db', () => {
  let dir: string;
  beforeEach(() => {
    dir = newDirectory();
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  const event = (seq: number) => ({ type: 'record', checkpoint: 'a', seq, value: Buffer.from('v') }) as const;

  it('is private, with a write-ahead log that is synced at every commit', async () => {
    const log = openEmbeddedLog({ dir });
    await log.append([event(0)]);
    for (const name of readdirSync(dir)) expect(statSync(join(dir, name)).mode & 0o077, name).toBe(0);
    await log.close();
    const db = new Database(`${dir}/log.db`);
    expect(db.pragma('journal_mode', { simple: true })).toBe('wal');
    db.close();
  });

  it('refuses a second event of the same number', async () => {
    const log = openEmbeddedLog({ dir });
    await log.append([event(0), event(1)]);
    await expect(log.append([event(2), event(1)])).rejects.toMatchObject({ reason: 'failed', kind: 'failed' });
    const end = await log.end();
    await log.append([event(2)]);
    expect(await log.end()).toEqual([(end[0] ?? 0) + 1]);
    await log.close();
  });

  it('of a newer release is left alone', () => {
    void openEmbeddedLog({ dir }).close();
    const db = new Database(`${dir}/log.db`);
    db.pragma('user_version = 99');
    db.close();
    expect(() => openEmbeddedLog({ dir })).toThrow(expect.objectContaining({ reason: 'newer', kind: 'unsupported' }));
  });

  it('that is no log, or no database, is left alone and said to be damaged', () => {
    const foreign = new Database(`${dir}/log.db`);
    foreign.exec('CREATE TABLE t (x)');
    foreign.close();
    expect(() => openEmbeddedLog({ dir })).toThrow(expect.objectContaining({ reason: 'damaged' }));
    writeFileSync(`${dir}/log.db`, 'no database at all, but long enough to be looked at '.repeat(100));
    expect(() => openEmbeddedLog({ dir })).toThrow(expect.objectContaining({ reason: 'damaged' }));
  });

  it('without its first event is said to be damaged', () => {
    void openEmbeddedLog({ dir }).close();
    const db = new Database(`${dir}/log.db`);
    db.exec('DELETE FROM event');
    db.close();
    expect(() => openEmbeddedLog({ dir })).toThrow(expect.objectContaining({ reason: 'damaged' }));
  });

  it('mends a pack file that a crash has cut off, and says where one cannot be written', async () => {
    const log = openEmbeddedLog({ dir });
    const bytes = Buffer.from('a pack');
    const pack = { id: 'ab'.repeat(32), bytes, pages: 1, rawBytes: 4096, storedBytes: bytes.length, stream: 's' };
    mkdirSync(join(dir, 'packs/ab'), { recursive: true });
    writeFileSync(packPath(join(dir, 'packs'), pack.id), 'a p');
    await log.packs.put([pack]);
    expect(readFileSync(packPath(log.packs.dir, pack.id))).toEqual(bytes);

    writeFileSync(join(dir, 'packs/cd'), 'in the way');
    const blocked = { ...pack, id: 'cd'.repeat(32) };
    await expect(log.packs.put([blocked, { ...pack, id: 'ef'.repeat(32) }])).rejects.toMatchObject({
      kind: 'failed',
      message: expect.stringContaining(blocked.id),
    });
    const listed: string[] = [];
    for await (const batch of log.packs.read(0)) listed.push(...batch.packs.map((info) => info.id));
    expect(listed).toEqual([pack.id]);
    expect(readdirSync(join(dir, 'packs/tmp'))).toEqual([]);
    await log.close();
  });

  it('clears away temporary files of the dead, not of the living', async () => {
    const log = openEmbeddedLog({ dir });
    const bytes = Buffer.from('pack');
    await log.packs.put([{ id: 'ab'.repeat(32), bytes, pages: 1, rawBytes: 4096, storedBytes: 4, stream: 's' }]);
    const tmp = join(dir, 'packs/tmp');
    expect(readdirSync(tmp)).toEqual([]);
    mkdirSync(tmp, { recursive: true });
    const { temporaryName } = await import('../../src/store/embedded/pack-folder.js');
    const mine = temporaryName();
    const parts = mine.split('-');
    const dead = [...parts.slice(0, 4), '1', '1'].join('-');
    const earlierBoot = [parts[0], '00000000', ...parts.slice(2)].join('-');
    const otherHost = ['00000000', ...parts.slice(1)].join('-');
    for (const name of [mine, dead, earlierBoot, otherHost]) writeFileSync(join(tmp, name), '');
    log.packs.removeLeftovers();
    expect(readdirSync(tmp).sort()).toEqual([mine, otherHost].sort());
    await log.close();
  });
});
