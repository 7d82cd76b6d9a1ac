// SPDX-License-Identifier: Apache-2.0
//
// Who writes: this process, told apart from every other one on this machine and from those of earlier boots.
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import type { WriterIdentity } from '../format/events.js';

/** Field 22 of /proc/PID/stat, clock ticks from boot to the start of a process; null when there is no such process. */
export function processStartTicks(pid: number): number | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return null;
  }
  // Field 2, the command's name, may hold blanks and parentheses: count from behind its last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // A zombie has ended; it writes nothing any more.
  if (fields[0] === 'Z' || fields[0] === 'X') return null;
  const ticks = Number(fields[19]);
  return Number.isFinite(ticks) ? ticks : null;
}

export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
}

/** Inode of the pid namespace: pids mean something only within one. */
export function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

let own: WriterIdentity | undefined;

/** This process as the writer of a stream. */
export function currentWriter(): WriterIdentity {
  own ??= {
    host: hostname(),
    bootId: bootId(),
    pidNamespace: pidNamespace(),
    pid: process.pid,
    startTicks: processStartTicks(process.pid) ?? 0,
  };
  return own;
}

/** Whether a writer is certainly at work: a process that can be seen from here. */
export function isAlive(writer: WriterIdentity): boolean {
  const here = currentWriter();
  const visible =
    writer.host === here.host && writer.bootId === here.bootId && writer.pidNamespace === here.pidNamespace;
  return visible && processStartTicks(writer.pid) === writer.startTicks;
}

/**
 * Whether a writer is certainly gone: it was of this host, and either of an earlier boot or a process that has ended. A writer of
 * another host, or of another pid namespace of this boot, is never called gone from here.
 */
export function isGone(writer: WriterIdentity): boolean {
  const here = currentWriter();
  if (writer.host !== here.host) return false;
  if (writer.bootId !== here.bootId) return true;
  if (writer.pidNamespace !== here.pidNamespace) return false;
  return processStartTicks(writer.pid) !== writer.startTicks;
}
