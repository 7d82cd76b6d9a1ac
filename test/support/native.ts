// SPDX-License-Identifier: Apache-2.0
//
// build/Release/ckpt-process as the tests drive it: a checkpoint into a file, a restart out of one, without store and Node around them.
import { closeSync, existsSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Readable, Writable } from 'node:stream';
import { adopt, Lines, start, type Ending, type TestProcess } from './processes.js';
import type { Copy } from './programs.js';

const root = new URL('../../', import.meta.url);
const installed = fileURLToPath(new URL('build/Release/ckpt-process', root));
/** CKPT_PROCESS takes another build, such as one with sanitizers (native/process/Makefile). */
export const processProgram = process.env['CKPT_PROCESS'] ?? installed;

export interface StatusEvent {
  readonly event: string;
  readonly [field: string]: unknown;
}

function events(lines: Lines): StatusEvent[] {
  return lines.all.map((line) => JSON.parse(line) as StatusEvent);
}

function statusOf(process: TestProcess): Lines {
  return new Lines(process.child.stdio[3] as Readable);
}

export interface CheckpointResult {
  readonly ending: Ending;
  readonly events: readonly StatusEvent[];
  readonly stderr: string;
}

/** Starts `ckpt-process checkpoint` with a control pipe: with --kill or --stop it holds the task until decide() has said what becomes of it. */
export function startCheckpoint(pid: number, image: string, ...options: string[]): HeldCheckpoint {
  const fd = openSync(image, 'w', 0o600);
  try {
    const args = ['checkpoint', '--pid', String(pid), '--fd', '1', '--status-fd', '3', '--control-fd', '4', ...options];
    const child = start(processProgram, args, { stdio: ['ignore', fd, 'pipe', 'pipe', 'pipe'] });
    const control = child.child.stdio[4] as Writable;
    control.on('error', () => undefined);
    return { child, status: statusOf(child), decide: (how) => control.end(how === 'commit' ? 'c' : undefined) };
  } finally {
    closeSync(fd);
  }
}

export interface HeldCheckpoint {
  readonly child: TestProcess;
  readonly status: Lines;
  decide(how: 'commit' | 'let go'): void;
}

/** Runs `ckpt-process checkpoint` to its end, with the image going to a file. */
export async function checkpoint(pid: number, image: string, ...options: string[]): Promise<CheckpointResult> {
  if (!existsSync(processProgram)) throw new Error(`${processProgram} is not there: npm run build`);
  const { child, status, decide } = startCheckpoint(pid, image, ...options);
  decide('commit');
  const ending = await child.end();
  return { ending, events: events(status), stderr: child.err.text() };
}

export interface Restarted extends Copy {
  readonly status: Lines;
}

/** Runs `ckpt-process restart`; resolves when the task runs. Rejects with its error when it does not. */
export async function restart(image: string, ...options: string[]): Promise<Restarted> {
  const owner = startRestart(image, ...options);
  const status = statusOf(owner);
  let line: string;
  try {
    line = await status.wait(/"event":\s*"(running|error)"/);
  } catch (cause) {
    throw new Error(`no task runs: ${JSON.stringify(await owner.end())}\n${owner.describe()}`, { cause });
  }
  const event = JSON.parse(line) as StatusEvent;
  if (event.event === 'error') throw new Error(`restart failed: ${line}`);
  const pid = Number(event['pid']);
  adopt(pid);
  return { pid, owner, status };
}

export function startRestart(image: string, ...options: string[]): TestProcess {
  const fd = openSync(image, 'r');
  try {
    return start(processProgram, ['restart', '--fd', '4', '--status-fd', '3', ...options], {
      stdio: ['pipe', 'pipe', 'pipe', 'pipe', fd],
    });
  } finally {
    closeSync(fd);
  }
}

/** A restart that is expected to fail: how it ended, and what it said. */
export async function failedRestart(image: string, ...options: string[]): Promise<CheckpointResult> {
  const owner = startRestart(image, ...options);
  const status = statusOf(owner);
  const ending = await owner.end();
  return { ending, events: events(status), stderr: owner.err.text() };
}
