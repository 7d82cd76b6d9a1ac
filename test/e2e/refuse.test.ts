// SPDX-License-Identifier: Apache-2.0
//
// States that cannot be carried yet: refused by name with exit code 5 before anything changed, in the task or in the store.
import { closeSync, openSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkpoint, startCheckpoint } from '../support/native.js';
import { refusals, refused, v1 } from '../support/programs.js';
import { Scene } from '../support/scene.js';

const scene = Scene.ofEachTest();

describe.each(refusals.map(([state, names]) => ({ state, names })))('$state', ({ state, names }) => {
  it('is refused by ckpt-process, by name, and the task is untouched', async () => {
    const run = await scene.start(refused(state));
    const { pid } = run.original;
    const image = join(run.dir, 'image');
    const result = await run.untouchedBy(() => checkpoint(pid, image));
    expect(result.ending).toEqual({ code: 5, signal: null });
    const errors = result.events.filter((event) => event.event === 'error');
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({ exit: 5 });
    expect(errors[0]?.['text']).toMatch(names);
    expect(readFileSync(image)).toHaveLength(0);
    await run.finish(run.original);
  });

  it('is refused by ckpt save with exit code 5, in one line, and nothing is stored', async () => {
    const run = await scene.start(refused(state));
    const { store } = scene;
    const save = await store.run('save', String(run.original.pid), '--kill');
    expect(save).toMatchObject({ code: 5, stdout: '' });
    const [first, ...hints] = save.stderr.trimEnd().split('\n');
    expect(first).toMatch(names);
    expect(hints.length).toBeLessThanOrEqual(1);
    await store.expectWhole([]);
    await run.finish(run.original);
  });
});

describe('a setting that an image has no place for', () => {
  it('is warned about, and nothing is where there is none', async () => {
    const run = await scene.start(v1);
    const image = join(run.dir, 'image');
    const warnings = async (): Promise<unknown[]> =>
      (await checkpoint(run.original.pid, image)).events
        .filter(({ event }) => event === 'warning')
        .map(({ text }) => text);
    expect(await warnings()).toEqual([]);
    const filter = Number(readFileSync('/proc/self/coredump_filter', 'latin1').replace(/^/, '0x'));
    writeFileSync(`/proc/${run.original.pid}/coredump_filter`, `0x${(filter ^ 1).toString(16)}`);
    expect(await warnings()).toEqual([expect.stringMatching(/does not carry its core dump filter/)]);
    await run.finish(run.original);
  });
});

describe('a standard stream', () => {
  it('that is a deleted file is warned about: its contents do not come back', async () => {
    const path = join(scene.store.dir, 'deleted');
    const fd = openSync(path, 'w');
    unlinkSync(path);
    const run = await scene.start(v1, { stdio: ['ignore', 'pipe', fd] });
    closeSync(fd);
    const { ending, events } = await checkpoint(run.original.pid, join(run.dir, 'image'));
    expect(ending.code).toBe(0);
    const warnings = events.filter(({ event }) => event === 'warning').map(({ text }) => text);
    expect(warnings).toEqual([expect.stringMatching(/^descriptor 2 is a deleted file .*restarter/)]);
    await run.finish(run.original);
  });
});

describe('a task that another tracer holds', () => {
  it('is refused by name, and the one who holds it keeps it', async () => {
    const run = await scene.start(v1);
    const { pid } = run.original;
    const holder = startCheckpoint(pid, '/dev/null', '--kill');
    await holder.status.wait(/"event":\s*"written"/);
    const result = await checkpoint(pid, join(run.dir, 'image'));
    expect(result.ending.code).toBe(5);
    expect(result.events.find((event) => event.event === 'error')?.['text']).toMatch(/trac|debug/i);
    holder.decide('let go');
    await holder.child.end();
    await run.finish(run.original);
  });
});
