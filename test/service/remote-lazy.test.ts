// SPDX-License-Identifier: Apache-2.0
//
// ckpt --remote restart --lazy: the task runs here, its pages come out of the service's packs when it touches them. Nothing runs on
// without a page that the service does not have, or does not give while it is gone.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packPath } from '../../src/codec/native.js';
import { TestStore } from '../support/cli.js';
import { borrowedDirs, nothingBorrowed } from '../support/borrowed.js';
import { middlePack } from '../support/middle-pack.js';
import { adopt, cleanUp, isAlive, stateOf, until } from '../support/processes.js';
import { lazy, Run, type Copy } from '../support/programs.js';
import { TestService } from '../support/service.js';

const golden = new URL('../golden/one-page.img', import.meta.url).pathname;

let store: TestStore;
/** Without a store of its own. */
let here: TestStore;
let service: TestService;
let run: Run | undefined;

beforeEach(async () => {
  store = new TestStore();
  here = new TestStore();
  service = await TestService.start(store);
});

afterEach(async () => {
  await cleanUp();
  run?.remove();
  run = undefined;
  service.remove();
  store.remove();
  here.remove();
});

async function saved(): Promise<string> {
  run = await Run.start(lazy('random', 64));
  const id = await here.ok('--remote', service.remote, 'save', String(run.original.pid), '--kill');
  await run.original.owner.end();
  return id;
}

function go(): void {
  writeFileSync(join((run as Run).dir, 'go'), '');
}

function restart(id: string, ...options: string[]): Promise<Copy> {
  return here.restart(id, '--remote', service.remote, '--lazy', ...options);
}

async function ok(copy: Copy): Promise<void> {
  expect(await copy.owner.out.wait(/^(ok|bad) /)).toMatch(/^ok /);
  expect(await copy.owner.end(), copy.owner.describe()).toEqual({ code: 0, signal: null });
}

describe('a task restarted lazily out of a service', () => {
  it('finds every byte right, gets packs and never the image, and leaves nothing behind', async () => {
    const id = await saved();
    go();
    await ok(await restart(id));
    await nothingBorrowed(here);
    expect(await service.count('getPlan')).toBe(1);
    expect(await service.count('getPack')).toBeGreaterThan(10);
    expect(await service.count('getImage')).toBe(0);
    const restores = JSON.parse(await store.ok('sql', 'SELECT result FROM restore', '--json')) as object[];
    expect(restores).toEqual([{ result: 'exited 0' }]);
    // The working set of the first is there for the next.
    expect(readdirSync(join(here.dir, 'ckpt/lazy'))).toEqual([`${id}.set`]);
    await ok(await restart(id));
    await nothingBorrowed(here);
  });

  it('needs the service no more once all is there, and the command not at all', async () => {
    const id = await saved();
    const pid = Number(await here.ok('--remote', service.remote, 'restart', id, '--lazy', '--detach'));
    adopt(pid);
    await until('all pages', () => !/^VmFlags:.* um( |$)/m.test(readFileSync(`/proc/${pid}/smaps`, 'utf8')));
    await nothingBorrowed(here);
    expect(await service.stop()).toBe(0);
    expect(isAlive(pid)).toBe(true);
    const again = await store.ok('save', String(pid), '--kill');
    go();
    const copy = await store.restart(again);
    expect(await copy.owner.end(), copy.owner.describe()).toEqual({ code: 0, signal: null });
  });

  it('waits, stopped and said so, while the service gives something else, and while it is gone; then goes on', async () => {
    const id = await saved();
    const pack = packPath(join(store.path, 'packs'), await middlePack(store, id));
    const whole = readFileSync(pack);
    const other = Buffer.from(whole);
    other[other.length >> 1]! ^= 1;
    writeFileSync(pack, other);
    go();
    const copy = await restart(id);
    expect(await copy.owner.err.wait(/waits for it/)).toMatch(/what the service sends is not that pack/);
    await until('the stop of the task', () => stateOf(copy.pid) === 'T');

    await service.process.kill('SIGKILL');
    writeFileSync(pack, whole);
    expect(stateOf(copy.pid)).toBe('T');
    expect(copy.owner.out.text()).not.toMatch(/^(ok|bad) /m);

    const next = store.start(['serve', '--listen', `unix:${service.socket}`]);
    await next.out.wait(/^http\+unix:/);
    await ok(copy);
    expect(copy.owner.err.text()).toMatch(/goes on/);
    await nothingBorrowed(here);
    expect((await next.kill('SIGTERM')).code).toBe(0);
  });

  it('clears away what somebody left behind who was killed', async () => {
    const id = await saved();
    const pack = packPath(join(store.path, 'packs'), await middlePack(store, id));
    const whole = readFileSync(pack);
    writeFileSync(pack, whole.subarray(0, -1));
    go();
    const copy = await restart(id);
    await copy.owner.err.wait(/waits for it/);
    const [left = ''] = borrowedDirs(here);
    const { pid } = JSON.parse(readFileSync(join(here.dir, 'ckpt', left, 'owner'), 'utf8')) as { pid: number };
    process.kill(pid, 'SIGKILL');
    await until('its end', () => !isAlive(pid));
    expect(borrowedDirs(here)).toEqual([left]);

    writeFileSync(pack, whole);
    await ok(await restart(id));
    await nothingBorrowed(here);
  });

  it('is what it was asked for: stopped, and a new pid', async () => {
    const id = await saved();
    const { pids } = JSON.parse(
      await here.ok('--remote', service.remote, 'restart', id, '--lazy', '--copies', '2', '--stopped', '--json'),
    ) as { pids: number[] };
    pids.forEach(adopt);
    expect(new Set(pids).size).toBe(2);
    for (const pid of pids) expect(stateOf(pid)).toBe('T');
    // The same without --lazy.
    const pid = Number(await here.ok('--remote', service.remote, 'restart', id, '--stopped', '--detach'));
    adopt(pid);
    expect(stateOf(pid)).toBe('T');
  });
});

describe('a pack over HTTP', () => {
  it('is there for whoever asked for the plan, whatever is removed and collected meanwhile', async () => {
    const id = await saved();
    const packs = (await service.ask(`/v1/checkpoints/${id}/outline`)).body
      .toString()
      .matchAll(/"pack":"([0-9a-f]+)"/g);
    const names = Array.from(packs, ([, name]) => String(name));
    expect(names.length).toBeGreaterThan(10);
    const whole = names.map((name) => readFileSync(packPath(join(store.path, 'packs'), name)));
    await store.ok('rm', id);
    await store.ok('gc');
    await service.json('/v1/gc', { method: 'POST', json: {} });
    for (const [i, name] of names.entries()) {
      const { status, body } = await service.ask(`/v1/checkpoints/${id}/packs/${name}`);
      expect(status, name).toBe(200);
      expect(body.equals(whole[i] as Buffer)).toBe(true);
    }
    // Nobody needs them once the service has gone.
    expect(await service.stop()).toBe(0);
    await store.ok('gc');
    for (const name of names) expect(existsSync(packPath(join(store.path, 'packs'), name))).toBe(false);
  });

  it.each(['0'.repeat(64), `..%2f..%2f${'0'.repeat(58)}`, '0'.repeat(63)])('is not there: %s', async (pack) => {
    const id = await service.ingest(readFileSync(golden));
    expect([400, 404]).toContain((await service.ask(`/v1/checkpoints/${id}/packs/${pack}`)).status);
  });
});
