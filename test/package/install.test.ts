// SPDX-License-Identifier: Apache-2.0
//
// npm pack, npm install -g, use, npm uninstall: in a clean prefix, with nothing left behind.
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { golden, goldenRoundTrip, Installation, mustRun, pack, root } from './installation.js';

describe('the package', () => {
  let dir: string;
  let tarball: string;
  let installation: Installation;
  const packageJson = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };

  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'ckpt-package-'));
    tarball = pack(dir);
    installation = new Installation(join(dir, 'prefix'));
    installation.install(tarball);
  }, 900_000);

  afterAll(() => {
    rmSync(dir, { recursive: true, force: true });
  });

  it('carries what users need and nothing that only developers do', () => {
    const names = mustRun('tar', ['tzf', tarball], process.env).toString().split('\n');
    for (const wanted of [
      'README.md',
      'LICENSE',
      'LICENSES/Apache-2.0.txt',
      'CHANGELOG.md',
      'bin/ckpt',
      'man/ckpt.1',
      'binding.gyp',
    ]) {
      expect(names).toContain(`package/${wanted}`);
    }
    expect(names.filter((name) => /^package\/(test|src|bench|build|node_modules|\.ci)\//.test(name))).toEqual([]);
  });

  it('runs after npm install -g', () => {
    const version = installation.ckpt(['--version']);
    expect(version.status, version.stderr).toBe(0);
    expect(version.stdout.toString()).toContain(packageJson.version);
    const help = installation.ckpt(['--help']);
    expect(help.status).toBe(0);
    expect(help.stdout.toString()).toMatch(/save[\s\S]*ingest[\s\S]*export/);
  });

  it('doctor says what works on this machine', () => {
    const doctor = installation.ckpt(['doctor']);
    expect(doctor.status, doctor.stderr).toBe(0);
    expect(doctor.stdout.toString()).not.toBe('');
  });

  it('takes an image in and gives it back bit for bit', () => {
    const id = goldenRoundTrip(installation);
    const listed = installation.ckpt(['ls', '--json']);
    const rows = JSON.parse(listed.stdout.toString()) as { id: string; name: string }[];
    expect(rows).toMatchObject([{ id, name: 'golden' }]);
  });

  it('has ckpt-ingest as a program of its own', () => {
    const program = join(installation.prefix, 'bin', 'ckpt-ingest');
    const id = mustRun(program, ['-'], installation.env, { input: golden }).toString().trim();
    expect(installation.ckpt(['export', id]).stdout.equals(golden)).toBe(true);
  });

  it('can be used as a library', () => {
    const modules = join(installation.prefix, 'lib', 'node_modules');
    const example = join(modules, 'ckpt', 'docs', 'examples', 'library.mjs');
    const image = join(root, 'test', 'golden', 'one-page.img');
    const output = mustRun(process.execPath, [example, join(dir, 'library-store'), image], installation.env).toString();
    expect(output).toContain('the same, bit for bit');
  });

  it('brings its man pages and completions', () => {
    const page = join(installation.prefix, 'share', 'man', 'man1', 'ckpt.1');
    expect(existsSync(page)).toBe(true);
    expect(readFileSync(page, 'utf8')).toMatch(/^\.TH CKPT 1 /m);
    const completions = join(installation.prefix, 'lib', 'node_modules', 'ckpt', 'completions');
    for (const shell of ['bash', 'zsh', 'fish'])
      expect(statSync(join(completions, `ckpt.${shell}`)).size).toBeGreaterThan(500);
  });

  // The last one: it takes the installation away.
  it('leaves nothing when it is removed', () => {
    installation.remove();
    const left = installation.files().filter((file) => !file.endsWith('.package-lock.json'));
    expect(left).toEqual([]);
  });
});
