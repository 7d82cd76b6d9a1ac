// SPDX-License-Identifier: Apache-2.0
//
// Keys and seals as a user has them: what is restarted once there are keys, and what is not; in this store, in a copy, through a service
// and over --remote.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestStore } from '../support/cli.js';
import { adopt, cleanUp, killAdopted } from '../support/processes.js';
import { Run, sleeper } from '../support/programs.js';
import { TestService } from '../support/service.js';

interface Key {
  readonly id: string;
  readonly state: string;
}

interface Seal {
  readonly key_id: string;
  readonly judgement: string;
  readonly salt: string | null;
}

let store: TestStore;
let run: Run;
let pid: string;
let unsealed: string;
let sealed: string;
let first: string;
/** All that was printed, said or logged. */
let words = '';

const keysFile = (of: TestStore): string => join(of.dir, 'ckpt', 'keys.json');

/** Secrets of a keyring, now. */
function secretsOf(of: TestStore): string[] {
  const { keys } = JSON.parse(readFileSync(keysFile(of), 'utf8')) as { keys: { secret: string | null }[] };
  return keys.flatMap(({ secret }) => (secret === null ? [] : [secret]));
}

async function said(code: number, ...args: string[]): Promise<string> {
  const result = await store.run(...args);
  words += result.stdout + result.stderr;
  expect(result.code, `ckpt ${args.join(' ')}: ${result.stderr}`).toBe(code);
  if (code !== 0 && !args.includes('verify')) expect(result.stderr.trimEnd()).not.toContain('\n'); // one line
  return code === 0 ? result.stdout.trimEnd() : result.stderr;
}

/** A detached restart that has to work; the copy is ended. */
async function restarts(of: TestStore, ...args: string[]): Promise<void> {
  const copy = Number(await of.ok('restart', '--detach', ...args));
  adopt(copy);
  await killAdopted(copy);
}

async function sealsOf(of: TestStore, id: string): Promise<Seal[]> {
  return (JSON.parse(await of.ok('show', id, '--json')) as { seals: Seal[] }).seals;
}

beforeAll(async () => {
  store = new TestStore();
  run = await Run.start(sleeper);
  pid = String(run.original.pid);
  unsealed = await store.ok('save', pid, '--name', 'unsealed');
  await restarts(store, unsealed); // no key: nothing is asked
  first = await store.ok('key', 'make', '--name', 'first');
  sealed = await store.ok('save', pid, '--name', 'sealed');
});

afterAll(async () => {
  await cleanUp();
  run.remove();
  store.remove();
});

describe('once there is a key', () => {
  it('what is taken in is sealed with it: an event that any client of the log can read', async () => {
    expect(await sealsOf(store, sealed)).toMatchObject([{ key_id: first, judgement: 'good', salt: null }]);
    expect(await said(0, 'show', sealed)).toMatch(new RegExp(`^sealed +by first \\(key ${first}\\) at .*: good$`, 'm'));
    const { type, seq, value } = JSON.parse(await said(0, 'log', '--type', 'signed', '--json')) as {
      type: string;
      seq: number;
      value: Record<string, string>;
    };
    expect([type, seq]).toEqual(['signed', -1]);
    expect(Object.keys(value).sort()).toEqual(['algorithm', 'at', 'digest', 'keyId', 'seal']);
    expect(value['keyId']).toBe(first);
    expect(await sealsOf(store, unsealed)).toEqual([]);
  });

  it('what is sealed restarts, lazily too, and is exported', async () => {
    await restarts(store, sealed);
    await restarts(store, sealed, '--lazy');
    await said(0, 'export', sealed, '-o', join(store.dir, 'sealed.img'));
  });

  it('what is not sealed does not restart, lazily neither, is not exported, and is named by verify', async () => {
    expect(await said(5, 'restart', '--detach', unsealed)).toContain('it has no seal');
    expect(await said(5, 'restart', '--detach', '--lazy', unsealed)).toContain('it has no seal');
    expect(await said(5, 'restart', '--copies', '2', unsealed)).toContain('it has no seal');
    expect(await said(125, 'restart', unsealed)).toContain('it has no seal');
    expect(await said(5, 'export', unsealed, '-o', join(store.dir, 'u.img'))).toContain('it has no seal');
    await said(0, 'export', unsealed, '--no-require-seal', '-o', join(store.dir, 'u.img'));
    const report = JSON.parse(await said(0, 'verify', '--json')) as { distrusted: { checkpoint: string }[] };
    expect(report.distrusted.map(({ checkpoint }) => checkpoint)).toEqual([unsealed]);
  });

  it('rebuild and gc keep the seals', async () => {
    await store.ok('rebuild');
    await store.ok('gc');
    expect(await sealsOf(store, sealed)).toMatchObject([{ key_id: first, judgement: 'good' }]);
    await store.ok('verify');
  });

  it('a second one is made by rotate only', async () => {
    expect(await said(2, 'key', 'make')).toContain('ckpt key rotate');
  });
});

describe('what was changed', () => {
  /** Changes the catalog, which alone says what a checkpoint is when it is restarted. */
  function change(sql: string): void {
    const db = new Database(join(store.path, 'catalog.db'));
    expect(db.prepare(sql).run({ id: sealed }).changes).toBe(1);
    db.close();
  }

  const at = '(SELECT image FROM image WHERE id = @id)';
  /** In place of the byte before the last eight of the value. */
  const other = "CASE substr(value, -9, 1) WHEN x'7f' THEN x'7e' ELSE x'7f' END";
  it.each([
    ['the digest that is sealed', `UPDATE seal SET digest = '${'ab'.repeat(32)}' WHERE checkpoint_id = @id`, 4],
    ['the digest of the image', `UPDATE image SET image_digest = '${'ab'.repeat(32)}' WHERE id = @id`, 4],
    ['when it was sealed', "UPDATE seal SET at = '2001-01-01T00:00:00.000Z' WHERE checkpoint_id = @id", 4],
    ['the seal', "UPDATE seal SET seal = substr(seal, 3) || '00' WHERE checkpoint_id = @id", 4],
    ['the algorithm', "UPDATE seal SET algorithm = 'hmac-sha-256' WHERE checkpoint_id = @id", 4],
    ['the log of the seal', `UPDATE seal SET salt = '${'cd'.repeat(32)}' WHERE checkpoint_id = @id`, 4],
    [
      'whose seal it is',
      `UPDATE seal SET checkpoint_id = (SELECT id FROM image WHERE name = 'unsealed') WHERE checkpoint_id = @id`,
      5,
    ],
    [
      'a record of the image',
      `UPDATE image_event SET value = CAST(value || x'00' AS BLOB) WHERE image = ${at} AND seq = (
         SELECT min(seq) FROM image_event WHERE image = ${at} AND NOT is_pages AND NOT zstd)`,
      4,
    ],
    [
      'a number of a record, its length as it was',
      `UPDATE image_event SET value = CAST(substr(value, 1, length(value) - 9) || ${other} || substr(value, -8) AS BLOB) WHERE image = ${at}
         AND seq = (SELECT min(seq) FROM image_event WHERE image = ${at} AND NOT is_pages AND NOT zstd AND length(value) > 100)`,
      4,
    ],
  ] as [string, string, number][])('%s: nothing of it runs', async (_what, sql, code) => {
    change(sql);
    await said(code, 'restart', '--detach', sealed);
    await said(code, 'restart', '--detach', '--lazy', sealed);
    await store.ok('rebuild');
    expect(await sealsOf(store, sealed)).toMatchObject([{ judgement: 'good' }]);
  });
});

describe('keys', () => {
  it('rotate: the new one seals, the old one holds until it is revoked', async () => {
    const second = (JSON.parse(await said(0, 'key', 'rotate', '--name', 'second', '--json')) as Key).id;
    expect(JSON.parse(await said(0, 'key', 'ls', '--json'))).toMatchObject([
      { id: first, state: 'trusted' },
      { id: second, state: 'signing' },
    ]);
    const image = join(store.dir, 'sealed.img');
    const again = await said(0, 'ingest', image, '--name', 'again');
    expect(await sealsOf(store, again)).toMatchObject([{ key_id: second, judgement: 'good' }]);
    await restarts(store, sealed);

    await said(0, 'key', 'revoke', 'first');
    expect(await said(5, 'restart', '--detach', sealed)).toContain('revoked key');
    expect(await said(5, 'export', sealed, '-o', image)).toContain('revoked key');
    expect(await said(0, 'show', sealed)).toContain('the key is revoked');
    await restarts(store, again);

    await said(0, 'key', 'rm', first);
    expect(await said(5, 'restart', '--detach', sealed)).toContain('unknown key');
    await said(0, 'key', 'seal', sealed);
    expect((await sealsOf(store, sealed)).map(({ judgement }) => judgement).sort()).toEqual(['good', 'unknown']);
    await restarts(store, sealed);
  });

  it('are given away: who has the public part believes, and cannot seal; copies carry their seals', async () => {
    const there = new TestStore();
    try {
      const file = join(store.dir, 'second.key');
      await said(0, 'key', 'export', 'second', '-o', file);
      for (const secret of secretsOf(store)) expect(readFileSync(file, 'utf8')).not.toContain(secret);
      await said(0, 'copy', 'again', 'unsealed', '--to', there.path);
      // Believed, and so sealed anew by whoever copied; and the seal that it had.
      expect((await sealsOf(there, 'again')).map(({ salt }) => salt === null).sort()).toEqual([false, true]);
      expect(await sealsOf(there, 'unsealed')).toEqual([]); // copying makes nothing better
      const db = new Database(join(there.path, 'catalog.db'));
      db.exec('DELETE FROM seal WHERE salt IS NULL');
      db.close();

      await there.ok('key', 'import', file);
      expect(secretsOf(there)).toEqual([]);
      await restarts(there, 'again'); // by the carried seal alone
      expect((await there.run('restart', '--detach', 'unsealed')).code).toBe(5);
      expect((await there.run('key', 'seal', 'unsealed')).code).toBe(2);
      const wrong = new Database(join(there.path, 'catalog.db'));
      wrong.exec("UPDATE seal SET salt = '" + 'cd'.repeat(32) + "'");
      wrong.close();
      expect((await there.run('restart', '--detach', 'again')).code).toBe(4);
      await there.ok('rebuild');
      await there.ok('verify');
    } finally {
      there.remove();
    }
  });

  it('of HMAC are shared whole, or not at all', async () => {
    const mac = await said(0, 'key', 'rotate', '--name', 'shared', '--algorithm', 'hmac-sha-256');
    expect(await said(2, 'key', 'export', mac)).toContain('no public part');
    const saved = await said(0, 'save', pid, '--name', 'mac');
    expect(await sealsOf(store, saved)).toMatchObject([{ key_id: mac, judgement: 'good' }]);
    await restarts(store, saved);
    expect(await said(2, 'key', 'import', join(store.dir, 'sealed.img'))).toContain('is no key');
  });
});

describe('a service', () => {
  let service: TestService;
  let here: TestStore;

  beforeAll(async () => {
    service = await TestService.start(store);
    here = new TestStore();
  });

  afterAll(async () => {
    expect(await service.stop()).toBe(0);
    words += service.process.out.text() + service.process.err.text();
    service.remove();
    here.remove();
  });

  it('seals what it takes in, and restarts and gives away what is sealed', async () => {
    const { pid: copy } = await service.json<{ pid: number }>('/v1/checkpoints/mac/restart', { method: 'POST' });
    adopt(copy);
    await killAdopted(copy);
    const lazy = await service.json<{ pid: number }>('/v1/checkpoints/mac/restart', {
      method: 'POST',
      json: { lazy: true },
    });
    adopt(lazy.pid);
    await killAdopted(lazy.pid);
    const id = await service.ingest(readFileSync(join(store.dir, 'sealed.img')), '?name=through');
    const { seals } = await service.json<{ seals: Seal[] }>(`/v1/checkpoints/${id}/seals`);
    expect(seals).toMatchObject([{ judgement: 'good' }]);
  });

  it('refuses what is not, with a problem that says so, and an event that it was tried', async () => {
    for (const json of [{}, { lazy: true }]) {
      const { status, body } = await service.ask('/v1/checkpoints/unsealed/restart', { method: 'POST', json });
      expect(status).toBe(422);
      expect(JSON.parse(body.toString())).toMatchObject({ type: '/v1/problems/unsupported' });
      expect(body.toString()).toContain('it has no seal');
    }
    expect((await service.ask('/v1/checkpoints/unsealed/image')).status).toBe(422);
    expect((await service.ask('/v1/checkpoints/unsealed/image?seal=any')).status).toBe(200);
    expect((await service.ask('/v1/checkpoints/unsealed/image?seal=none')).status).toBe(400);
    const rows = await store.ok('sql', "SELECT DISTINCT result FROM restore WHERE result LIKE 'failed%'", '--csv');
    expect(rows).toContain('it has no seal');
  });

  it('is believed by a client as far as the keys of the client go', async () => {
    const remote = ['--remote', service.remote];
    await here.ok('key', 'make');
    const refused = await here.run(...remote, 'restart', '--detach', 'again');
    expect([refused.code, refused.stderr]).toEqual([5, expect.stringContaining('unknown key')]);
    expect((await here.run(...remote, 'export', 'again', '-o', join(here.dir, 'a.img'))).code).toBe(5);
    await here.ok('key', 'import', join(store.dir, 'second.key'));
    await restarts(here, ...remote, 'again');
    await here.ok(...remote, 'export', 'again', '-o', join(here.dir, 'a.img'));
    expect(readFileSync(join(here.dir, 'a.img')).equals(readFileSync(join(store.dir, 'sealed.img')))).toBe(true);
    expect((await sealsOfRemote(remote, 'again')).map(({ judgement }) => judgement)).toEqual(['good']);
  });

  async function sealsOfRemote(remote: string[], id: string): Promise<Seal[]> {
    return (JSON.parse(await here.ok(...remote, 'show', id, '--json')) as { seals: Seal[] }).seals;
  }
});

describe('secrets', () => {
  it('are in the file of keys and nowhere else: not in words, logs, events, files of the store, or arguments', async () => {
    const secrets = secretsOf(store);
    expect(secrets.length).toBeGreaterThan(0);
    words += await store.ok('log', '--events', '--json');
    for (const secret of secrets) {
      expect(words).not.toContain(secret);
      const raw = Buffer.from(secret, 'hex');
      for (const form of [secret, raw.toString('base64').slice(0, 40)]) {
        const found = execFileSync('sh', ['-c', 'grep -rl -- "$0" "$1" || true', form, store.dir], {
          encoding: 'utf8',
        });
        expect(found.trim().split('\n').filter(Boolean)).toEqual(form === secret ? [keysFile(store)] : []);
      }
    }
  });
});
