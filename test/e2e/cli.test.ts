// SPDX-License-Identifier: Apache-2.0
//
// Real programs through the whole of ckpt: saved into a store, killed, restarted, restarted once more, saved again after the restart.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isAlive } from '../support/processes.js';
import { big, programs, v1 } from '../support/programs.js';
import { Scene } from '../support/scene.js';

const scene = Scene.ofEachTest();

const cases = [
  ...programs.map((program) => ({ name: program.name, program, options: [] as string[] })),
  { name: 'v1, version 1', program: v1, options: ['--format', '1'] },
  { name: 'big 2048', program: big(2048), options: [] },
];

describe.each(cases)('$name', ({ program, options }) => {
  it('is saved untouched, comes back twice, and is saved again after that', async () => {
    const run = await scene.start(program);
    const { store } = scene;
    const { original } = run;
    const id = await run.untouchedBy(() => store.ok('save', String(original.pid), ...options));
    await run.goesOnAfterCheckpoint(original);
    await original.owner.kill();

    const copy = await store.restart(id);
    await run.goesOn(copy);
    const second = await store.ok('save', String(copy.pid), ...options);
    await run.finish(copy);

    const again = await store.restart(id);
    await run.goesOn(again);
    const third = await store.ok('save', String(again.pid), '--kill', ...options);
    expect(await again.owner.end(), again.owner.describe()).toEqual({ code: 137, signal: null });

    for (const generation of [second, third]) {
      const next = await store.restart(generation);
      await run.goesOn(next);
      await run.finish(next);
    }
    expect((await store.list()).map((row) => row.id)).toEqual(expect.arrayContaining([id, second, third]));
    await store.ok('verify');
  }, 400_000); // two gibibytes, three times, on a busy machine
});

describe('saving the same process again', () => {
  it.each(['running', 'stopped'])('stores less than a hundredth of the first time (%s)', async (state) => {
    const run = await scene.start(big(256));
    const { store } = scene;
    const { pid } = run.original;
    if (state === 'stopped') process.kill(pid, 'SIGSTOP');
    const first = await store.row(await store.ok('save', String(pid)));
    const second = await store.row(await store.ok('save', String(pid)));
    expect(first.pages).toBeGreaterThan(256 * 256);
    expect(second.pages).toBe(first.pages);
    expect(second.new_pages).toBeLessThan(first.new_pages / 100);
    expect(second.stored_bytes).toBeLessThan(first.stored_bytes / 100);
    const [one, other] = [join(run.dir, 'one'), join(run.dir, 'other')];
    await store.ok('export', first.id, '-o', one);
    await store.ok('export', second.id, '-o', other);
    if (state === 'stopped') process.kill(pid, 'SIGCONT');
    await run.finish(run.original);
    expect(isAlive(pid)).toBe(false);
  });
});
