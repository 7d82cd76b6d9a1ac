// SPDX-License-Identifier: Apache-2.0
//
// Live tasks over a log on Kafka: saved and killed on one machine, brought back on others, which have stores and networks of their own.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TestStore } from '../support/cli.js';
import { adopt, cleanUp } from '../support/processes.js';
import { Run, programs, sleeper, v1, type Copy, type Program } from '../support/programs.js';
import { Network, networkProblem } from './support/network.js';
import { newPrefix } from './support/topics.js';

const PATIENCE_MS = 600_000;
const problem = networkProblem();
if (problem) process.stdout.write(`tasks: SKIPPED: ${problem}\n`);

describe.skipIf(problem)('a live task', () => {
  let network: Network;
  let brokers: string;
  let url: string;
  const stores = new Map<string, TestStore>();
  let run: Run | undefined;

  beforeAll(async () => {
    network = Network.make(['one', 'two', 'three']);
    const version = process.env['CKPT_TEST_KAFKA'] ?? '';
    brokers = await network.start(/^\d+\.\d+\.\d+$/.test(version) ? ['--version', version] : []);
  }, PATIENCE_MS);
  beforeEach(() => {
    url = `kafka://${brokers}/${newPrefix()}`;
  });
  afterEach(async () => {
    await cleanUp();
    run?.remove();
    for (const store of stores.values()) store.remove();
    stores.clear();
  });
  afterAll(() => network.remove());

  const store = (machine: string): TestStore => {
    const known = stores.get(machine) ?? new TestStore();
    stores.set(machine, known);
    return known;
  };
  const start = (machine: string, log: string, ...args: string[]): ReturnType<TestStore['start']> => {
    const { program } = store(machine);
    const [command = '', ...rest] = network.command(machine, process.execPath, program, ...args, '--log', log);
    return store(machine).startProgram(command, rest);
  };
  const ok = async (machine: string, log: string, ...args: string[]): Promise<string> => {
    const child = start(machine, log, ...args);
    child.child.stdin?.end();
    const { code } = await child.end();
    expect(code, child.describe()).toBe(0);
    return child.out.text().trim();
  };
  const restart = async (machine: string, log: string, id: string, ...options: string[]): Promise<Copy> => {
    const owner = start(machine, log, 'restart', id, '--json', ...options);
    const line = await owner.out.wait(/"pid":/);
    const pid = Number(/"pid":\s*(\d+)/.exec(line)?.[1]);
    adopt(pid);
    return { pid, owner };
  };

  const heap = programs.find(({ name }) => name === 'tls_heap');
  const cases: Program[] = [v1, sleeper, ...(heap ? [heap] : [])];
  it.each(cases.map((program) => ({ name: program.name, program })))(
    '$name, saved and killed on one machine, goes on on another, and from there on a third that brings its packs',
    async ({ program }) => {
      run = await Run.start(program);
      const id = await ok('one', url, 'save', String(run.original.pid), '--kill', '--name', 'moved');
      await run.original.owner.end();

      const copy = await restart('two', url, 'moved');
      await run.goesOn(copy);
      const second = await ok('two', url, 'save', String(copy.pid));
      expect(second).not.toBe(id);
      await run.finish(copy);

      const demand = `${url}?packs=on-demand&packs-bytes-max=1000000`;
      for (const options of [[], ['--lazy']]) {
        const again = await restart('three', demand, second, ...options);
        await run.goesOn(again);
        await run.finish(again);
      }
      const restores = await ok('one', url, 'sql', '--json', 'select result from restore order by 1');
      expect(JSON.parse(restores)).toEqual(expect.arrayContaining([{ result: 'exited 0' }]));
      for (const machine of ['one', 'two']) await ok(machine, url, 'verify');
      await ok('three', demand, 'verify');
    },
    PATIENCE_MS,
  );
});
