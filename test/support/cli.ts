// SPDX-License-Identifier: Apache-2.0
//
// bin/ckpt as people run it: a process with a store of its own, its exit code, what it printed and what it said.
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { adopt, start, type StartOptions, type TestProcess } from './processes.js';
import type { Copy } from './programs.js';

const ckpt = fileURLToPath(new URL('../../bin/ckpt', import.meta.url));

export interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CheckpointRow {
  readonly id: string;
  readonly name: string | null;
  readonly image_bytes: number;
  readonly pages: number;
  readonly new_pages: number;
  readonly stored_bytes: number;
}

/** A store in a temporary directory, and the command line on it. */
export class TestStore {
  readonly dir = mkdtempSync(join(tmpdir(), 'ckpt-store-'));
  private readonly env = {
    ...process.env,
    CKPT_STORE: join(this.dir, 'store'),
    XDG_CONFIG_HOME: this.dir,
    XDG_CACHE_HOME: this.dir,
    NO_COLOR: '1',
  };

  get path(): string {
    return join(this.dir, 'store');
  }

  /** Starts `ckpt ARGS`; the caller waits for what it wants. */
  start(args: readonly string[], options: StartOptions = {}): TestProcess {
    return start(process.execPath, [ckpt, ...args], { ...options, env: { ...this.env, ...options.env } });
  }

  /** bin/ckpt, for those who start it another way. */
  readonly program = ckpt;

  /** Starts a program with the environment of the store. */
  startProgram(command: string, args: readonly string[], options: StartOptions = {}): TestProcess {
    return start(command, args, { ...options, env: { ...this.env, ...options.env } });
  }

  async run(...args: string[]): Promise<Result> {
    const child = this.start(args);
    child.child.stdin?.end();
    const { code, signal } = await child.end();
    return { code: code ?? (signal ? 128 : null), stdout: child.out.text(), stderr: child.err.text() };
  }

  /** Runs a command that must succeed; its standard output without the last newline. */
  async ok(...args: string[]): Promise<string> {
    const result = await this.run(...args);
    expect(result.code, `ckpt ${args.join(' ')}: ${result.stderr}`).toBe(0);
    return result.stdout.trimEnd();
  }

  /** Runs a command that must succeed; its standard output, bytes that are no text, goes into a file. */
  async okInto(path: string, ...args: string[]): Promise<void> {
    const out = openSync(path, 'w');
    try {
      const child = this.start(args, { stdio: ['ignore', out, 'pipe'] });
      expect(await child.end(), `ckpt ${args.join(' ')}: ${child.describe()}`).toEqual({ code: 0, signal: null });
    } finally {
      closeSync(out);
    }
  }

  async list(): Promise<CheckpointRow[]> {
    return JSON.parse(await this.ok('ls', '--json')) as CheckpointRow[];
  }

  async row(id: string): Promise<CheckpointRow> {
    const row = (await this.list()).find((one) => one.id === id);
    if (!row) throw new Error(`no checkpoint ${id} in the list`);
    return row;
  }

  /** Restarts a checkpoint and stays its parent's parent; resolves when the task runs. */
  async restart(id: string, ...options: string[]): Promise<Copy> {
    const owner = this.start(['restart', id, '--json', ...options]);
    let line: string;
    try {
      line = await owner.out.wait(/"pid":/);
    } catch (cause) {
      throw new Error(`no task runs: ${JSON.stringify(await owner.end())}\n${owner.describe()}`, { cause });
    }
    const pid = Number(/"pid":\s*(\d+)/.exec(line)?.[1]);
    adopt(pid);
    return { pid, owner };
  }

  /** Nothing visible but these checkpoints, and every page of the store sound. */
  async expectWhole(ids: readonly string[]): Promise<void> {
    expect((await this.list()).map((row) => row.id).sort()).toEqual([...ids].sort());
    const verified = await this.run('verify');
    expect(verified.code, `ckpt verify: ${verified.stdout}${verified.stderr}`).toBe(0);
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}
