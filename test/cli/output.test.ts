// SPDX-License-Identifier: Apache-2.0
//
// Where the words and the data go: what a caller sees of settings that are empty, and of an output that takes nothing.
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TestStore } from '../support/cli.js';
import { cleanUp } from '../support/processes.js';

let store: TestStore;
beforeEach(() => {
  store = new TestStore();
});
afterEach(async () => {
  await cleanUp();
  store.remove();
});

describe('an output that is full', () => {
  it.each([[['ls', '--json']], [['sql', 'SELECT 1']], [['stats']]])('is said, with exit code 1: %j', async (args) => {
    const fd = openSync('/dev/full', 'w');
    const child = store.start(args, { stdio: ['ignore', fd, 'pipe'] });
    closeSync(fd);
    expect(await child.end()).toEqual({ code: 1, signal: null });
    expect(child.err.text()).toMatch(/^[^\n]*standard output[^\n]*ENOSPC[^\n]*$/);
  });
});

describe('a name that a terminal would act on', () => {
  it('is shown, not acted on, whoever says it', async () => {
    const golden = fileURLToPath(new URL('../golden/no-pages.img', import.meta.url));
    const id = await store.ok('ingest', golden, '--name', 'e\x1b[31mred\nckpt: all is well');
    for (const args of [
      ['ls'],
      ['show', id],
      ['tag', id, 'x'],
      ['diff', id, id],
      ['tree'],
      ['rm', id],
      ['rm', '\x1b[31m'],
    ]) {
      const { stdout, stderr } = await store.run(...args);
      expect(stdout + stderr, args[0]).toContain('\\x1b[31m');
      expect(stdout + stderr, args[0]).not.toContain('\x1b');
      expect(stdout + stderr, args[0]).not.toMatch(/^ckpt: all is well/m);
    }
  });
});

describe('the environment', () => {
  it('counts as not set where it is empty', async () => {
    const env = { CKPT_STORE: '', CKPT_LOG: '', CKPT_REMOTE: '', CKPT_CONFIG: '', XDG_DATA_HOME: store.dir };
    const child = store.start(['ls', '--json'], { stdio: ['ignore', 'pipe', 'pipe'], env });
    expect(await child.end(), child.err.text()).toEqual({ code: 0, signal: null });
    expect(child.out.text()).toBe('[]');
  });

  it('is named where it is wrong', async () => {
    const child = store.start(['ls'], { stdio: ['ignore', 'pipe', 'pipe'], env: { CKPT_LOG: 'nowhere' } });
    expect((await child.end()).code).toBe(2);
    expect(child.err.text()).not.toMatch(/--log/);
  });
});
