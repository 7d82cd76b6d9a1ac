// SPDX-License-Identifier: Apache-2.0
//
// Every command goes over --remote, but for those that are about this machine.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { buildProgram } from '../../src/cli/program.js';
import { openEmbeddedLog } from '../../src/store/embedded/embedded-log.js';
import { currentWriter } from '../../src/machine/identity.js';
import { smallImage, streamOf } from '../store/support/fake-image.js';
import { TestStore } from '../support/cli.js';
import { pagedImage } from '../support/paged-image.js';
import { cleanUp, until } from '../support/processes.js';
import { TestService } from '../support/service.js';

const golden = new URL('../golden/mixed.img', import.meta.url).pathname;

let store: TestStore;
let service: TestService;
/** Without a store of its own. */
let here: TestStore;
let dir: string;

beforeAll(async () => {
  store = new TestStore();
  here = new TestStore();
  service = await TestService.startWithTcp(store);
  await far('ingest', golden, '--name', 'mixed');
  await far('tag', 'mixed', 'good');
});

afterAll(async () => {
  await store.ok('verify');
  expect(await service.stop()).toBe(0);
  await cleanUp();
  service.remove();
  store.remove();
  here.remove();
});

beforeEach(() => {
  dir = mkdtempSync(join(here.dir, 'test-'));
});

afterEach(async () => {
  for (const { id, name } of await store.list()) if (name !== 'mixed') await store.ok('rm', id);
  rmSync(dir, { recursive: true });
});

/** A command over the socket that must succeed. */
function far(...args: string[]): Promise<string> {
  return here.ok('--remote', service.remote, ...args);
}

/** Tested in remote.test.ts and remote-lazy.test.ts. */
const elsewhere = [
  'save',
  'restart',
  'export',
  'ls',
  'show',
  'diff',
  'stats',
  'tree',
  'sql',
  'tag',
  'rm',
  'prune',
  'gc',
  'verify',
];
/** They are about the service's machine, or about this one. */
const local = ['serve', 'token', 'key', 'doctor', 'completion'];
const hereTested = ['ingest', 'digest', 'core', 'map', 'log', 'copy', 'abort', 'repair', 'rebuild'];

it('all commands are known to these tests', () => {
  const commands = buildProgram().commands.map((command) => command.name());
  const known = [...elsewhere, ...local, ...hereTested];
  expect(commands.filter((name) => !known.includes(name))).toEqual([]);
  expect([...elsewhere, ...hereTested].filter((name) => !commands.includes(name))).toEqual([]);
});

it.each([['serve'], ['token', 'ls']])('%s is refused by name', async (...args) => {
  const { code, stderr } = await here.run('--remote', service.remote, ...args);
  expect(code, stderr).toBe(5);
  expect(stderr).toContain(`ckpt: ${args[0] ?? ''}`);
  expect(stderr).toContain('--remote');
});

it("the service's log does not say where the store is, though its socket is there", async () => {
  const own = new TestStore();
  const serving = own.start(['serve']);
  await until('the service', () => serving.out.text().includes('serve.sock'));
  serving.child.kill('SIGTERM');
  expect(await serving.end()).toEqual({ code: 0, signal: null });
  expect(serving.err.text()).toContain('"listening"');
  expect(serving.err.text()).not.toContain(own.path);
  own.remove();
});

describe('what is printed is the same', () => {
  it.each([
    [['map', 'mixed']],
    [['map', 'mixed', '--json']],
    [['map', 'mixed', '--svg']],
    [['map', '--series', 'mixed']],
    [['digest', golden]],
    [['digest', golden, '--json']],
    [['log', '--events']],
    [['log', '--events', '--json']],
    [['log', '--type', 'sealed', '--json']],
    [['log', '--checkpoint', 'nobody']],
    [['repair', '--json']],
    [['rebuild', '--json']],
  ])('%s', async (args) => {
    expect(await far(...args)).toBe(await store.ok(...args));
  });

  it('log, but for the place', async () => {
    const [there, direct] = [await far('log', '--json'), await store.ok('log', '--json')].map(
      (text) => JSON.parse(text) as { place: string },
    );
    expect(there).toEqual({ ...direct, place: service.remote });
  });

  it('core, byte for byte', async () => {
    const [there, direct] = [join(dir, 'there'), join(dir, 'direct')];
    await here.okInto(there, '--remote', service.remote, 'core', 'mixed');
    await store.okInto(direct, 'core', 'mixed');
    expect(statSync(direct).size).toBeGreaterThan(4096);
    expect(readFileSync(there).equals(readFileSync(direct))).toBe(true);
  });

  it('core -o, which leaves zeros out of the file', async () => {
    const [there, direct] = [join(dir, 'there'), join(dir, 'direct')];
    await far('core', 'mixed', '-o', there);
    await store.ok('core', 'mixed', '-o', direct);
    expect(readFileSync(there).equals(readFileSync(direct))).toBe(true);
    expect(statSync(there).blocks).toBeLessThanOrEqual(statSync(direct).blocks + 128);
  });

  it('log --follow goes on with what comes', async () => {
    const following = here.start(['--remote', service.remote, 'log', '--type', 'tagged', '--follow', '--json']);
    await until('the first tag', () => following.out.text().includes('"good"'));
    await store.ok('tag', 'mixed', 'later');
    await until('the next tag', () => following.out.text().includes('"later"'));
    following.child.kill('SIGTERM');
    await following.end();
    expect(following.out.text().trim().split('\n')).toHaveLength(2);
    await store.ok('tag', '--remove', 'mixed', 'later');
  });
});

describe('ingest --stream', () => {
  it('says each id as soon as its image is durable', async () => {
    const ingesting = here.start(['--remote', service.remote, 'ingest', '-', '--stream', '--name', 'many']);
    const ids = (): string[] => ingesting.out.text().trim().split('\n').filter(Boolean);
    for (const step of [1, 2, 3]) {
      ingesting.child.stdin?.write(pagedImage([1, 2, 100 + step]));
      // An image ends with its tail; the reader waits for no more.
      await until(`id ${step}`, () => ids().length === step);
      expect((await store.list()).filter(({ name }) => name === 'many').map(({ id }) => id)).toEqual(ids());
    }
    ingesting.child.stdin?.end();
    expect(await ingesting.end(), ingesting.describe()).toEqual({ code: 0, signal: null });
  });

  it('keeps what came before a torn image, and says what is wrong', async () => {
    const [first, second] = [pagedImage([1, 2, 3]), pagedImage([4, 5, 6])];
    const file = join(dir, 'torn');
    writeFileSync(file, Buffer.concat([first, second.subarray(0, second.length - 20)]));
    const { code, stdout, stderr } = await here.run(
      '--remote',
      service.remote,
      'ingest',
      file,
      '--stream',
      '--name',
      'torn',
    );
    const direct = await store.run('ingest', file, '--stream', '--name', 'torn');
    expect({ code, lines: stdout.trim().split('\n').length }, stderr).toEqual({ code: direct.code, lines: 1 });
    expect(stderr).toContain(
      direct.stderr
        .trim()
        .replace(/^ckpt: /, '')
        .split(' (')[0],
    );
  });

  it('of nothing is the same as here', async () => {
    const file = join(dir, 'empty');
    writeFileSync(file, '');
    const direct = await store.run('ingest', file, '--stream');
    expect(await here.run('--remote', service.remote, 'ingest', file, '--stream')).toMatchObject({
      code: direct.code,
      stdout: direct.stdout,
    });
  });
});

describe('copy', () => {
  it('brings checkpoints into a store here, with id, name and tags, once', async () => {
    const to = join(dir, 'copy');
    const [row] = await store.list();
    const id = row?.id ?? '';
    expect(JSON.parse(await far('copy', 'mixed', '--to', to, '--json'))).toEqual([{ id, copied: true }]);
    expect(JSON.parse(await far('copy', 'mixed', '--to', to, '--json'))).toEqual([{ id, copied: false }]);
    const out = join(dir, 'out');
    await here.ok('--store', to, 'export', 'good', '-o', out);
    expect(readFileSync(out).equals(readFileSync(golden))).toBe(true);
    const [copied] = JSON.parse(await here.ok('--store', to, 'ls', '--json')) as { id: string; name: string }[];
    expect(copied).toMatchObject({ id, name: 'mixed' });
    await here.ok('--store', to, 'verify');
  });

  it('makes no store when something is not there', async () => {
    const to = join(dir, 'none');
    expect(await here.run('--remote', service.remote, 'copy', 'mixed', 'nobody', '--to', to)).toMatchObject({
      code: 3,
    });
    expect(() => statSync(to)).toThrow(/ENOENT/);
  });

  it('carries seals, and seals anew what is believed here', async () => {
    const [there, to] = [new TestStore(), join(dir, 'sealed')];
    const sealing = await TestService.startWithTcp(there);
    try {
      await there.ok('key', 'make', '--name', 'theirs');
      const id = await there.ok('ingest', golden, '--name', 'sealed');
      await here.ok('--remote', sealing.remote, 'copy', 'sealed', '--to', to);
      const seals = async (): Promise<unknown[]> =>
        JSON.parse(
          await here.ok('--store', to, 'sql', '--json', 'SELECT checkpoint_id, salt IS NOT NULL AS carried FROM seal'),
        ) as unknown[];
      expect(await seals()).toEqual([{ checkpoint_id: id, carried: 1 }]);
    } finally {
      await sealing.stop();
      sealing.remove();
      there.remove();
    }
  });
});

describe('abort', () => {
  it('ends an open checkpoint whose writer is known to be gone, and no other', async () => {
    const log = openEmbeddedLog({ dir: store.path });
    const open = async (id: string, host: string): Promise<void> => {
      const writer = { ...currentWriter(), host, ...(host === 'here' ? {} : { bootId: 'x' }) };
      const opened = { writer: host === 'here' ? currentWriter() : writer, dedupPosition: await log.end() };
      await log.append(streamOf(smallImage(id), { opened }).slice(0, 1));
    };
    await open('away', 'elsewhere');
    await open('busy', 'here');
    const unsure = await here.run('--remote', service.remote, 'abort', 'away');
    expect(unsure).toMatchObject({ code: 1, stdout: '' });
    expect(unsure.stderr).toContain('--writer-is-dead');
    const alive = await here.run('--remote', service.remote, 'abort', 'busy', '--writer-is-dead');
    expect(alive).toMatchObject({ code: 1 });
    expect(alive.stderr).toContain('is writing it');
    expect(await here.run('--remote', service.remote, 'abort', 'nobody')).toMatchObject({ code: 3 });
    expect(JSON.parse(await far('abort', 'away', '--writer-is-dead', '--json'))).toEqual({ id: 'away' });
    await store.ok('sql', 'SELECT 1');
    expect(await store.ok('sql', '--csv', "SELECT state FROM checkpoint WHERE id = 'away'")).toContain('aborted');
    await log.append([
      {
        ...streamOf(smallImage('busy'))[0]!,
        type: 'aborted',
        seq: -1,
        value: Buffer.from('{"reason":"done","at":"t"}'),
      },
    ]);
    await log.close();
  });
});
