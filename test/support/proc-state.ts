// SPDX-License-Identifier: Apache-2.0
//
// What /proc tells about a process that a checkpoint must not change: mappings, resident pages, open files, signals, timers, limits.
// Left out is what time or other processes change by themselves: CPU time, Referenced, Pss and Locked (which is one too; VmFlags have
// `lo`), the shared and private halves of clean file pages, transparent-huge-page and soft-dirty bookkeeping.
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

export type ProcState = Readonly<Record<string, string>>;

const smapsFields = ['Size', 'Rss', 'Anonymous', 'Swap', 'LazyFree'];
const statusFields = [
  'Name Umask Tgid Ngid Pid PPid TracerPid Uid Gid FDSize Groups NStgid VmSize VmLck VmPin VmData VmStk VmExe VmLib VmPTE VmSwap',
  'CoreDumping THP_enabled Threads SigPnd ShdPnd SigBlk SigIgn SigCgt CapInh CapPrm CapEff CapBnd CapAmb NoNewPrivs Seccomp',
  'Seccomp_filters',
]
  .join(' ')
  .split(' ');
/** man 5 proc_pid_stat, counted from 1. */
const statFields: Record<string, number> = {
  ppid: 4, pgrp: 5, session: 6, tty: 7, priority: 18, nice: 19, threads: 20, startTicks: 22, vsize: 23, rssLimit: 25, startCode: 26,
  endCode: 27, startStack: 28, signal: 31, blocked: 32, sigIgnore: 33, sigCatch: 34, exitSignal: 38, rtPriority: 40, policy: 41,
  startData: 45, endData: 46, startBrk: 47, argStart: 48, argEnd: 49, envStart: 50, envEnd: 51, exitCode: 52,
}; // prettier-ignore

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    return `(${(error as NodeJS.ErrnoException).code ?? String(error)})`;
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch (error) {
    return `(${(error as NodeJS.ErrnoException).code ?? String(error)})`;
  }
}

function smaps(pid: number): string {
  const kept: string[] = [];
  for (const line of read(`/proc/${pid}/smaps`).split('\n')) {
    const name = /^([A-Za-z_]+):/.exec(line)?.[1];
    if (name === undefined) kept.push(line);
    else if (smapsFields.includes(name)) kept.push(line.replace(/\s+/g, ' '));
    else if (name === 'VmFlags') kept.push(line.replace(/ sd\b/, '').trimEnd());
  }
  return kept.join('\n');
}

/** Per mapping, a digest over which pages are present or swapped. */
function residentPages(pid: number): string {
  const lines: string[] = [];
  const fd = openSync(`/proc/${pid}/pagemap`, 'r');
  try {
    for (const line of read(`/proc/${pid}/maps`).split('\n')) {
      const range = /^([0-9a-f]+)-([0-9a-f]+) /.exec(line);
      if (!range || line.includes('[vsyscall]')) continue;
      const start = parseInt(range[1] as string, 16);
      const pages = (parseInt(range[2] as string, 16) - start) / 4096;
      const entries = Buffer.alloc(pages * 8);
      const got = readSync(fd, entries, 0, entries.length, (start / 4096) * 8);
      const hash = createHash('sha256');
      const bits = Buffer.alloc(got / 8);
      let present = 0;
      for (let i = 0; i < bits.length; i++) {
        bits[i] = (entries[i * 8 + 7] as number) & 0xc0; // bits 62 and 63: swapped, present
        if (bits[i]) present++;
      }
      lines.push(`${range[0]}${present} ${hash.update(bits).digest('hex').slice(0, 16)}`);
    }
  } finally {
    closeSync(fd);
  }
  return lines.join('\n');
}

export function procState(pid: number): ProcState {
  const state: Record<string, string> = {
    maps: read(`/proc/${pid}/maps`),
    smaps: smaps(pid),
    resident: residentPages(pid),
    timers: read(`/proc/${pid}/timers`),
    tasks: readdirSync(`/proc/${pid}/task`).join(' '),
  };
  for (const name of [
    'limits',
    'cmdline',
    'environ',
    'auxv',
    'comm',
    'personality',
    'oom_score_adj',
    'cgroup',
    'timerslack_ns',
  ])
    state[name] = read(`/proc/${pid}/${name}`);
  for (const name of ['cwd', 'exe', 'root']) state[name] = link(`/proc/${pid}/${name}`);
  for (const fd of readdirSync(`/proc/${pid}/fd`).sort((a, b) => Number(a) - Number(b)))
    state[`fd ${fd}`] = `${link(`/proc/${pid}/fd/${fd}`)}\n${read(`/proc/${pid}/fdinfo/${fd}`)}`;
  for (const line of read(`/proc/${pid}/status`).split('\n')) {
    const [name, value] = [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()];
    if (statusFields.includes(name)) state[`status ${name}`] = value;
  }
  const stat = read(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  for (const [name, number] of Object.entries(statFields)) state[`stat ${name}`] = fields[number - 3] ?? '';
  return state;
}

/** Names and values of what differs; empty when nothing does. */
export function differences(before: ProcState, after: ProcState): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names]
    .filter((name) => before[name] !== after[name])
    .map((name) => `${name}:\n${lineDifference(before[name] ?? '', after[name] ?? '')}`);
}

function lineDifference(before: string, after: string): string {
  const [old, now] = [before.split('\n'), after.split('\n')];
  const moved = old.map((line, i) => (line === now[i] ? '' : `- ${line}\n+ ${now[i] ?? ''}`)).filter((line) => line);
  if (old.length === now.length) return moved.slice(0, 20).join('\n');
  const lines = [
    ...old.filter((line) => !now.includes(line)).map((l) => `- ${l}`),
    ...now.filter((line) => !old.includes(line)).map((l) => `+ ${l}`),
  ];
  return lines.slice(0, 20).join('\n');
}

/** Every value that a process shows of each part of its state, in a few looks one after the other. */
export async function procStates(pid: number): Promise<ProcState[]> {
  const states = [procState(pid)];
  for (let look = 1; look < 4; look++) {
    await delay(5);
    states.push(procState(pid));
  }
  return states;
}

/**
 * Differences to earlier states that stay. A running process shows moments (a timer's signal that is pending, a handler's mask):
 * what differs only now and then is none; what a checkpoint had changed would differ every time.
 */
export async function lastingDifferences(before: readonly ProcState[], pid: number): Promise<string[]> {
  let found: string[] = [];
  for (let attempt = 0; attempt < 40; attempt++) {
    const now = procState(pid);
    // A part is as it was when it is as it was once: parts of one look need not belong together.
    const asBefore = Object.fromEntries(
      Object.keys({ ...before[0], ...now }).map((name) => [
        name,
        (before.find((state) => state[name] === now[name]) ?? before[0])?.[name] ?? '',
      ]),
    );
    found = differences(asBefore, now);
    if (found.length === 0) return found;
    await delay(5);
  }
  return found;
}
