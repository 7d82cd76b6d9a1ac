// SPDX-License-Identifier: Apache-2.0
import { closeSync, fsyncSync, openSync, renameSync, unlinkSync } from 'node:fs';
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
