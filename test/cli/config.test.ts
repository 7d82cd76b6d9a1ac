// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { defaultConfigPath, defaultStore, resolveSettings } from '../../src/cli/config.js';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'ckpt-config-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

function config(text: string): string {
  const path = join(dir, 'some.json');
  writeFileSync(path, text);
  return path;
}

test('without anything: the XDG data directory and the embedded log', () => {
  const settings = resolveSettings({}, undefined, { XDG_DATA_HOME: '/data', XDG_CONFIG_HOME: dir });
  expect(settings).toEqual({
    store: '/data/ckpt',
    log: 'embedded',
    level: undefined,
    threads: undefined,
    retention: {},
    keys: `${dir}/ckpt/keys.json`,
  });
});

test('an empty variable is none, and a base directory is absolute', () => {
  const env = { XDG_CONFIG_HOME: '', XDG_DATA_HOME: '', CKPT_STORE: '', CKPT_LOG: '', CKPT_CONFIG: '' };
  const share = join(homedir(), '.local', 'share', 'ckpt');
  expect(resolveSettings({}, undefined, env)).toMatchObject({ store: share, log: 'embedded' });
  expect(defaultConfigPath(env)).toBe(join(homedir(), '.config', 'ckpt', 'config.json'));
  expect(defaultStore({ XDG_DATA_HOME: 'not/absolute' })).toBe(share);
});

test('the file says what prune keeps', () => {
  const path = config('{"keep-last": 10, "keep-daily": 7}');
  expect(resolveSettings({}, path, {}).retention).toEqual({ last: 10, daily: 7 });
});

test('a flag beats the environment beats the file', () => {
  const path = config('{"store": "/file", "level": 3}');
  const env = { CKPT_STORE: '/env', XDG_CONFIG_HOME: dir };
  expect(resolveSettings({}, path, { XDG_CONFIG_HOME: dir })).toMatchObject({ store: '/file', level: 3 });
  expect(resolveSettings({}, path, env)).toMatchObject({ store: '/env', level: 3 });
  expect(resolveSettings({ store: '/flag' }, path, env)).toMatchObject({ store: '/flag' });
  expect(resolveSettings({}, undefined, { ...env, CKPT_CONFIG: path, CKPT_LEVEL: '-1' })).toMatchObject({ level: -1 });
});

test('the default file is read where it is', () => {
  mkdirSync(join(dir, 'ckpt'));
  writeFileSync(join(dir, 'ckpt', 'config.json'), '{"threads": 2}');
  expect(resolveSettings({}, undefined, { XDG_CONFIG_HOME: dir })).toMatchObject({ threads: 2 });
});

test.each([
  ['{', /config file .*some\.json/],
  ['[]', /not an object/],
  ['{"stroe": "x"}', /unknown setting 'stroe'/],
  ['{"level": 99}', /level: '99' is not a whole number from -50 to 19/],
  ['{"store": ""}', /must not be empty/],
  ['{"keep-hourly": -1}', /keep-hourly: '-1' is not a whole number/],
  ['{"keep-minutely": 1}', /unknown setting 'keep-minutely'/],
])('a bad file is named: %s', (text, message) => {
  expect(() => resolveSettings({}, config(text), {})).toThrow(message);
});

test('a bad variable is named', () => {
  expect(() => resolveSettings({}, undefined, { CKPT_THREADS: 'many', XDG_CONFIG_HOME: dir })).toThrow(
    /CKPT_THREADS: 'many'/,
  );
  expect(() => resolveSettings({}, '/no/such/file', {})).toThrow(/config file \/no\/such\/file/);
});
