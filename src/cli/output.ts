// SPDX-License-Identifier: Apache-2.0
import { closeSync, fsyncSync, openSync, renameSync, unlinkSync } from 'node:fs';
import { isatty } from 'node:tty';
import { CkptError } from '../format/errors.js';

/** A file that is complete or not there: written beside its place, synced, renamed. */
export async function writeWhole(path: string, write: (fd: number) => Promise<void>): Promise<void> {
  const partial = `${path}.${String(process.pid)}.partial`;
  let fd: number;
  try {
    fd = openSync(partial, 'wx', 0o600);
  } catch (cause) {
    throw new CkptError('failed', `cannot write ${path}: ${(cause as Error).message}`, undefined, { cause });
  }
  try {
    await write(fd);
    fsyncSync(fd);
    renameSync(partial, path);
  } catch (error) {
    unlinkSync(partial);
    throw error;
  } finally {
    closeSync(fd);
  }
}

/** Bytes are not for a terminal. Throws CkptError ('usage'). */
export function refuseTerminal(path: string | undefined): void {
  if (path !== undefined || !isatty(1)) return;
  throw new CkptError('usage', 'standard output is a terminal', 'redirect it, or use -o FILE');
}

/** Writes to standard output, or to a file, which is complete or not there. */
export async function writeOut(path: string | undefined, write: (fd: number) => Promise<void>): Promise<void> {
  if (path === undefined || path === '-') await write(1);
  else await writeWhole(path, write);
}
