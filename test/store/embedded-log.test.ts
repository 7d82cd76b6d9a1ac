// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
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

  it('clears away temporary files of the dead, not of the living', async () => {
    const log = openEmbeddedLog({ dir });
    const bytes = Buffer.from('pack');
    await log.packs.put([{ id: 'ab'.repeat(32), bytes, pages: 1, rawBytes: 4096, storedBytes: 4, stream: 's' }]);
    const tmp = join(dir, 'packs/tmp');
    expect(readdirSync(tmp)).toEqual([]);
    mkdirSync(tmp, { recursive: true });
    const { temporaryName } = await import('../../src/store/embedded/pack-files.js');
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
