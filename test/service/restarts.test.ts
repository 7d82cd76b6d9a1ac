// SPDX-License-Identifier: Apache-2.0
//
// Many restarts through one service leave nothing behind. CKPT_TEST_RESTARTS: how many (100; the issue of leaks is the same from the
// second hundred on, and 1000 take minutes).
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestStore } from '../support/cli.js';
import { adopt, cleanUp, isAlive, killAdopted, until } from '../support/processes.js';
import { Run, sleeper } from '../support/programs.js';
import { TestService } from '../support/service.js';

const restarts = Number(process.env['CKPT_TEST_RESTARTS'] ?? 100);
const MIB = 1 << 20;

let store: TestStore;
let service: TestService;
let run: Run;
let id: string;

beforeAll(async () => {
  store = new TestStore();
  run = await Run.start(sleeper);
  id = await store.ok('save', String(run.original.pid), '--kill');
  service = await TestService.start(store);
});

afterAll(async () => {
  await cleanUp();
  service.remove();
  run.remove();
  store.remove();
});

/** What a process holds. */
function held(pid: number): { fds: number; threads: number; children: number; rss: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return {
    fds: readdirSync(`/proc/${pid}/fd`).length,
    threads: Number(/^Threads:\s+(\d+)/m.exec(status)![1]),
    children: readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).length,
    rss: Number(/^VmRSS:\s+(\d+)/m.exec(status)![1]) * 1024,
  };
}

async function restartOnce(): Promise<number> {
  const { pid } = await service.json<{ pid: number }>(`/v1/checkpoints/${id}/restart`, { method: 'POST' });
  adopt(pid);
  return pid;
}

describe('restarts of one checkpoint', () => {
  it(`leave nothing: ${restarts}`, async () => {
    const { pid } = service;
    for (let i = 0; i < 20; i++) await killAdopted(await restartOnce());
    const before = held(pid);
    for (let i = 0; i < restarts; i++) {
      const copy = await restartOnce();
      expect(isAlive(copy)).toBe(true);
      await killAdopted(copy);
    }
    await until(
      'the end of all helpers',
      () => held(pid).children <= before.children && held(pid).fds <= before.fds + 4,
    );
    const after = held(pid);
    console.log(
      `${restarts} restarts: ${((after.rss - before.rss) / MIB).toFixed(1)} MiB more resident, ${after.fds - before.fds} descriptors`,
    );
    expect(after.threads).toBeLessThanOrEqual(before.threads);
    expect(after.rss - before.rss).toBeLessThan(64 * MIB);
  }, 600_000);

  it('give the task its own descriptors and no other', async () => {
    const copy = await restartOnce();
    expect(readdirSync(`/proc/${copy}/fd`).sort()).toEqual(['0', '1', '2']);
    const status = readFileSync(`/proc/${copy}/status`, 'utf8');
    const own = readFileSync(`/proc/${service.pid}/status`, 'utf8');
    for (const line of ['Uid', 'Gid', 'CapPrm', 'CapEff', 'CapBnd', 'NoNewPrivs']) {
      const field = new RegExp(`^${line}:.*$`, 'm');
      expect(field.exec(status)![0]).toBe(field.exec(own)![0]);
    }
    await killAdopted(copy);
  });

  it('are events in the log: who asked, that it runs, and what was refused', async () => {
    const lines = (await store.ok('log', '--type', 'restored', '--checkpoint', id, '--json')).split('\n');
    const values = lines.map(
      (line) => (JSON.parse(line) as { value: { restoreId: string; result: string; by?: string } }).value,
    );
    expect(values.length).toBe(2 * (restarts + 21));
    expect(new Set(values.map(({ by }) => by))).toEqual(new Set(['socket']));
    const last = values.slice(-2);
    expect(last.map(({ result }) => result)).toEqual(['requested', 'running']);
    expect(last[0]!.restoreId).toBe(last[1]!.restoreId);
    const rows = JSON.parse(
      await store.ok('sql', 'SELECT result, count(*) AS n, count(pid) AS pids FROM restore GROUP BY 1', '--json'),
    ) as object[];
    expect(rows).toEqual([{ result: 'running', n: restarts + 21, pids: restarts + 21 }]);
    expect(await service.stop()).toBe(0);
    await store.ok('verify');
  });
});
