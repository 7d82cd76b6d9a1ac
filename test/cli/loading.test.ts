// SPDX-License-Identifier: Apache-2.0
//
// What a command loads, it waits for. The packages of the service and of Kafka take longer to load than most commands run.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

const program = new URL('../../dist/bundle/main.js', import.meta.url).href;
const inProcess = `
  const { main } = await import(${JSON.stringify(program)});
  const { createRequire } = await import('node:module');
  await main(['ls']);
  const files = Object.keys(createRequire(import.meta.url).cache);
  const names = files.map((file) => /.*node_modules[/]((?:@[^/]*[/])?[^/]*)/.exec(file)?.[1]).filter(Boolean);
  process.stdout.write([...new Set(names)].join(' '));`;

describe('a command', () => {
  test('loads the packages that it uses and no others', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', inProcess], {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      env: { ...process.env, CKPT_STORE: '/nonexistent/store' },
    });
    const loaded = stdout.split(' ');
    expect(loaded).toContain('commander');
    const used = ['better-sqlite3', 'bindings', 'commander', 'file-uri-to-path', 'zstd-napi'];
    expect(loaded.filter((name) => !used.includes(name))).toEqual([]);
  });
});
