// SPDX-License-Identifier: Apache-2.0
//
// Real programs through ckpt-process alone: checkpoint into a file, kill, restart, restart once more from the same image, checkpoint the
// restarted copy and restart that. Each copy checks its own state; the original is the same after the checkpoint as before.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { RecordType } from '../../src/format/generated/image.js';
import { Random, records, seed } from '../support/images.js';
import { checkpoint, failedRestart, restart, startCheckpoint } from '../support/native.js';
import { cleanUp, isAlive, peek, stateOf } from '../support/processes.js';
import { corners, identities, programs, reader, Run, v1, v1Large, type Program } from '../support/programs.js';

let run: Run | undefined;

afterEach(async () => {
  await cleanUp();
  run?.remove();
  run = undefined;
});

/** Further checkpoints of the running original: they fall to places of their own. */
const again = 5;
/** Kills of ckpt-process per program. */
const kills = 15;

/** Formats a program can be checkpointed in. */
function formats(program: Program): readonly string[] {
  return program.v1 ? ['2', '1'] : ['2'];
}

const cases = [...programs, ...corners, ...identities].flatMap((program) =>
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
    for (let i = 0; i < again; i++) await checkpointed(image, pid);
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

describe('version 1 of a mapping that has more pages than a record holds', () => {
  it('has neighbours, which are one mapping again after a restart', async () => {
    run = await Run.start(v1Large);
    const image = join(run.dir, 'image');
    expect((await checkpoint(run.original.pid, image, '--format', '1', '--kill')).ending.code).toBe(0);
    await run.original.owner.end();
    const bytes = readFileSync(image);
    const full = records(bytes)
      .filter(({ type }) => type === RecordType.VMA)
      .map(({ offset }) => ({
        start: bytes.readBigUInt64LE(offset + 8 + 8),
        end: bytes.readBigUInt64LE(offset + 8 + 16),
        pages: bytes.readInt16LE(offset + 8 + 48),
      }));
    const first = full.findIndex(({ pages }) => pages === 32_767);
    const [one, two, last] = full.slice(first, first + 3);
    expect([two?.pages, last?.pages]).toEqual([39_999 - 32_767, 1]);
    expect([one?.end, two?.end]).toEqual([two?.start, last?.start]);
    const copy = await restart(image);
    const maps = readFileSync(`/proc/${copy.pid}/maps`, 'latin1');
    expect(maps).toContain(`${one?.start.toString(16)}-${two?.end.toString(16)} rw-p`);
    await run.finish(copy);
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

describe('a broken image', () => {
  it(`never becomes a process (seed ${seed})`, async () => {
    run = await Run.start(reader);
    const { pid } = run.original;
    const path = join(run.dir, 'image');
    expect((await checkpoint(pid, path, '--kill')).ending.code).toBe(0);
    await run.original.owner.end();
    const whole = readFileSync(path);
    const random = new Random(seed + 6);
    const all = records(whole);
    const tail = all.at(-1)?.offset ?? 0;
    const cuts = all.map((record) => record.offset).filter((_offset, i) => i % Math.ceil(all.length / 40) === 0);
    for (let i = 0; i < 10; i++) cuts.push(random.below(whole.length));
    const broken = cuts.map((bytes) => ({ what: `the first ${bytes} bytes`, bytes: whole.subarray(0, bytes) }));
    for (let i = 0; i < 40; i++) {
      const [at, bit, copy] = [random.below(tail), random.below(8), Buffer.from(whole)];
      copy[at] = (copy[at] ?? 0) ^ (1 << bit);
      broken.push({ what: `bit ${bit} of byte ${at} flipped`, bytes: copy });
    }
    for (const { what, bytes } of broken) {
      writeFileSync(path, bytes);
      const { ending, events, stderr } = await failedRestart(path);
      expect(ending, `seed ${seed}, ${what}: ${stderr}`).toEqual({ code: 125, signal: null });
      expect(
        events.map(({ event }) => event),
        what,
      ).not.toContain('running');
      expect(events.at(-1), what).toMatchObject({ event: 'error' });
    }
    writeFileSync(path, whole);
    await run.finish(await restart(path));
  });
});

describe('SIGKILL of ckpt-process while it works in the task', () => {
  const victims = [...programs, ...corners].filter((program) =>
    ['avx', 'signals', 'file', 'sleeper', 'reader', 'vdso', 'v1', 'state', 'odd rseq', 'odd hammer'].includes(
      program.name,
    ),
  );

  // A sleep may end with EINTR here, and only here: the way home is a signal frame's.
  it.each(victims)('$name goes on', async (program) => {
    run = await Run.start(program);
    const { pid } = run.original;
    const image = join(run.dir, 'image');
    await run.untouchedBy(async () => {
      for (let i = 0; i < kills; i++) {
        const { child } = startCheckpoint(pid, image, '--kill');
        // Whatever it was doing by then: each round waits a little longer after the stop.
        while (stateOf(pid) !== 't' && isAlive(child.pid));
        const until = process.hrtime.bigint() + BigInt(i) * 100_000n;
        while (process.hrtime.bigint() < until);
        await child.kill('SIGKILL');
        expect(isAlive(pid), `after kill ${i}`).toBe(true);
      }
    });
    await run.goesOnAfterCheckpoint(run.original);
    await run.finish(run.original);
  });
});
