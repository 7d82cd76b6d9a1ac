// SPDX-License-Identifier: Apache-2.0
//
// ckpt restart --lazy: tasks run at once and find every byte right, whatever they do to memory that is not there yet; a source that is
// lost or damaged makes them wait, and nobody who is killed makes them see zeros.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Ckpt, type PagerStatus } from '../../src/ckpt.js';
import { packPath } from '../../src/codec/native.js';
import { TestStore } from '../support/cli.js';
import { crc32c } from '../support/crc32c.js';
import { adopt, cleanUp, isAlive, peek, stateOf, until } from '../support/processes.js';
import { big, corners, lazy, programs, Run, v1, type Copy, type Program } from '../support/programs.js';

let store: TestStore;
let run: Run | undefined;

beforeEach(() => {
  store = new TestStore();
});

afterEach(async () => {
  await cleanUp();
  run?.remove();
  run = undefined;
  store.remove();
});

/** Starts a program, saves it and kills it. */
async function saved(program: Program): Promise<string> {
  run = await Run.start(program);
  const id = await store.ok('save', String(run.original.pid), '--kill');
  await run.original.owner.end();
  return id;
}

/** A copy that is to begin with its work at once. */
function go(): void {
  writeFileSync(join((run as Run).dir, 'go'), '');
}

/** The page in the middle of the program's memory. */
async function middleAddress(id: string): Promise<number> {
  const query = `SELECT start_addr + (end_addr - start_addr) / 8192 * 4096 AS addr
    FROM vma WHERE checkpoint_id = '${id}' ORDER BY pages DESC LIMIT 1`;
  const [vma] = JSON.parse(await store.ok('sql', query, '--json')) as { addr: number }[];
  return vma?.addr ?? 0;
}

/** A file as native/pager/working_set.h describes it. */
function workingSet(pages: readonly bigint[]): Buffer {
  const body = Buffer.from(BigUint64Array.from(pages).buffer);
  const header = Buffer.alloc(16, 'ckptwset');
  header.writeUInt32LE(crc32c(0, body), 8);
  header.writeUInt32LE(pages.length, 12);
  return Buffer.concat([header, body]);
}

/** Pages that are missing cannot be looked at through /proc/PID/mem: until the control word's has come. */
async function controllable(copy: Copy): Promise<void> {
  const { control } = run as Run;
  if (control === 0) return;
  await until('the page of the control word', () => {
    try {
      peek(copy.pid, control);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EIO') return false;
      throw error;
    }
  });
}

async function ok(copy: Copy): Promise<void> {
  expect(await copy.owner.out.wait(/^(ok|bad) /)).toMatch(/^ok /);
  expect(await copy.owner.end(), copy.owner.describe()).toEqual({ code: 0, signal: null });
}

const field = (pid: number, name: string): string =>
  new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';

/** The process of this name under a parent; waits for it. */
async function child(parent: number, name: string): Promise<number> {
  let found: number | undefined;
  await until(`${name} under ${parent}`, () => {
    found = readdirSync('/proc')
      .map(Number)
      .find((pid) => {
        try {
          return (
            pid > 0 && field(pid, 'PPid') === String(parent) && field(pid, 'Name') === name && stateOf(pid) !== 'Z'
          );
        } catch {
          return false; // ended meanwhile
        }
      });
    return found !== undefined;
  });
  return found as number;
}

const pagerOf = (copy: Copy): Promise<number> => child(Number(field(copy.pid, 'PPid')), 'ckpt-pager');

describe('a lazily restarted task', () => {
  it.each(['random', 'fork', 'moves', 'calls'])('finds every byte right: %s', async (what) => {
    const id = await saved(lazy(what, 64));
    go();
    await ok(await store.restart(id, '--lazy'));
    // Again, now with a working set.
    await until('the working set', () => existsSync(join(store.path, 'lazy', `${id}.set`)));
    await ok(await store.restart(id, '--lazy'));
    await store.expectWhole([id]);
  });

  it('has what it needs also when its checkpoint is removed and collected while pages are missing', async () => {
    const id = await saved(lazy('random', 128));
    const missing = (pid: number): boolean => /^VmFlags:.* um( |$)/m.test(readFileSync(`/proc/${pid}/smaps`, 'utf8'));
    const held = async (): Promise<{ copy: Copy; pager: number } | undefined> => {
      const copy = await store.restart(id, '--lazy');
      const pager = await pagerOf(copy);
      process.kill(pager, 'SIGSTOP');
      await until('the stop of the pager', () => stateOf(pager) === 'T' || !missing(copy.pid));
      if (missing(copy.pid)) return { copy, pager };
      // It was faster than we are.
      copy.owner.child.kill('SIGTERM');
      await copy.owner.end();
      return undefined;
    };
    let found = await held();
    for (let attempt = 1; !found && attempt < 10; attempt++) found = await held();
    if (!found) throw new Error('no pager could be stopped in time');
    await store.ok('rm', id);
    const collected = JSON.parse(await store.ok('gc', '--json')) as { deleted_packs: number; waiting_for: string[] };
    expect(collected.deleted_packs).toBeGreaterThan(0);
    expect(collected.waiting_for).toEqual([]);
    expect(readdirSync(join(store.path, 'packs'), { recursive: true })).toEqual(['tmp']);
    expect(missing(found.copy.pid)).toBe(true);
    process.kill(found.pager, 'SIGCONT');
    go();
    await ok(found.copy);
    await store.expectWhole([]);
  });

  it('needs few of its pages at first, brings neighbours along, and prefetches what the first run needed', async () => {
    const id = await saved(lazy('random', 64));
    const ckpt = await Ckpt.open({ store: store.path });
    try {
      const filled = async (): Promise<PagerStatus> => {
        let last: PagerStatus | undefined;
        const task = await ckpt.restart(id, { lazy: true, onPager: (status) => (last = status) });
        // Nobody has touched its 64 MiB: it only looks for a file.
        await until('the end of the pager', () => last?.event === 'filled');
        process.kill(task.pid, 'SIGKILL');
        expect(await task.outcome).toEqual({ result: 'killed SIGKILL', status: 137 });
        return last as PagerStatus;
      };
      const first = await filled();
      const row = await ckpt.find(id);
      // What an earlier run needed: here pages that this one does not touch by itself.
      const middle = (await middleAddress(id)) / 4096;
      const wanted = Array.from({ length: 100 }, (_none, i) => BigInt(middle + i * 8));
      writeFileSync(join(store.path, 'lazy', `${id}.set`), workingSet(wanted));
      const { faulted = 0, neighbours = 0, streamed = 0 } = first;
      expect(faulted).toBeGreaterThan(0);
      expect(faulted).toBeLessThan(200);
      expect(neighbours).toBeGreaterThan(0);
      expect(streamed).toBeGreaterThan(16000);
      expect(faulted + neighbours + streamed).toBeLessThanOrEqual(row.pages);
      const second = await filled();
      expect(second.prefetched).toBeGreaterThanOrEqual(wanted.length);
    } finally {
      await ckpt.close();
    }
  });

  it('passes its exit status on, and its signals', async () => {
    const id = await saved(lazy('random', 16));
    const copy = await store.restart(id, '--lazy');
    copy.owner.child.kill('SIGTERM');
    expect(await copy.owner.end()).toEqual({ code: 143, signal: null });
    expect(isAlive(copy.pid)).toBe(false);
  });

  it('lives on by itself with --detach, and nobody else does in the end', async () => {
    const id = await saved(lazy('random', 64));
    const output = await store.ok('restart', id, '--lazy', '--detach');
    const pid = Number(output);
    await until('all pages', () => !/^VmFlags:.* um( |$)/m.test(readFileSync(`/proc/${pid}/smaps`, 'utf8')));
    expect(isAlive(pid)).toBe(true);
    // It can be checkpointed again: nothing of the pager is left in it.
    const again = await store.ok('save', String(pid), '--kill');
    go();
    // Its output is /dev/null since it was detached: its exit status says what it found.
    const copy = await store.restart(again, '--lazy');
    expect(await copy.owner.end(), copy.owner.describe()).toEqual({ code: 0, signal: null });
  });

  it('is refused where its image is of format 1', async () => {
    run = await Run.start(v1);
    const id = await store.ok('save', String(run.original.pid), '--format', '1');
    const result = await store.run('restart', id, '--lazy', '--detach');
    expect(result.code).toBe(5);
    expect(result.stderr).toMatch(/format 1 .*leave --lazy out/s);
  });
});

describe('many copies of one checkpoint', () => {
  async function runs(pid: number): Promise<void> {
    const copy = { pid } as Copy;
    await controllable(copy);
    const { control } = run as Run;
    const from = peek(pid, control + 4);
    // It ends with 1 as soon as it finds a byte wrong.
    await until(`rounds of ${pid}`, () => peek(pid, control + 4) - from >= 3);
  }

  it.each([['--lazy'], []])('run, each under a pid of its own %s', async (...options) => {
    const id = await saved(big(16));
    const pids = (await store.ok('restart', id, '--copies', '6', ...options)).split('\n').map(Number);
    pids.forEach(adopt);
    expect(new Set(pids).size).toBe(6);
    for (const pid of pids) await runs(pid);
    const rows = JSON.parse(await store.ok('sql', 'SELECT pid, result FROM restore', '--json')) as { pid: number }[];
    expect(rows.map(({ pid }) => pid).sort()).toEqual([...pids].sort());
  });

  it.each([['--lazy'], []])('wait, made ready, with --stopped %s', async (...options) => {
    const id = await saved(big(16));
    const { pids } = JSON.parse(await store.ok('restart', id, '--copies', '2', '--stopped', '--json', ...options)) as {
      pids: number[];
    };
    pids.forEach(adopt);
    for (const pid of pids) expect(stateOf(pid)).toBe('T');
    for (const pid of pids) {
      process.kill(pid, 'SIGCONT');
      await runs(pid);
    }
  });

  it('are refused together with --same-pid, and without a number', async () => {
    const id = await saved(big(16));
    expect((await store.run('restart', id, '--copies', '2', '--same-pid')).code).toBe(2);
    expect((await store.run('restart', id, '--copies', 'many')).code).toBe(2);
  });

  it('leave nothing behind in who made them', async () => {
    const id = await saved(big(16));
    const ckpt = await Ckpt.open({ store: store.path });
    try {
      const once = async (): Promise<void> => {
        const { pid } = await ckpt.restart(id, { lazy: true, detach: true, warm: true, newPid: true });
        adopt(pid);
        process.kill(pid, 'SIGKILL');
      };
      await once();
      const descriptors = (): number => readdirSync('/proc/self/fd').length;
      const restarter = await child(process.pid, 'ckpt-process');
      const children = (): string => readFileSync(`/proc/${restarter}/task/${restarter}/children`, 'utf8');
      const opened = (): number => readdirSync(`/proc/${restarter}/fd`).length;
      await until('the end of the first', () => children() === '');
      const before = [descriptors(), opened()];
      for (let i = 0; i < Number(process.env['CKPT_TEST_RESTARTS'] ?? 30); i++) await once();
      await until('the end of all', () => children() === '');
      expect([descriptors(), opened()]).toEqual(before);
    } finally {
      await ckpt.close();
    }
  });
});

describe('a source that does not give', () => {
  /** Empties it: what is not there at all is found before a restart. Returns how to bring it back. */
  function lose(pack: string): () => void {
    const whole = readFileSync(pack);
    writeFileSync(pack, '');
    return () => writeFileSync(pack, whole);
  }

  /** File of the pack with the page in the middle of the program's memory. */
  async function middlePack(id: string): Promise<string> {
    const page = `SELECT pack_id FROM vma_page('${id}') WHERE addr = ${String(await middleAddress(id))}`;
    const [row] = JSON.parse(await store.ok('sql', page, '--json')) as { pack_id: string }[];
    return packPath(join(store.path, 'packs'), row?.pack_id ?? '');
  }

  async function waiting(copy: Copy, why: RegExp): Promise<void> {
    const line = await copy.owner.err.wait(/waits for it/);
    expect(line).toMatch(why);
    await until('the stop of the task', () => stateOf(copy.pid) === 'T');
    expect(copy.owner.out.text()).not.toMatch(/^(ok|bad) /m);
  }

  it('makes the task wait, stopped and said so, until it is back', async () => {
    const id = await saved(lazy('random', 64));
    go();
    const bringBack = lose(await middlePack(id));
    const copy = await store.restart(id, '--lazy');
    await waiting(copy, new RegExp(`page [0-9a-f]+ of checkpoint ${id}: .*too short`));
    bringBack();
    await ok(copy);
    expect(copy.owner.err.text()).toMatch(/goes on/);
  });

  it.each(['random', 'calls', 'fork'])('makes it wait for a damaged page until it is repaired: %s', async (what) => {
    const id = await saved(lazy(what, 64));
    go();
    const pack = await middlePack(id);
    const whole = readFileSync(pack);
    const broken = Buffer.from(whole);
    for (let at = broken.length >> 1; at < broken.length - 32; at += 512) broken[at] = (broken[at] ?? 0) ^ 0x10;
    writeFileSync(pack, broken);
    const copy = await store.restart(id, '--lazy');
    const line = await copy.owner.err.wait(/waits for it/);
    expect(line).toMatch(
      /damaged pack [0-9a-f]{64}: (frame \d+ does not decompress|the page in slot \d+ has another hash)/,
    );
    expect(copy.owner.out.text()).not.toMatch(/^(ok|bad) /m);
    writeFileSync(pack, whole);
    await ok(copy);
  });

  it('never lets a task run on whose pager was killed', async () => {
    const id = await saved(lazy('fork', 64));
    go();
    lose(await middlePack(id));
    const copy = await store.restart(id, '--lazy');
    await waiting(copy, /too short/);
    process.kill(await pagerOf(copy), 'SIGKILL');
    expect(await copy.owner.end()).toEqual({ code: 137, signal: null });
    expect(copy.owner.out.text()).not.toMatch(/^(ok|bad) /m);
    expect(copy.owner.err.text()).toMatch(/pager of process \d+ was killed: the process was killed too/);
  });

  it('survives the end of its guard', async () => {
    const id = await saved(lazy('random', 64));
    go();
    const bringBack = lose(await middlePack(id));
    const copy = await store.restart(id, '--lazy');
    await waiting(copy, /too short/);
    const pager = await pagerOf(copy);
    const guard = await child(pager, 'ckpt-guard');
    process.kill(guard, 'SIGKILL');
    await until('another guard', () => !isAlive(guard));
    expect(await child(pager, 'ckpt-guard')).not.toBe(guard);
    bringBack();
    await ok(copy);
  });

  it('can be killed while it waits, and takes its pager with it', async () => {
    const id = await saved(lazy('random', 64));
    go();
    lose(await middlePack(id));
    const copy = await store.restart(id, '--lazy');
    await waiting(copy, /too short/);
    const pager = await pagerOf(copy);
    process.kill(copy.pid, 'SIGKILL');
    expect(await copy.owner.end()).toEqual({ code: 137, signal: null });
    await until('the end of the pager', () => !isAlive(pager) || stateOf(pager) === 'Z');
  });
});

describe.each([...programs, ...corners].filter(({ name }) => name !== 'v1'))('$name', (program) => {
  it('goes on after a lazy restart', async () => {
    const copy = await store.restart(await saved(program), '--lazy');
    await controllable(copy);
    await (run as Run).goesOn(copy);
    await (run as Run).finish(copy);
  });
});
