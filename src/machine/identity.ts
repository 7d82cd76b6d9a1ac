// SPDX-License-Identifier: Apache-2.0
//
// Who writes: this process, told apart from every other one on this machine and from those of earlier boots.
import { createHash } from 'node:crypto';
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

/** Of /etc/machine-id, which is not for others to see (machine-id(5)), a digest. */
function machine(): { machine?: string } {
  let id: string;
  try {
    id = readFileSync('/etc/machine-id', 'latin1').trim();
  } catch {
    return {};
  }
  if (!/^[0-9a-f]{32}$/.test(id)) return {};
  return { machine: createHash('sha256').update(`ckpt machine 1\0${id}`).digest('hex').slice(0, 16) };
}

/** The machine of a writer: names alone may be those of several. */
export function placeOf({ host, machine }: WriterIdentity): string {
  return machine === undefined ? host : `${host}/${machine}`;
}

let own: WriterIdentity | undefined;

/** This process as the writer of a stream. */
export function currentWriter(): WriterIdentity {
  own ??= {
    host: hostname(),
    ...machine(),
    bootId: bootId(),
    pidNamespace: pidNamespace(),
    pid: process.pid,
    startTicks: processStartTicks(process.pid) ?? 0,
  };
  return own;
}

/** A writer that does not say which machine it was on is known by its host's name. */
function isHere(writer: WriterIdentity, here: WriterIdentity): boolean {
  const place = placeOf(writer);
  return place === placeOf(here) || place === here.host;
}

/** Whether a writer is certainly at work: a process that can be seen from here. */
export function isAlive(writer: WriterIdentity): boolean {
  const here = currentWriter();
  const visible = isHere(writer, here) && writer.bootId === here.bootId && writer.pidNamespace === here.pidNamespace;
  return visible && processStartTicks(writer.pid) === writer.startTicks;
}

/**
 * Whether a writer is certainly gone: it was of this machine, and either of an earlier boot or a process that has ended. A writer of
 * another machine, or of another pid namespace of this boot, is never called gone from here.
 */
export function isGone(writer: WriterIdentity): boolean {
  const here = currentWriter();
  if (!isHere(writer, here)) return false;
  if (writer.bootId !== here.bootId) return true;
  if (writer.pidNamespace !== here.pidNamespace) return false;
  return processStartTicks(writer.pid) !== writer.startTicks;
}
