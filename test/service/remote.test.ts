// SPDX-License-Identifier: Apache-2.0
//
// The command line over --remote says what it says of the store itself.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parseExactly } from '../../src/remote/exact-json.js';
import { TestStore } from '../support/cli.js';
import { isAlive, cleanUp } from '../support/processes.js';
import { reader, Run } from '../support/programs.js';
import { TestService } from '../support/service.js';

const golden = new URL('../golden/mixed.img', import.meta.url).pathname;

let store: TestStore;
let service: TestService;
/** Without a store of its own. */
let here: TestStore;
let run: Run | undefined;

beforeAll(async () => {
  store = new TestStore();
  here = new TestStore();
  service = await TestService.startWithTcp(store);
  await far('ingest', golden, '--name', 'mixed');
});

afterAll(async () => {
  await store.ok('verify');
  expect(await service.stop()).toBe(0);
  await cleanUp();
  service.remove();
  store.remove();
  here.remove();
});

afterEach(() => {
  run?.remove();
  run = undefined;
});

/** A command over the socket that must succeed. */
function far(...args: string[]): Promise<string> {
  return here.ok('--remote', service.remote, ...args);
}

describe('looking over --remote', () => {
  it.each([
    [['ls']],
    [['ls', '--json']],
    [['ls', '--name', 'mix*', '--state', 'all', '--sort', 'image', '--reverse', '--last', '1', '--json']],
    [['ls', '--tag', '*', '--older', '0s', '--json']],
    [['verify', '--json']],
    [['verify', 'mixed', '--json']],
    [['gc', '--dry-run', '--json']],
    [['prune', '--keep-daily', '1', '--dry-run', '--json']],
    [['show', 'mixed', '--records', '--json']],
    [['show', '@last']],
    [['tree']],
    [['diff', 'mixed', 'mixed', '--json']],
    [['sql', 'SELECT id, name, pages FROM checkpoint', '--json']],
    [['sql', "SELECT 9223372036854775807 AS big, -1 AS small, 1.5 AS real, NULL AS nix, x'00ff' AS bytes", '--csv']],
    [['sql', 'SELECT start_addr, end_hex, path FROM vma ORDER BY start_addr']],
  ])('%s is the same', async (args) => {
    expect(await far(...args)).toBe(await store.ok(...args));
  });

  it('stats has the same counts', async () => {
    const keys = ['checkpoints', 'image_bytes', 'pages', 'packs', 'stored_pages'];
    const [there, direct] = [await far('stats', '--json'), await store.ok('stats', '--json')].map((text) =>
      Object.entries(JSON.parse(text) as object).filter(([key]) => keys.includes(key)),
    );
    expect(there).toEqual(direct);
    expect(there!.length).toBe(keys.length);
  });

  it('what is not there is exit code 3, bad SQL 2', async () => {
    expect((await here.run('--remote', service.remote, 'show', 'nothing')).code).toBe(3);
    expect((await here.run('--remote', service.remote, 'sql', 'DELETE FROM checkpoint')).code).toBe(2);
    expect((await here.run('--remote', service.remote, 'export', 'nothing')).code).toBe(3);
  });
});

describe('keeping over --remote', () => {
  it('tags and untags, finds by tag, prunes by policy and collects, as the store says of itself', async () => {
    const old = await far('ingest', golden, '--name', 'series');
    const young = await far('ingest', golden, '--name', 'series');
    await far('tag', 'mixed', 'kept');
    expect(JSON.parse(await far('tag', 'mixed', 'kept', '--json'))).toMatchObject({ tags: ['kept'] });
    expect((JSON.parse(await store.ok('ls', '--tag', 'kept', '--json')) as object[]).length).toBe(1);
    expect((JSON.parse(await far('ls', '--tag', 'none*', '--json')) as object[]).length).toBe(0);
    await far('tag', 'mixed', 'kept', '--remove');
    expect((await here.run('--remote', service.remote, 'tag', 'mixed', 'kept', '--remove')).code).toBe(3);

    await far('prune', '--name', 'series', '--keep-last', '1');
    expect((await store.list()).map(({ id }) => id)).not.toContain(old);
    await far('rm', young);
    expect(JSON.parse(await far('gc', '--json'))).toMatchObject({ forgotten: 2, waiting_checkpoints: 0 });
    expect(JSON.parse(await store.ok('gc', '--json'))).toMatchObject({ forgotten: 0 });
  });
});

describe('images over --remote', () => {
  it('go and come bit for bit, from a file and through pipes', async () => {
    const id = await far('ingest', golden, '--name', 'copy');
    const out = join(here.dir, 'out.img');
    await far('export', id, '-o', out);
    expect(readFileSync(out).equals(readFileSync(golden))).toBe(true);
    const piped = here.start(['--remote', service.remote, 'ingest', '-', '--name', 'piped']);
    piped.child.stdin!.end(readFileSync(golden));
    expect(await piped.end(), piped.describe()).toEqual({ code: 0, signal: null });
    expect((await store.list()).map((row) => row.name)).toContain('piped');
    await far('rm', id, 'piped');
    expect((await store.list()).map((row) => row.name)).toEqual(['mixed']);
  });

  it('that are none are refused with exit code 4', async () => {
    const bad = join(here.dir, 'bad');
    writeFileSync(bad, 'no image');
    const { code, stderr } = await here.run('--remote', service.remote, 'ingest', bad);
    expect(code).toBe(4);
    expect(stderr).toContain('byte 0');
  });
});

describe('tasks over --remote', () => {
  it('are saved here and kept there, killed only then, and restarted here', async () => {
    run = await Run.start(reader);
    const { pid } = run.original;
    const id = await far('save', String(pid), '--name', 'task', '--kill');
    expect((await run.original.owner.end()).signal ?? 'ended').toBeTruthy();
    expect(isAlive(pid)).toBe(false);
    expect((await store.list()).map((row) => row.id)).toContain(id);

    const copy = await here.restart('task', '--remote', service.remote);
    await run.goesOn(copy);
    await run.finish(copy);
    const restores = JSON.parse(
      await far('sql', 'SELECT checkpoint_id, pid, result FROM restore', '--json'),
    ) as object[];
    expect(restores).toEqual([{ checkpoint_id: id, pid: copy.pid, result: 'exited 0' }]);
    await far('rm', id);
  });

  it('that cannot be saved say why, and run on', async () => {
    const { code, stderr } = await here.run('--remote', service.remote, 'save', '1');
    expect([1, 5]).toContain(code);
    expect(stderr).toMatch(/\b1\b/);
  });
});

describe('addresses and tokens', () => {
  it('TCP with a token from the environment or a file, never without', async () => {
    const token = await store.ok('token', 'add', '--name', 'far', '--scope', 'read');
    const file = join(here.dir, 'token');
    writeFileSync(file, `${token}\n`, { mode: 0o600 });
    const wanted = await store.ok('ls', '--json');
    expect(await here.ok('--remote', service.url, '--token-file', file, 'ls', '--json')).toBe(wanted);
    for (const env of [
      { CKPT_REMOTE: service.url, CKPT_REMOTE_TOKEN: token },
      { CKPT_REMOTE: service.url, CKPT_REMOTE_TOKEN_FILE: file },
    ]) {
      const child = here.start(['ls', '--json'], { env });
      expect(await child.end()).toEqual({ code: 0, signal: null });
      expect(child.out.text()).toBe(wanted);
    }
    expect((await here.run('--remote', service.url, 'ls')).code).toBe(2);
    const refused = await here.run('--remote', service.url, '--token-file', file, 'rm', 'mixed');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('scope write');
    expect((await store.list()).length).toBe(1);
  });

  it.each(['nonsense', 'ftp://x', 'http://example.org', 'http://user:x@127.0.0.1:1', 'http+unix://relative'])(
    '%s is refused',
    async (url) => {
      expect((await here.run('--remote', url, 'ls')).code).toBe(2);
    },
  );

  it('nobody there is a failure that says so', async () => {
    const { code, stderr } = await here.run('--remote', `http+unix://${here.dir}/none`, 'ls');
    expect(code).toBe(1);
    expect(stderr).toContain('ckpt serve');
  });

  it('a store on the command line counts more than a service in the environment', async () => {
    const child = here.start(['--store', here.path, 'ls', '--json'], { env: { CKPT_REMOTE: service.remote } });
    expect(await child.end()).toEqual({ code: 0, signal: null });
    expect(child.out.text()).toBe('[]');
  });
});

describe('exact JSON', () => {
  it.each<[string, unknown]>([
    [
      '[1,9007199254740991,9007199254740993,-9223372036854775808]',
      [1, 9007199254740991, 9007199254740993n, -9223372036854775808n],
    ],
    ['{"a":"12345678901234567890","b":12345678901234567890}', { a: '12345678901234567890', b: 12345678901234567890n }],
    ['["\\"12345678901234567890", 1.2345678901234567, 1e30]', ['"12345678901234567890', 1.2345678901234567, 1e30]],
  ])('%s', (text, value) => {
    expect(parseExactly(text)).toEqual(value);
  });
});
