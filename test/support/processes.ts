// SPDX-License-Identifier: Apache-2.0
//
// Processes of the tests. Everything started or adopted here is ended by its pid (and its start time, so that a pid used again by someone
// else is left alone) in cleanUp(), which every suite calls after each test, and once more when the test worker exits.
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import { setTimeout as delay } from 'node:timers/promises';

/** How a process ended: its exit code, or the signal that killed it. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface StartOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Default: three pipes. */
  readonly stdio?: StdioOptions;
}

/** Upper bound of every wait in the tests, milliseconds: only a failing test ever waits so long. */
export const waitMsMax = 60_000;

/** Lines of a stream, kept; each can be waited for once. */
export class Lines {
  readonly all: string[] = [];
  private rest = '';
  private readonly seen = new Set<number>();
  private wake: (() => void) | undefined;
  private ended = false;

  constructor(stream: NodeJS.ReadableStream | null) {
    if (!stream) {
      this.ended = true;
      return;
    }
    // A chunk may end in the middle of a character.
    const decoder = new StringDecoder();
    stream.on('data', (chunk: Buffer) => {
      const parts = (this.rest + decoder.write(chunk)).split('\n');
      this.rest = parts.pop() ?? '';
      this.all.push(...parts);
      this.wake?.();
    });
    stream.on('end', () => {
      this.rest += decoder.end();
      if (this.rest) this.all.push(this.rest);
      this.rest = '';
      this.ended = true;
      this.wake?.();
    });
    stream.on('error', () => {
      this.ended = true;
      this.wake?.();
    });
  }

  /** The first line that matches and was not given out before. Rejects at the stream's end, or in time. */
  async wait(pattern: RegExp, timeoutMs = waitMsMax): Promise<string> {
    const end = Date.now() + timeoutMs;
    for (;;) {
      const found = this.all.findIndex((line, i) => !this.seen.has(i) && pattern.test(line));
      if (found >= 0) {
        this.seen.add(found);
        return this.all[found] as string;
      }
      if (this.ended) throw new Error(`the output ended without ${String(pattern)}:\n${this.text()}`);
      const left = end - Date.now();
      if (left <= 0) throw new Error(`no line ${String(pattern)} in ${timeoutMs} ms:\n${this.text()}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  text(): string {
    return [...this.all, ...(this.rest ? [this.rest] : [])].join('\n');
  }
}

/** A child of the test. */
export class TestProcess {
  readonly out: Lines;
  readonly err: Lines;
  readonly ended: Promise<Ending>;
  private ending: Ending | undefined;

  constructor(
    readonly command: string,
    readonly child: ChildProcess,
  ) {
    this.out = new Lines(child.stdout);
    this.err = new Lines(child.stderr);
    this.ended = new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => {
        this.ending = { code, signal };
        resolve(this.ending);
      });
    });
    this.ended.catch(() => undefined);
    child.stdin?.on('error', () => undefined); // EPIPE: the reader is gone, the test sees its ending
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error(`${this.command} could not be started`);
    return this.child.pid;
  }

  get running(): boolean {
    return this.ending === undefined;
  }

  write(text: string): void {
    this.child.stdin?.write(text);
  }

  /** Its ending; rejects when it still runs after the time. */
  async end(timeoutMs = waitMsMax): Promise<Ending> {
    const late = new AbortController();
    try {
      return await Promise.race([
        this.ended,
        delay(timeoutMs, undefined, { signal: late.signal }).then(() => {
          throw new Error(`${this.command} (pid ${this.pid}) still runs after ${timeoutMs} ms:\n${this.describe()}`);
        }),
      ]);
    } finally {
      late.abort();
    }
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Ending> {
    if (this.running) this.child.kill(signal);
    return this.end();
  }

  describe(): string {
    return `--- stdout\n${this.out.text()}\n--- stderr\n${this.err.text()}`;
  }
}

const children = new Set<TestProcess>();
const adopted = new Map<number, string>();

/** Starts a program; cleanUp() ends it. */
export function start(command: string, args: readonly string[] = [], options: StartOptions = {}): TestProcess {
  const child = spawn(command, args, {
    stdio: options.stdio ?? 'pipe',
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: options.env ?? process.env,
  });
  const started = new TestProcess([command, ...args].join(' '), child);
  children.add(started);
  return started;
}

/** Field 22 of /proc/PID/stat: with the pid it names a process for good. Undefined when there is none, or only its zombie. */
export function startTicks(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** State letter of /proc/PID/stat, like R, S or T. */
export function stateOf(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
}

export function isAlive(pid: number): boolean {
  return startTicks(pid) !== undefined;
}

/** Takes over a process that is no child of the test (a restarted task): cleanUp() kills it. */
export function adopt(pid: number): void {
  const ticks = startTicks(pid);
  if (ticks !== undefined) adopted.set(pid, ticks);
}

/** Kills what adopt() took over, now. */
export async function killAdopted(pid: number): Promise<void> {
  const ticks = adopted.get(pid);
  adopted.delete(pid);
  if (ticks === undefined || startTicks(pid) !== ticks) return;
  process.kill(pid, 'SIGKILL');
  await until(`the end of ${pid}`, () => startTicks(pid) !== ticks);
}

/** Ends everything that start() and adopt() know. */
export async function cleanUp(): Promise<void> {
  for (const pid of [...adopted.keys()]) await killAdopted(pid);
  for (const child of children) if (child.running && child.child.pid !== undefined) child.child.kill('SIGKILL');
  await Promise.all([...children].map((child) => child.ended.catch(() => undefined)));
  children.clear();
}

process.on('exit', () => {
  for (const [pid, ticks] of adopted) if (startTicks(pid) === ticks) process.kill(pid, 'SIGKILL');
  for (const child of children) if (child.running) child.child.kill('SIGKILL');
});

/** Waits for something that comes by itself; a condition, never a time. */
export async function until(what: string, condition: () => boolean, timeoutMs = waitMsMax): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`waited ${timeoutMs} ms for ${what}`);
    await delay(2);
  }
}

/** Waits until a task is blocked in the system call of this number. */
export async function untilBlockedIn(pid: number, call: number): Promise<void> {
  const restartSyscall = 219; // what a sleep is in after it was stopped
  await until(`pid ${pid} in system call ${call}`, () => {
    const now = readFileSync(`/proc/${pid}/syscall`, 'utf8').split(' ')[0];
    return now === String(call) || now === String(restartSyscall);
  });
}

/** A 32-bit word of a process's memory. */
export function peek(pid: number, address: number): number {
  const fd = openSync(`/proc/${pid}/mem`, 'r');
  try {
    const word = Buffer.alloc(4);
    if (readSync(fd, word, 0, 4, address) !== 4) throw new Error(`short read at ${address.toString(16)} of ${pid}`);
    return word.readUInt32LE();
  } finally {
    closeSync(fd);
  }
}

export function poke(pid: number, address: number, value: number): void {
  const fd = openSync(`/proc/${pid}/mem`, 'r+');
  try {
    const word = Buffer.alloc(4);
    word.writeUInt32LE(value);
    writeSync(fd, word, 0, 4, address);
  } finally {
    closeSync(fd);
  }
}
