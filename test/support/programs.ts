// SPDX-License-Identifier: Apache-2.0
//
// The programs of test/programs: how each is started, when it is at the place where it is to be checkpointed, what a copy says right after
// its restart, and how it is told to finish. The protocol itself is in test/programs/common.h.
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { lastingDifferences, procStates } from './proc-state.js';
import { peek, poke, start, stateOf, until, untilBlockedIn, type StartOptions, type TestProcess } from './processes.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const sources = join(root, 'test', 'programs');
const built = join(root, 'node_modules', '.cache', 'ckpt-test-programs');
/** Starts a program with no descriptor but the standard three. */
const alone = join(built, 'alone');

/** A running copy of a program: the original, or one restarted from a checkpoint. */
export interface Copy {
  readonly pid: number;
  /** Whose output holds the program's: the program itself, or the restarter that stays its parent. */
  readonly owner: TestProcess;
}

export interface Program {
  readonly name: string;
  readonly command: string;
  args(dir: string): readonly string[];
  /** Waits, after `ready`, until the task is where the checkpoint shall find it. */
  settle?(copy: Copy, control: number): Promise<void>;
  /** A line that only a copy prints, right after its restart. */
  readonly copySays?: RegExp;
  /** Tells it to finish; by default its control word is set. */
  finish?(copy: Copy, control: number, dir: string): void | Promise<void>;
  /** Its memory changes as it goes on: only while it is stopped can it be compared with itself. */
  readonly restless?: boolean;
  /** Version 1 can carry it. */
  readonly v1?: boolean;
  /** It becomes another user, who has to reach its program and its directory wherever the checkout is. */
  readonly becomesAnother?: boolean;
  /** MiB it needs, when that is a lot. */
  readonly mib?: number;
}

const NR_READ = 0;
const NR_NANOSLEEP = [35, 230] as const; // glibc makes nanosleep from clock_nanosleep

/** Waits for some rounds of the program's loop: it is in its steady state then. */
async function someRounds(copy: Copy, control: number): Promise<void> {
  const from = peek(copy.pid, control + 4);
  await until(`rounds of ${copy.pid}`, () => peek(copy.pid, control + 4) - from >= 3);
}

async function working(copy: Copy): Promise<void> {
  await copy.owner.out.wait(/^working$/);
}

function goFile(_copy: Copy, _control: number, dir: string): void {
  writeFileSync(join(dir, 'go'), '');
}

function wake(copy: Copy, control: number): void {
  poke(copy.pid, control, 1);
  process.kill(copy.pid, 'SIGUSR1');
}

function compiled(
  name: string,
  args: (dir: string) => readonly string[] = () => [],
  more: Partial<Program> = {},
): Program {
  return { name, command: join(built, name), args, settle: someRounds, ...more };
}

function script(name: string, command: string, args: (dir: string) => readonly string[]): Program {
  return { name, command, args, settle: working, finish: goFile, restless: true };
}

function interpreter(...names: string[]): string {
  return names.find((name) => existsSync(name)) ?? (names.at(-1) as string).replace(/.*\//, '');
}

/** Calls that `blocked` can sit in: whether a copy's call returns EINTR, and the number of the system call. */
const blockingCalls: readonly (readonly [string, 'eintr' | 'again', number])[] = [
  ['pause', 'again', 34],
  ['sigsuspend', 'again', 130],
  ['poll', 'eintr', 7],
  ['poll-timeout', 'eintr', 7],
  ['ppoll', 'again', 271],
  ['select', 'again', 270], // glibc: pselect6
  ['pselect', 'again', 270],
  ['futex', 'again', 202],
  ['futex-timeout', 'eintr', 202],
  ['clock_nanosleep', 'again', 230],
  ['sigwaitinfo', 'eintr', 128],
];

export const sleeper = compiled('sleeper', () => [], {
  settle: (copy) => untilBlockedIn(copy.pid, NR_NANOSLEEP[1]),
  copySays: /^interrupted$/,
  finish: wake,
});

export const reader = compiled('reader', () => [], {
  settle: (copy) => untilBlockedIn(copy.pid, NR_READ),
  finish: async (copy) => {
    copy.owner.write('add 5\nadd 7\nend\n');
    await copy.owner.out.wait(/^sum \d+$/);
  },
});

export const v1 = compiled('v1', () => [], { v1: true });

/** The same with 40,000 pages in a row. */
export const v1Large: Program = { ...compiled('v1', () => ['large'], { v1: true, mib: 160 }), name: 'v1 large' };

export function big(mib: number, ...more: string[]): Program {
  return compiled('big', () => [String(mib), ...more], { mib });
}

/** Does something to its memory, all at once, as soon as the file `go` is there. */
export function lazy(what: string, mib: number): Program {
  return {
    ...compiled('lazy', (dir) => [what, join(dir, 'go'), String(mib)]),
    settle: () => Promise.resolve(),
    name: `lazy ${what}`,
  };
}

/** Every program that can be checkpointed, but for the one of 2 GiB. */
export const programs: readonly Program[] = [
  compiled('avx'),
  { ...compiled('avx', () => ['256']), name: 'avx 256' },
  { ...compiled('avx', () => ['128']), name: 'avx 128' },
  compiled('signals'),
  compiled('tls_heap', (dir) => [dir]),
  compiled('file', (dir) => [dir]),
  sleeper,
  reader,
  compiled('vdso'),
  { ...big(64), name: 'big 64' },
  { ...big(16, 'churn'), name: 'big churn' },
  compiled('ldt'),
  v1,
  compiled('state', (dir) => [dir]),
  script('compute.py', interpreter('/usr/bin/python3', 'python3'), (dir) => [
    join(sources, 'compute.py'),
    join(dir, 'go'),
  ]),
  script('compute.pl', interpreter('/usr/bin/perl', 'perl'), (dir) => [join(sources, 'compute.pl'), join(dir, 'go')]),
  script('compute.awk', interpreter('/usr/bin/awk', 'awk'), (dir) => [
    '-v',
    `GO=${join(dir, 'go')}`,
    '-f',
    join(sources, 'compute.awk'),
  ]),
  ...blockingCalls.map(([call, then, number]) => ({
    ...compiled('blocked', () => [call], {
      settle: (copy) => untilBlockedIn(copy.pid, number),
      finish: wake,
      ...(then === 'eintr' ? { copySays: /^interrupted$/ } : {}),
    }),
    name: `blocked ${call}`,
  })),
];

function corner(name: string): Program {
  return { ...compiled('odd', (dir) => [name, dir]), name: `odd ${name}` };
}

/** Corners that are easy to get wrong. */
export const corners: readonly Program[] = [
  'limits',
  'dev-zero',
  'beyond-the-end',
  'shared-read-only',
  'many-mappings',
  'huge-pages',
  'mlockall',
  'droppable',
  'no-vdso',
  'rseq',
  'hammer',
  'timers',
  'batch',
  'user',
].map((name) => ({ ...corner(name), becomesAnother: name === 'user' }));

/** Who a task is, where root restarts it. */
export const identities: readonly Program[] = [
  'group',
  'bounding',
  'some-rights',
  'rights-given-up',
  'user-without-bounds',
  'files',
].map((name) => ({ ...compiled('identity', () => [name]), name: `identity ${name}`, becomesAnother: true }));

/** Whether every processor here has a feature, by its name in /proc/cpuinfo. */
function processorHas(feature: string): boolean {
  return new RegExp(`^flags\\s.*\\b${feature}\\b`, 'm').test(readFileSync('/proc/cpuinfo', 'latin1'));
}

/** States that a checkpoint refuses, and what its words must name. */
export const refusals: readonly (readonly [state: string, names: RegExp])[] = [
  ['threads', /thread/i],
  ['shared-anonymous', /shared/i],
  ['shared-file', /shared/i],
  ['shared-file-closed', /shared/i],
  ['shared-system-v', /System V/],
  ['shared-directory', /CLONE_FS/],
  ['trap-tsc', /PR_SET_TSC/],
  // Only some processors can.
  ...(processorHas('cpuid_fault') ? [['trap-cpuid', /ARCH_SET_CPUID/] as const] : []),
  ...(processorHas('ospke')
    ? ([
        ['key', /protection key/],
        ['key-memory', /protection key/],
      ] as const)
    : []),
  ['flock', /lock/],
  ['lease', /lease/],
  ['socket', /socket/i],
  ['socketpair', /socket/i],
  ['pipe', /pipe/i],
  ['fifo', /fifo|pipe/i],
  ['child', /child/i],
  ['zombie', /child|zombie/i],
  ['seccomp', /seccomp/i],
  ['epoll', /epoll|eventpoll/i],
  ['eventfd', /eventfd/i],
  ['timerfd', /timerfd/i],
  ['signalfd', /signalfd/i],
  ['inotify', /inotify/i],
  ['memfd', /memfd|deleted/i],
  ['pidfd', /pidfd/i],
  ['userfaultfd', /userfaultfd/i],
  ['io_uring', /io_uring/i],
  ['terminal', /terminal|ptmx|tty|device/i],
  ['deleted-file', /deleted/i],
  ['deleted-mapping', /deleted/i],
  ['replaced-file', /deleted/i],
  ['proc-file', /\/proc\//i],
  ['cwd-deleted', /deleted/i],
  ['exe-deleted', /deleted/i],
];

export function refused(state: string): Program {
  if (state === 'cwd-deleted' || state === 'exe-deleted') return corner(state);
  return { ...compiled('refuse', (dir) => [state, dir]), name: `refuse ${state}` };
}

let made = false;

/** Compiles what changed; cheap when nothing did. */
function make(): void {
  if (made) return;
  execFileSync('make', ['-s', '-C', sources, `OUT=${built}`, '-j2'], { stdio: ['ignore', 'ignore', 'inherit'] });
  made = true;
}

/** A program on its way: the original and every copy of it share the directory and the control word's address. */
export class Run {
  readonly dir = mkdtempSync(join(tmpdir(), 'ckpt-program-'));

  private constructor(
    readonly program: Program,
    readonly options: StartOptions,
  ) {}

  original!: Copy;
  /** Address of the control word; 0 for scripts. */
  control = 0;

  /** Starts a program and waits until it is where the checkpoint shall find it. */
  static async start(program: Program, options: StartOptions = {}): Promise<Run> {
    make();
    const run = new Run(program, options);
    const owner = program.becomesAnother
      ? start(alone, [run.openToAll(), ...program.args(run.dir)], { ...options, cwd: run.dir })
      : start(alone, [program.command, ...program.args(run.dir)], options);
    const line = await owner.out.wait(/^(ready|skip)\b/);
    if (line.startsWith('skip')) throw new Error(`${program.name}: ${line}`);
    run.control = parseInt(/control=0x([0-9a-f]+)/.exec(line)?.[1] ?? '0', 16);
    run.original = { pid: owner.pid, owner };
    await program.settle?.(run.original, run.control);
    return run;
  }

  /** The program, in a directory that everybody may enter. */
  private openToAll(): string {
    const path = join(this.dir, basename(this.program.command));
    copyFileSync(this.program.command, path);
    chmodSync(path, 0o755);
    chmodSync(this.dir, 0o755);
    return path;
  }

  /** The same, with the program's output in a file that is open as `fd`. */
  static async startWithOutputIn(program: Program, fd: number, path: string): Promise<Run> {
    make();
    const run = new Run(program, { stdio: ['ignore', fd, 'pipe'] });
    const owner = start(alone, [program.command, ...program.args(run.dir)], run.options);
    await until(`ready in ${path}`, () => /control=0x[0-9a-f]+ pid=\d+\n/.test(readFileSync(path, 'utf8')));
    run.control = parseInt(/control=0x([0-9a-f]+)/.exec(readFileSync(path, 'utf8'))?.[1] ?? '0', 16);
    run.original = { pid: owner.pid, owner };
    await program.settle?.(run.original, run.control);
    return run;
  }

  /** A restarted copy is where it was, and goes on. */
  async goesOn(copy: Copy): Promise<void> {
    if (this.program.copySays) await copy.owner.out.wait(this.program.copySays);
    await this.goesOnAfterCheckpoint(copy);
  }

  /** Runs a checkpoint of the original and proves that it changed nothing in it. */
  async untouchedBy<T>(checkpoint: () => Promise<T>): Promise<T> {
    const { pid } = this.original;
    if (this.program.restless) {
      process.kill(pid, 'SIGSTOP');
      await until(`the stop of ${pid}`, () => stateOf(pid) === 'T');
    }
    const before = await procStates(pid);
    const result = await checkpoint();
    expect(await lastingDifferences(before, pid)).toEqual([]);
    if (!this.program.restless) return result;
    process.kill(pid, 'SIGCONT');
    return checkpoint();
  }

  /** A process that was checkpointed goes on, and saw nothing of it. */
  async goesOnAfterCheckpoint(copy: Copy): Promise<void> {
    if (this.program.settle !== working) await this.program.settle?.(copy, this.control);
  }

  /** Tells a copy to finish; it must find its state right. Resolves when its owner has ended. */
  async finish(copy: Copy): Promise<void> {
    await this.tellToFinish(copy);
    const verdict = await copy.owner.out.wait(/^(ok|bad) /);
    expect(verdict).toMatch(/^ok /);
    const ending = await copy.owner.end();
    expect(ending, copy.owner.describe()).toEqual({ code: 0, signal: null });
    rmSync(join(this.dir, 'go'), { force: true });
  }

  async tellToFinish(copy: Copy): Promise<void> {
    if (this.program.finish) await this.program.finish(copy, this.control, this.dir);
    else poke(copy.pid, this.control, 1);
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}
