// SPDX-License-Identifier: Apache-2.0
//
// What the build makes from the commands: completions that the shells take, and man pages that say what --help says.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { TestStore } from '../support/cli.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const completions = join(root, 'completions');

function shell(command: string, args: readonly string[]): string {
  const env = { ...process.env, PATH: `${join(root, 'bin')}:${process.env['PATH'] ?? ''}` };
  const result = spawnSync(command, args, { encoding: 'utf8', env });
  if (result.error) throw result.error;
  expect(result.stderr).toBe('');
  expect(result.status).toBe(0);
  return result.stdout;
}

const has = (command: string): boolean => spawnSync(command, ['--version']).error === undefined;

/** What bash offers for the words, the last of which is being typed. */
function bashOffers(...words: string[]): string[] {
  const list = words.map((word) => `'${word}'`).join(' ');
  const script = `source '${completions}/ckpt.bash'; COMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; _ckpt; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return shell('bash', ['-c', script]).split('\n').filter(Boolean);
}

describe('completions', () => {
  it('of bash offer commands, options and values', () => {
    expect(bashOffers('ckpt', 'sa')).toEqual(['save']);
    expect(bashOffers('ckpt', '--store', '/tmp', 'resta')).toEqual(['restart']);
    expect(bashOffers('ckpt', 'save', '--fo')).toEqual(['--format']);
    expect(bashOffers('ckpt', 'save', '--format', '')).toEqual(['1', '2']);
    expect(bashOffers('ckpt', 'save', String(process.pid))).toContain(String(process.pid));
    expect(bashOffers('ckpt', '--store', '/nonexistent', 'export', '@')).toEqual(['@last']);
  });

  it('never run what stands in the name of a checkpoint, and offer it whole', async () => {
    const store = new TestStore();
    try {
      const mark = join(store.dir, 'mark');
      const name = `a $(touch ${mark}) \`touch ${mark}\` *`;
      const id = await store.ok('ingest', join(root, 'test', 'golden', 'no-pages.img'), '--name', name);
      expect(bashOffers('ckpt', '--store', store.path, 'export', '')).toEqual(['@last', id, name]);
      expect(bashOffers('ckpt', '--store', store.path, 'export', 'a ')).toEqual([name]);
      expect(bashOffers('ckpt', 'diff', '--store', store.path, '--exit-code', 'a ')).toEqual([name]);
      expect(existsSync(mark)).toBe(false);
    } finally {
      store.remove();
    }
  });

  it.skipIf(!has('zsh'))('of zsh are what zsh takes', () => {
    shell('zsh', ['-f', '-n', join(completions, 'ckpt.zsh')]);
  });

  it.skipIf(!has('fish'))('of fish offer commands and options', () => {
    const script = `source '${completions}/ckpt.fish'; complete -C 'ckpt sa'; complete -C 'ckpt save --fo'`;
    expect(shell('fish', ['--no-config', '-c', script])).toMatch(/^save\t[\s\S]*^--format\t/m);
  });

  it.skipIf(!has('fish'))('of fish offer checkpoints of the store that is meant', async () => {
    const store = new TestStore();
    try {
      const id = await store.ok('ingest', join(root, 'test', 'golden', 'no-pages.img'), '--name', 'one');
      const offers = (line: string): string[] => {
        const script = `source '${completions}/ckpt.fish'; complete -C '${line}'`;
        return shell('fish', ['--no-config', '-c', script]).split('\n').filter(Boolean).sort();
      };
      expect(offers(`ckpt --store ${store.path} show `)).toEqual([id, '@last', 'one'].sort());
      expect(offers(`ckpt show --store ${store.path} on`)).toEqual(['one']);
      expect(offers('ckpt --store /nonexistent show ')).toEqual(['@last']);
    } finally {
      store.remove();
    }
  });
});

describe('man pages', () => {
  const help = shell(join(root, 'bin', 'ckpt'), ['--help']);
  const commands = [...help.matchAll(/^ {2}([a-z]+)(?: |$)/gm)]
    .map((match) => match[1]!)
    .filter((name) => name !== 'help');

  it('are there for ckpt and each of its commands', () => {
    expect(commands.length).toBeGreaterThan(10);
    const pages = readdirSync(join(root, 'man'));
    expect(pages).toEqual(expect.arrayContaining(['ckpt.1', ...commands.map((name) => `ckpt-${name}.1`)]));
    for (const page of pages) expect(readFileSync(join(root, 'man', page), 'utf8')).toMatch(/^\.TH CKPT\S* 1 /m);
  });

  it('name every option that --help names', () => {
    for (const name of commands) {
      const words = shell(join(root, 'bin', 'ckpt'), [name, '--help']);
      const page = readFileSync(join(root, 'man', `ckpt-${name}.1`), 'utf8').replaceAll('\\-', '-');
      const own = words.split(/^Global Options:/m)[0] ?? '';
      for (const [option] of own.matchAll(/--[a-z-]+/g))
        if (option !== '--help') expect(page, `${name} ${option}`).toContain(option);
    }
  });
});
