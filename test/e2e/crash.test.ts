// SPDX-License-Identifier: Apache-2.0
//
// What happens to the store and the task when ckpt is killed or interrupted in the middle, and when a pack is damaged. "The middle" is never
// a moment in time but a count of bytes fed through a pipe, or a ckpt that is held still.
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TestStore } from '../support/cli.js';
import { Random, seed, sha256sum } from '../support/images.js';
import { checkpoint } from '../support/native.js';
import { cleanUp, peek, stateOf, until, type TestProcess } from '../support/processes.js';
import { big, Run, v1 } from '../support/programs.js';

const kills = 8;

let source: Run;
let imagePath: string;
let image: Buffer;
let store: TestStore;
let run: Run | undefined;

beforeAll(async () => {
  // 48 MiB: some fifty packs, far more than any pipe holds.
  source = await Run.start(big(48));
  imagePath = join(source.dir, 'image');
  const result = await checkpoint(source.original.pid, imagePath);
  expect(result.ending.code, JSON.stringify(result.events)).toBe(0);
  image = readFileSync(imagePath);
  await cleanUp();
});

afterAll(() => source.remove());

afterEach(async () => {
  await cleanUp();
  run?.remove();
  store.remove();
  run = undefined;
});

/** Feeds the image's first bytes to a command; resolves when its pipe has taken them. */
async function feed(child: TestProcess, bytes: number): Promise<void> {
  const pipe = child.child.stdin as Writable;
  if (bytes > 0 && !pipe.write(image.subarray(0, bytes))) await once(pipe, 'drain');
}

describe('ckpt ingest', () => {
  it(`leaves a whole store when it is killed (seed ${seed})`, async () => {
    store = new TestStore();
    const random = new Random(seed + 3);
    for (let i = 0; i < kills; i++) {
      const bytes = i === 0 ? image.length : random.below(image.length);
      const child = store.start(['ingest', '-']);
      await feed(child, bytes);
      expect(await child.kill('SIGKILL'), `seed ${seed}, after ${bytes} bytes`).toEqual({
        code: null,
        signal: 'SIGKILL',
      });
      expect(child.out.text()).toBe('');
    }
    await store.expectWhole([]);
    const id = await store.ok('ingest', imagePath);
    const back = join(store.dir, 'back');
    await store.ok('export', id, '-o', back);
    expect(sha256sum(back)).toBe(sha256sum(imagePath));
    await store.expectWhole([id]);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'aborts on %s with exit code 130 or 143, and leaves a whole store',
    async (signal) => {
      store = new TestStore();
      const sound = await store.ok('ingest', imagePath, '--name', 'before');
      const child = store.start(['ingest', '-']);
      await feed(child, image.length - 1000);
      const { code } = await child.kill(signal);
      expect(code, child.describe()).toBe(signal === 'SIGTERM' ? 143 : 130);
      expect(child.out.text()).toBe('');
      await store.expectWhole([sound]);
      const states = JSON.parse(
        await store.ok('sql', '--json', 'select state, count(*) as n from checkpoint group by state order by state'),
      ) as object[];
      expect(states).toEqual([
        { state: 'aborted', n: 1 },
        { state: 'sealed', n: 1 },
      ]);
    },
  );
});

/** Holds `ckpt save` still while it has the task frozen. The image is larger than what its pipe holds, so it cannot be done. */
async function heldSave(pid: number, ...options: string[]): Promise<TestProcess> {
  const save = store.start(['save', String(pid), ...options]);
  await until('the freeze', () => stateOf(pid) === 't' || !save.running);
  expect(save.running, save.describe()).toBe(true);
  process.kill(save.pid, 'SIGSTOP');
  await until('the hold', () => stateOf(save.pid) === 'T');
  return save;
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
}

describe('ckpt save', () => {
  it.each([
    ['SIGINT', 'ckpt alone', 130, '--kill'],
    ['SIGINT', 'the whole job', 130, '--kill'],
    ['SIGINT', 'its ckpt-process', 130, '--kill'], // of a whole job this one may end first
    ['SIGTERM', 'ckpt alone', 143, '--stop'],
    ['SIGKILL', 'ckpt alone', null, '--kill'],
    ['SIGKILL', 'its ckpt-process', 1, '--kill'],
  ] as const)('%s of %s: the task runs on, the store is whole', async (signal, whom, code, option) => {
    store = new TestStore();
    run = await Run.start(big(256));
    const { pid } = run.original;
    const save = await heldSave(pid, option);
    const helpers = childrenOf(save.pid);
    if (whom !== 'ckpt alone') for (const helper of helpers) process.kill(helper, signal);
    if (whom !== 'its ckpt-process') process.kill(save.pid, signal);
    process.kill(save.pid, 'SIGCONT');
    const ending = await save.end();
    expect(ending.code, save.describe()).toBe(code);
    expect(save.out.text()).toBe('');
    await until('the task to run on', () => !'tT'.includes(stateOf(pid)));
    const rounds = peek(pid, run.control + 4);
    const { control } = run;
    await until('its rounds', () => peek(pid, control + 4) > rounds);
    await store.expectWhole([]);
    await run.finish(run.original);
  });
});

describe('a damaged pack', () => {
  function packs(): string[] {
    const root = join(store.path, 'packs');
    return readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.pack'))
      .map((entry) => join(entry.parentPath, entry.name));
  }

  const damages: readonly (readonly [string, (path: string) => void])[] = [
    ['a flipped bit', (path) => flip(path, new Random(seed + 4).below(statSync(path).size))],
    ['a cut end', (path) => truncateSync(path, statSync(path).size - 7)],
    ['bytes too many', (path) => appendFileSync(path, 'more')],
    ['nothing in it', (path) => truncateSync(path, 0)],
    ['no file', (path) => rmSync(path)],
  ];

  function flip(path: string, at: number): void {
    const bytes = readFileSync(path);
    bytes[at] = (bytes[at] ?? 0) ^ 0x10;
    rmSync(path);
    writeFileSync(path, bytes);
  }

  it.each(damages)(
    `(%s) is found by verify and export, with the checkpoints it touches (seed ${seed})`,
    async (_what, damage) => {
      store = new TestStore();
      const one = await store.ok('ingest', imagePath, '--name', 'one');
      const twin = await store.ok('ingest', imagePath, '--name', 'twin');
      run = await Run.start(v1);
      const other = await store.ok('save', String(run.original.pid), '--name', 'other');
      const mine = packs().filter((path) => !existsSync(path) || usedBy(path, one));
      const victim = mine[new Random(seed + 5).below(mine.length)] ?? '';
      const id = victim.replace(/.*\//, '').replace('.pack', '');
      damage(victim);

      const verified = await store.run('verify');
      expect(verified.code, verified.stderr).toBe(4);
      for (const name of [id, one, twin]) expect(verified.stdout + verified.stderr).toContain(name);
      expect(verified.stdout + verified.stderr).not.toMatch(new RegExp(`damaged.*${other}`));

      const back = join(store.dir, 'back');
      const exported = await store.run('export', one, '-o', back);
      expect(exported.code, exported.stderr).toBe(4);
      expect(exported.stderr).toContain(id);
      expect(existsSync(back)).toBe(false);
      const restarted = await store.run('restart', twin);
      expect(restarted.code, restarted.stderr).toBe(125);
      await store.ok('export', other, '-o', back);
      await run.finish(run.original);
    },
  );

  /** A pack's header names the stream that wrote it: the checkpoint's id stands in it as text. */
  function usedBy(path: string, checkpointId: string): boolean {
    const head = readFileSync(path).subarray(0, 4096);
    return head.includes(checkpointId);
  }
});

describe('the order of durability', () => {
  it('leaves no temporary files behind', async () => {
    store = new TestStore();
    await store.ok('ingest', imagePath);
    const listing = execFileSync('find', [store.path, '-type', 'f']).toString();
    expect(listing).not.toMatch(/partial|\.tmp/);
    for (const line of execFileSync('find', [store.path, '-printf', '%y %m\n']).toString().trim().split('\n'))
      expect(line).toMatch(/^(d 700|f 600)$/);
  });
});
