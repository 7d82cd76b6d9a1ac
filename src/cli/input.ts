// SPDX-License-Identifier: Apache-2.0
import { closeSync, fstatSync, openSync } from 'node:fs';
import { isatty } from 'node:tty';
import { CkptError } from '../format/errors.js';

export interface Input {
  readonly fd: number;
  /** Size where it is a file, for the progress bar. */
  readonly bytes: number | undefined;
  close(): void;
}

/** Opens an image argument: a file, or - for standard input, which must not be a terminal. */
export function openInput(file: string): Input {
  if (file === '-') {
    if (isatty(0)) throw new CkptError('usage', 'standard input is a terminal: an image comes from a pipe or a file');
    return { fd: 0, bytes: sizeOf(0), close: () => undefined };
  }
  let fd: number;
  try {
    fd = openSync(file, 'r');
  } catch (cause) {
    throw new CkptError('failed', `cannot open ${file}: ${(cause as Error).message}`, undefined, { cause });
  }
  if (fstatSync(fd).isDirectory()) {
    closeSync(fd);
    throw new CkptError('usage', `${file} is a directory`);
  }
  return { fd, bytes: sizeOf(fd), close: () => closeSync(fd) };
}

function sizeOf(fd: number): number | undefined {
  const stat = fstatSync(fd);
  return stat.isFile() ? stat.size : undefined;
}
