// SPDX-License-Identifier: Apache-2.0
//
// What the options of save and restart promise about the task: its fate, its pid, its descriptors, its exit status.
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { adopt, isAlive, killAdopted, poke, stateOf, until } from '../support/processes.js';
import { programs, reader, Run, sleeper, v1, type Program } from '../support/programs.js';
import { Scene } from '../support/scene.js';

const scene = Scene.ofEachTest();

function named(name: string): Program {
  const found = programs.find((program) => program.name === name);
  if (!found) throw new Error(`no program ${name}`);
  return found;
}

describe('save', () => {
  it('--stop leaves the task stopped, and SIGCONT lets it go on', async () => {
    const run = await scene.start(named('signals'));
    const { store } = scene;
    await store.ok('save', String(run.original.pid), '--stop');
    await until('the stop', () => stateOf(run.original.pid) === 'T');
    process.kill(run.original.pid, 'SIGCONT');
    await run.finish(run.original);
  });

  it('--kill kills the task when its checkpoint is there', async () => {
    const run = await scene.start(named('avx'));
    const { store } = scene;
    const id = await store.ok('save', String(run.original.pid), '--kill', '--name', 'last words');
    expect(await run.original.owner.end()).toEqual({ code: null, signal: 'SIGKILL' });
    expect(await store.row(id)).toMatchObject({ id, name: 'last words' });
    await run.finish(await store.restart('last words'));
  });

  it('keeps a stopped task stopped, and its copy too', async () => {
    const run = await scene.start(named('vdso'));
    const { store } = scene;
    process.kill(run.original.pid, 'SIGSTOP');
    await until('the stop', () => stateOf(run.original.pid) === 'T');
    const id = await store.ok('save', String(run.original.pid));
    expect(stateOf(run.original.pid)).toBe('T');
    await run.original.owner.kill();
    const copy = await store.restart(id);
    await until('the stop of the copy', () => stateOf(copy.pid) === 'T');
    process.kill(copy.pid, 'SIGCONT');
    await run.finish(copy);
  });

  it('does not disturb a sleep of the original', async () => {
    // A sleep that ended before anybody looked, on a busy machine, says nothing: then a longer one.
    for (const seconds of ['2', '20', '200']) {
      const run = await scene.start({ ...sleeper, args: () => [seconds], finish: () => undefined });
      const { code, stderr } = await scene.store.run('save', String(run.original.pid));
      await run.finish(run.original);
      expect(run.original.owner.out.all).toContain('slept');
      if (code === 1 && stderr.includes('no such process')) continue;
      expect(code, stderr).toBe(0);
      return;
    }
    throw new Error('no sleep was long enough');
  });

  it('--format 1 names what version 1 would lose, with exit code 5', async () => {
    const run = await scene.start(named('avx'));
    const { store } = scene;
    const refused = await store.run('save', String(run.original.pid), '--format', '1');
    expect(refused.code).toBe(5);
    expect(refused.stderr).toMatch(/version 1/);
    expect(refused.stderr).toMatch(/fs|r8|AVX/);
    await store.expectWhole([]);
    await run.finish(run.original);
  });

  it('of a process that is not there fails with exit code 1', async () => {
    const { store } = scene;
    const result = await store.run('save', '4194304');
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/4194304/);
    await store.expectWhole([]);
  });

  it('of a kernel thread is refused with exit code 5', async ({ skip }) => {
    if (!existsSync('/proc/2/comm') || readFileSync('/proc/2/comm', 'utf8') !== 'kthreadd\n')
      return skip('a pid namespace of its own: there is none to see');
    const { store } = scene;
    const result = await store.run('save', '2');
    expect(result.code).toBe(5);
    await store.expectWhole([]);
  });
});

describe('restart', () => {
  it('passes the exit status of the task on', async () => {
    const run = await scene.start(reader);
    const { store } = scene;
    const id = await store.ok('save', String(run.original.pid), '--kill');
    for (const [line, code] of [
      ['exit 0', 0],
      ['exit 7', 7],
      ['exit 255', 255],
      ['die 15', 143],
      ['die 9', 137],
    ] as const) {
      const copy = await store.restart(id);
      copy.owner.write(`${line}\n`);
      expect(await copy.owner.end(), line).toEqual({ code, signal: null });
    }
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('passes %s on to the task, where no terminal has done it', async (signal) => {
    const run = await scene.start(reader);
    const { store } = scene;
    const id = await store.ok('save', String(run.original.pid), '--kill');
    const copy = await store.restart(id);
    process.kill(copy.owner.pid, signal);
    expect(await copy.owner.end()).toEqual({ code: signal === 'SIGINT' ? 130 : 143, signal: null });
  });

  it('takes the old pid when it is free, and a new one with a warning when it is not', async () => {
    const run = await scene.start(reader);
    const { store } = scene;
    const { pid } = run.original;
    const id = await store.ok('save', String(pid));
    const other = await store.restart(id);
    expect(other.pid).not.toBe(pid);
    expect(other.owner.err.text()).toMatch(new RegExp(`pid.*${pid}|${pid}.*pid`));
    await run.finish(other);
    await run.finish(run.original);
    const same = await store.restart(id);
    expect(same.pid).toBe(pid);
    await run.finish(same);
  });

  it('--same-pid insists', async () => {
    const run = await scene.start(reader);
    const { store } = scene;
    const { pid } = run.original;
    const id = await store.ok('save', String(pid));
    const refused = await store.run('restart', id, '--same-pid');
    expect(refused.code).toBe(125);
    expect(refused.stderr).toMatch(new RegExp(String(pid)));
    expect(isAlive(pid)).toBe(true);
    await run.original.owner.kill();
    const same = await store.restart(id, '--same-pid');
    expect(same.pid).toBe(pid);
    await run.finish(same);
  });

  it('--detach leaves the task running on its files, with no descriptor more', async () => {
    const { store } = scene;
    const log = join(store.dir, 'log');
    const fd = openSync(log, 'a');
    const run = await scene.start(
      { ...named('signals'), settle: () => Promise.resolve() },
      { stdio: ['pipe', 'pipe', fd] },
    );
    closeSync(fd);
    const { pid } = run.original;
    const descriptors = readdirSync(`/proc/${pid}/fd`);
    const id = await store.ok('save', String(pid), '--kill');
    const printed = await store.ok('restart', id, '--detach');
    expect(printed).toMatch(/^\d+$/);
    const copy = Number(printed);
    adopt(copy);
    expect(isAlive(copy)).toBe(true);
    expect(readdirSync(`/proc/${copy}/fd`)).toEqual(descriptors);
    expect(readlinkSync(`/proc/${copy}/fd/0`)).toBe('/dev/null');
    expect(readlinkSync(`/proc/${copy}/fd/1`)).toBe('/dev/null');
    expect(readlinkSync(`/proc/${copy}/fd/2`)).toBe(log);
    poke(copy, run.control, 1);
    await until('the end of the copy', () => !isAlive(copy));
  });

  it('--detach writes on where the output file ended', async () => {
    const { store } = scene;
    const log = join(store.dir, 'log');
    const fd = openSync(log, 'w');
    const run = scene.keep(await Run.startWithOutputIn(named('vdso'), fd, log));
    closeSync(fd);
    const id = await store.ok('save', String(run.original.pid), '--kill');
    const { id: printedId, pid } = JSON.parse(await store.ok('restart', id, '--detach', '--json')) as {
      id: string;
      pid: number;
    };
    expect(printedId).toBe(id);
    adopt(pid);
    poke(pid, run.control, 1);
    await until('the end of the copy', () => !isAlive(pid));
    expect(readFileSync(log, 'utf8')).toMatch(/^ready [^\n]*\nok vdso\n$/);
    await killAdopted(pid);
  });

  it('of an unknown checkpoint is exit code 125, detached 3', async () => {
    const { store } = scene;
    expect((await store.run('restart', 'nothing')).code).toBe(125);
    expect((await store.run('restart', 'nothing', '--detach')).code).toBe(3);
  });
});

describe('files that changed since the checkpoint', () => {
  it('an open one is warned about', async () => {
    const run = await scene.start(named('file'));
    const { store } = scene;
    const id = await store.ok('save', String(run.original.pid), '--kill');
    const log = join(run.dir, 'log');
    writeFileSync(log, 'first\nand more than there was\n');
    const copy = await store.restart(id);
    expect(copy.owner.err.text()).toContain(log);
    await run.finish(copy);
  });

  it('a mapped one is refused, by name', async () => {
    const run = await scene.start(named('tls_heap'));
    const { store } = scene;
    const id = await store.ok('save', String(run.original.pid), '--kill');
    const mapped = readdirSync(run.dir).find((name) => name.startsWith('mapped-')) ?? '';
    truncateSync(join(run.dir, mapped), 4096);
    const refused = await store.run('restart', id);
    expect(refused.code).toBe(125);
    expect(refused.stderr).toContain(mapped);
  });

  it('a missing one is refused, by name', async () => {
    const run = await scene.start(named('file'));
    const { store } = scene;
    const id = await store.ok('save', String(run.original.pid), '--kill');
    unlinkSync(join(run.dir, 'data'));
    const refused = await store.run('restart', id);
    expect(refused.code).toBe(125);
    expect(refused.stderr).toContain(join(run.dir, 'data'));
  });
});

describe('version 1', () => {
  it('comes back from the store bit for bit', async () => {
    const run = await scene.start(v1);
    const { store } = scene;
    const id = await store.ok('save', String(run.original.pid), '--format', '1', '--kill');
    const image = join(run.dir, 'image');
    await store.ok('export', id, '-o', image);
    const other = await store.ok('ingest', image);
    const again = join(run.dir, 'again');
    await store.ok('export', other, '-o', again);
    expect(readFileSync(again).equals(readFileSync(image))).toBe(true);
    expect(readFileSync(image).readUInt16LE(18)).toBe(1);
  });
});
