// SPDX-License-Identifier: Apache-2.0
//
// save and restart on a kernel without sys_checkpoint: the twins do the work, and who insists on the calls is refused clearly. That the
// calls are used where they are is tested in the guest of the kernel suite (kernel/tools/test_via.c).
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { stateOf } from '../support/processes.js';
import { v1 } from '../support/programs.js';
import { Scene } from '../support/scene.js';

const scene = Scene.ofEachTest();

/** On a kernel that has the calls, these tests would be about another one. */
const stock = !existsSync('/proc/sys/kernel/checkpoint_formats');

describe.runIf(stock)('a stock kernel', () => {
  it('refuses --via kernel with exit code 5, and the task runs on', async () => {
    const run = await scene.start(v1);
    const { store } = scene;
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
    const { store } = scene;
    expect(await store.run('save', '1', '--via', 'magic')).toMatchObject({ code: 2 });
  });

  it('says in doctor that the twins do the work', async () => {
    const { store } = scene;
    const doctor = await store.run('doctor', '--json');
    const { checks } = JSON.parse(doctor.stdout) as { checks: Record<string, { ok: boolean; detail: string }> };
    expect(checks['via']).toMatchObject({ ok: true });
    expect(checks['via']?.detail).toMatch(/^user: this kernel has no sys_checkpoint/);
  });
});
