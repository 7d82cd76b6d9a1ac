// SPDX-License-Identifier: Apache-2.0
//
// Real programs through ckpt-process alone: checkpoint into a file, kill, restart, restart once more from the same image, checkpoint the
// restarted copy and restart that. Each copy checks its own state; the original is the same after the checkpoint as before.
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { checkpoint, restart, startCheckpoint } from '../support/native.js';
import { cleanUp, isAlive, peek, stateOf } from '../support/processes.js';
import { programs, Run, v1, type Program } from '../support/programs.js';

let run: Run | undefined;

afterEach(async () => {
  await cleanUp();
  run?.remove();
  run = undefined;
});

/** Formats a program can be checkpointed in. */
function formats(program: Program): readonly string[] {
  return program.v1 ? ['2', '1'] : ['2'];
}

const cases = programs.flatMap((program) =>
  formats(program).map((format) => ({ program, format, name: `${program.name}, version ${format}` })),
);

describe.each(cases)('$name', ({ program, format }) => {
  async function checkpointed(image: string, pid: number, ...options: string[]): Promise<void> {
    const result = await checkpoint(pid, image, '--format', format, ...options);
    expect(result.ending, `${result.stderr}\n${JSON.stringify(result.events)}`).toEqual({ code: 0, signal: null });
  }

  it('is untouched by its checkpoint and goes on', async () => {
    run = await Run.start(program);
    const { pid } = run.original;
    const image = join(run.dir, 'image');
    await run.untouchedBy(() => checkpointed(image, pid));
    await run.goesOnAfterCheckpoint(run.original);
    await run.finish(run.original);
  });

  it('survives kill and restart, twice from one image, and a checkpoint of the copy', async () => {
    run = await Run.start(program);
    const first = join(run.dir, 'first');
    await checkpointed(first, run.original.pid);
    await run.original.owner.kill();
    const second = join(run.dir, 'second');
    const copy = await restart(first);
    await run.goesOn(copy);
    await checkpointed(second, copy.pid);
    await run.goesOnAfterCheckpoint(copy);
    await run.finish(copy);

    const again = await restart(first);
    await run.goesOn(again);
    await run.finish(again);

    const generation = await restart(second);
    await run.goesOn(generation);
    const third = join(run.dir, 'third');
    await checkpointed(third, generation.pid, '--kill');
    await generation.owner.end();
    expect(isAlive(generation.pid)).toBe(false);
    const last = await restart(third);
    await run.goesOn(last);
    await run.finish(last);
  });
});

describe('the decision about a held task', () => {
  it.each(['--kill', '--stop'])('%s without a commit lets it run on', async (option) => {
    run = await Run.start(v1);
    const held = startCheckpoint(run.original.pid, join(run.dir, 'image'), option);
    await held.status.wait(/"event":\s*"written"/);
    const rounds = peek(run.original.pid, run.control + 4);
    expect(stateOf(run.original.pid)).toBe('t');
    expect(peek(run.original.pid, run.control + 4)).toBe(rounds);
    held.decide('let go');
    await held.child.end();
    await run.goesOnAfterCheckpoint(run.original);
    await run.finish(run.original);
  });

  it.each(['SIGKILL', 'SIGINT', 'SIGTERM'] as const)('%s of ckpt-process lets it run on', async (signal) => {
    run = await Run.start(v1);
    const held = startCheckpoint(run.original.pid, join(run.dir, 'image'), '--kill');
    await held.status.wait(/"event":\s*"written"/);
    await held.child.kill(signal);
    await run.goesOnAfterCheckpoint(run.original);
    await run.finish(run.original);
  });
});
