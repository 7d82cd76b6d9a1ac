// SPDX-License-Identifier: Apache-2.0
//
// The typed edge of native/process: the program that checkpoints and restarts tasks from user space, the descriptors it is
// given and the lines of JSON in which it reports. Neither images nor pages pass through here, only through its pipe.
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { CkptError, type ErrorKind } from '../format/errors.js';

export const processProgram = fileURLToPath(new URL('../../build/Release/ckpt-process', import.meta.url));

/** Descriptors of the program: 0 to 2 are the task's or the caller's. */
export const IMAGE_FD = 3;
export const STATUS_FD = 4;
export const CONTROL_FD = 5;

/** What the pager of a lazily restarted task says (docs/lazy.md). */
export type PagerEvent = 'waiting' | 'resumed' | 'damaged' | 'filled' | 'lost';

const pagerEvents: ReadonlySet<string> = new Set<PagerEvent>(['waiting', 'resumed', 'damaged', 'filled', 'lost']);

export function isPagerEvent(event: string): event is PagerEvent {
  return pagerEvents.has(event);
}

/** Who does the work: sys_checkpoint and sys_restart of a patched kernel, or their twins in user space. */
export type Via = 'kernel' | 'user';

/** A line of the status descriptor. */
export interface ProcessStatus {
  readonly event:
    'frozen' | 'written' | 'warning' | 'error' | 'done' | 'running' | 'exited' | 'killed' | 'ended' | PagerEvent;
  /** Of a restarter's: which request it is about. */
  readonly request?: number;
  /** running: when the task was let go, nanoseconds of CLOCK_MONOTONIC. */
  readonly atNs?: number;
  /** warning, error, and what a pager says but `filled`: one line. */
  readonly text?: string;
  readonly hint?: string;
  /** error: exit code of the command line's contract. */
  readonly exit?: number;
  readonly frozenMs?: number;
  /** frozen, running: who did it. */
  readonly via?: Via;
  readonly pid?: number;
  /** exited: the task's status; ended: the restarter's own. */
  readonly code?: number;
  /** killed: the signal's number and name. */
  readonly signal?: number;
  readonly name?: string;
  /** filled: pages by how they came: asked for, along with those, named by the working set, behind all these. */
  readonly faulted?: number;
  readonly neighbours?: number;
  readonly prefetched?: number;
  readonly streamed?: number;
}

const kinds: Readonly<Record<number, ErrorKind>> = {
  2: 'usage',
  3: 'missing',
  4: 'damaged',
  5: 'unsupported',
  130: 'cancelled',
};

/** A running program of native/process. */
export class ProcessProgram {
  readonly child: ChildProcess;
  /** Resolves to the exit code, or rejects when the program could not be started. A signal counts as 128 + its number. */
  readonly exit: Promise<number>;
  /** Resolves when the program is gone, whoever may still hold its descriptors. */
  readonly ended: Promise<void>;
  #lastError: ProcessStatus | undefined;

  /** `imageFd` becomes IMAGE_FD there; it stays open here. */
  constructor(args: readonly string[], imageFd: number | 'ignore', standard: 'quiet' | 'inherit') {
    const first: StdioOptions =
      standard === 'inherit' ? ['inherit', 'inherit', 'inherit'] : ['ignore', 'ignore', 'inherit'];
    this.child = spawn(processProgram, args, { stdio: [...first, imageFd, 'pipe', 'pipe'] });
    this.exit = new Promise((resolve, reject) => {
      this.child.once('error', (cause) => {
        reject(new CkptError('failed', `cannot run ${processProgram}: ${cause.message}`, 'npm run build', { cause }));
      });
      this.child.once('close', (code, signal) => resolve(code ?? 128 + (signal === 'SIGKILL' ? 9 : 15)));
    });
    this.ended = new Promise((resolve) => this.child.once('exit', () => resolve()));
    this.exit.catch(() => undefined); // reported to whoever awaits it
    this.control.on('error', () => undefined); // the program went first: its exit says why
  }

  /** Node's type of `stdio` ends at descriptor 4. */
  get #pipes(): readonly (Readable | Writable | null | undefined)[] {
    return this.child.stdio;
  }

  get control(): Writable {
    return this.#pipes[CONTROL_FD] as Writable;
  }

  /** The status lines, to the end of the program. */
  async *status(): AsyncGenerator<ProcessStatus> {
    for await (const line of createInterface({ input: this.#pipes[STATUS_FD] as Readable })) {
      const status = JSON.parse(line) as ProcessStatus;
      if (status.event === 'error') this.#lastError = status;
      yield status;
    }
  }

  /** The error that the program reported, or else one made of its exit code. */
  error(exitCode: number, doing: string): CkptError {
    return this.errorOf(this.#lastError, exitCode, doing);
  }

  /** Listens no longer to what is said on the status descriptor. */
  hangUp(): void {
    (this.#pipes[STATUS_FD] as Readable).destroy();
  }

  /** The same of an error that was reported for one of several things. */
  errorOf(reported: ProcessStatus | undefined, exitCode: number, doing: string): CkptError {
    const { exit, text, hint } = reported ?? {};
    if (text === undefined)
      return new CkptError('failed', `${doing}: the program ended with exit code ${String(exitCode)}`);
    return new CkptError(kinds[exit ?? 1] ?? 'failed', text, hint);
  }

  get reportedError(): boolean {
    return this.#lastError !== undefined;
  }
}

/** What works on this machine, as `ckpt-process check` finds it. */
export interface MachineCheck {
  readonly [name: string]: {
    readonly ok: boolean;
    readonly detail?: string;
    readonly hint?: string;
  };
}

/** The checks without which neither save nor restart works; the others only cost comfort. */
export const requiredChecks: ReadonlySet<string> = new Set(['ptrace', 'procMem', 'pagemap', 'xstate', 'vdso']);

/** Runs the checks of `ckpt doctor`. */
export async function checkMachine(): Promise<MachineCheck> {
  const child = spawn(processProgram, ['check'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve());
  });
  let text = '';
  for await (const chunk of child.stdout) text += String(chunk);
  await ended;
  return JSON.parse(text) as MachineCheck;
}
