// SPDX-License-Identifier: Apache-2.0
//
// save and restart on a kernel without sys_checkpoint: the twins do the work, and who insists on the calls is refused clearly. That the
// calls are used where they are is tested in the guest of the kernel suite (kernel/tools/test_via.c).
import { existsSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { TestStore } from '../support/cli.js';
import { cleanUp, stateOf } from '../support/processes.js';
import { Run, v1 } from '../support/programs.js';

let run: Run | undefined;
let store: TestStore | undefined;

afterEach(async () => {
  await cleanUp();
  run?.remove();
  store?.remove();
  run = store = undefined;
});

/** On a kernel that has the calls, these tests would be about another one. */
const stock = !existsSync('/proc/sys/kernel/checkpoint_formats');

describe.runIf(stock)('a stock kernel', () => {
  it('refuses --via kernel with exit code 5, and the task runs on', async () => {
    run = await Run.start(v1);
    store = new TestStore();
    const before = stateOf(run.original.pid);
    const save = await store.run('save', String(run.original.pid), '--via', 'kernel');
    expect(save).toMatchObject({ code: 5, stdout: '' });
    expect(save.stderr).toMatch(/this kernel does not have sys_checkpoint/);
    expect(save.stderr).toMatch(/docs\/kernel\.md/);
    expect(stateOf(run.original.pid)).toBe(before);
    await store.expectWhole([]);

    const id = await store.ok('save', String(run.original.pid), '--via', 'user');
    const restart = await store.run('restart', id, '--via', 'kernel');
    expect(restart).toMatchObject({ code: 125 });
    expect(restart.stderr).toMatch(/this kernel does not have sys_checkpoint and sys_restart/);
    expect(await store.run('restart', id, '--detach', '--via', 'kernel')).toMatchObject({ code: 5, stdout: '' });
    await run.finish(run.original);
  });

  it('wants --via to be kernel or user', async () => {
    store = new TestStore();
    expect(await store.run('save', '1', '--via', 'magic')).toMatchObject({ code: 2 });
  });

  it('says in doctor that the twins do the work', async () => {
    store = new TestStore();
    const doctor = await store.run('doctor', '--json');
    const { checks } = JSON.parse(doctor.stdout) as { checks: Record<string, { ok: boolean; detail: string }> };
    expect(checks['via']).toMatchObject({ ok: true });
    expect(checks['via']?.detail).toMatch(/^user: this kernel has no sys_checkpoint/);
  });
});
