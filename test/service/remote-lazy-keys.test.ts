// SPDX-License-Identifier: Apache-2.0
//
// ckpt --remote restart --lazy with keys of one's own: the task runs before its pages are here, yet nothing of it runs that is not what was
// sealed. A service that lies stands between: it is the client that has to find out.
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PACK_HEADER_BYTES } from '../../src/format/generated/store.js';
import { TestStore, type Result } from '../support/cli.js';
import { nothingBorrowed } from '../support/borrowed.js';
import { middlePack } from '../support/middle-pack.js';
import { cleanUp, stateOf, until } from '../support/processes.js';
import { lazy, Run } from '../support/programs.js';
import { TestService } from '../support/service.js';

interface Part {
  readonly type: 'record' | 'pages' | 'head';
  readonly pack?: string;
  readonly value: string;
}

let store: TestStore;
/** Without a store of its own. */
let here: TestStore;
let service: TestService;
let run: Run;
let id: string;
let liar: Server | undefined;

beforeEach(async () => {
  store = new TestStore();
  here = new TestStore();
  await store.ok('key', 'make', '--name', 'theirs');
  await store.ok('key', 'export', 'theirs', '-o', join(here.dir, 'their.key'));
  service = await TestService.start(store);
  run = await Run.start(lazy('random', 64));
  id = await here.ok('--remote', service.remote, 'save', String(run.original.pid), '--kill');
  await run.original.owner.end();
  writeFileSync(join(run.dir, 'go'), '');
});

afterEach(async () => {
  await cleanUp();
  liar?.close();
  liar = undefined;
  run.remove();
  service.remove();
  store.remove();
  here.remove();
});

const believe = (): Promise<string> => here.ok('key', 'import', join(here.dir, 'their.key'));

const restart = (remote: string): Promise<Result> => here.run('--remote', remote, 'restart', id, '--lazy');

const outline = async (): Promise<Part[]> =>
  (await service.ask(`/v1/checkpoints/${id}/outline`)).body
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Part);

/** A service in front of the other that gives these answers in place of its. */
async function lying(answers: Readonly<Record<string, Buffer | string>>): Promise<string> {
  const socket = join(here.dir, 'liar');
  const server = (liar = createServer((request, response) => {
    const path = request.url ?? '';
    const lie = answers[path.slice(path.indexOf(id) + id.length + 1)];
    const { method = 'GET', headers } = request;
    const answered = async (): Promise<void> => {
      const body = await buffer(request);
      const { 'content-type': type } = headers;
      const answer = await service.ask(path, { method, body, ...(type ? { headers: { 'content-type': type } } : {}) });
      response.writeHead(lie === undefined ? answer.status : 200, {
        'content-type': answer.headers['content-type'] ?? 'text/plain',
      });
      response.end(lie ?? answer.body);
    };
    answered().catch(() => response.destroy()); // one of both is gone
  }));
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return `http+unix://${socket}`;
}

const linesOf = (parts: readonly Part[]): string => parts.map((part) => `${JSON.stringify(part)}\n`).join('');

/** A pack with another content and so another name, everywhere in its place; its head is still what the first one's is. */
async function exchanged(change: (pack: Buffer, pages: number) => void): Promise<Record<string, Buffer | string>> {
  const parts = await outline();
  const pack = await middlePack(store, id);
  const { value = '' } = parts.find((part) => part.pack === pack) ?? {};
  const other = Buffer.from((await service.ask(`/v1/checkpoints/${id}/packs/${pack}`)).body);
  change(other, Buffer.from(value, 'base64').readUInt32LE(12));
  const body = other.subarray(0, -32);
  const name = createHash('sha256').update(body).digest();
  name.copy(other, body.length);
  const renamed = parts.map((part) => {
    if (part.type === 'head') return part.pack === pack ? { ...part, pack: name.toString('hex') } : part;
    const bytes = Buffer.from(part.value, 'base64');
    const at = part.type === 'pages' ? bytes.indexOf(Buffer.from(pack, 'hex')) : -1;
    if (at >= 0) name.copy(bytes, at);
    return { ...part, value: bytes.toString('base64') };
  });
  return { outline: linesOf(renamed), [`packs/${name.toString('hex')}`]: other };
}

describe('with keys of one’s own', () => {
  it('a sealed task runs at once, every byte right, from packs alone', async () => {
    await believe();
    const { code, stdout, stderr } = await restart(service.remote);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/^ok /m);
    expect(await service.count('getOutline')).toBe(1);
    expect(await service.count('getPack')).toBeGreaterThan(10);
    expect([await service.count('getPlan'), await service.count('getImage')]).toEqual([0, 0]);
    await nothingBorrowed(here);
  });

  it('a task that nobody known stands for does not run', async () => {
    await here.ok('key', 'make', '--name', 'mine');
    const { code, stderr } = await restart(service.remote);
    expect(code).toBe(125);
    expect(stderr).toContain('sealed by an unknown key only');
    expect(await service.count('getOutline')).toBe(0);
    await nothingBorrowed(here);
  });

  it.each<[string, (parts: Part[]) => Part[]]>([
    ['a record', (parts) => parts.map((part) => (part.type === 'record' ? flipped(part, 40) : part))],
    ['the hash of a page', (parts) => parts.map((part) => (part.type === 'head' ? flipped(part, 140) : part))],
    ['all of a pages event', (parts) => parts.filter(({ type }) => type !== 'pages')],
    ['the head of a pack', (parts) => parts.slice(0, -1)],
  ])('a service that changes %s is found out before anything runs', async (_, change) => {
    await believe();
    const { code, stdout, stderr } = await restart(await lying({ outline: linesOf(change(await outline())) }));
    expect(code).toBe(125);
    expect(stderr).toContain('its seal does not verify');
    expect(stdout).toBe('');
    await nothingBorrowed(here);
  });

  it.each<[string, RegExp, (pack: Buffer, pages: number) => void]>([
    [
      'says other hashes of its pages',
      /has not the pages that were sealed/,
      (pack) => pack.writeUInt8(pack.readUInt8(PACK_HEADER_BYTES) ^ 1, PACK_HEADER_BYTES),
    ],
    [
      'has other pages',
      /waits for it/,
      (pack, pages) => pack.fill(0x55, PACK_HEADER_BYTES + pages * 32 + 4 * Math.ceil(pages / 8), pack.length - 32),
    ],
  ])('a pack that %s is never used: the task is stopped', async (_, words, change) => {
    await believe();
    const copy = await here.restart(id, '--remote', await lying(await exchanged(change)), '--lazy');
    expect(await copy.owner.err.wait(/waits for it/)).toMatch(words);
    await until('the stop of the task', () => stateOf(copy.pid) === 'T');
    expect(copy.owner.out.text()).not.toMatch(/^(ok|bad) /m);
  });

  it('a seal that was made in another store needs the whole image, and says so', async () => {
    const other = new TestStore();
    try {
      await other.ok('--store', store.path, 'copy', id, '--to', other.path);
      await other.ok('key', 'import', join(here.dir, 'their.key'));
      const elsewhere = await TestService.start(other);
      await believe();
      const refused = await restart(elsewhere.remote);
      expect(refused.code).toBe(125);
      expect(refused.stderr).toMatch(/made in another store.*leave --lazy out/);
      const whole = await here.run('--remote', elsewhere.remote, 'restart', id);
      expect(whole.code, whole.stderr).toBe(0);
      expect(whole.stdout).toMatch(/^ok /m);
      expect(await elsewhere.stop()).toBe(0);
      elsewhere.remove();
    } finally {
      other.remove();
    }
  });
});

function flipped(part: Part, at: number): Part {
  const bytes = Buffer.from(part.value, 'base64');
  if (bytes.length > at) bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  return { ...part, value: bytes.toString('base64') };
}
