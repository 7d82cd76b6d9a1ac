// SPDX-License-Identifier: Apache-2.0
import { closeSync, fsyncSync, openSync, renameSync, unlinkSync } from 'node:fs';
import { isatty } from 'node:tty';
import { Command } from 'commander';
import { CkptError } from '../../format/errors.js';
import { contextOf } from '../context.js';

export function exportCommand(): Command {
  return new Command('export')
    .description('write an image, bit for bit, to standard output; every page is verified')
    .argument('<id>', 'checkpoint')
    .option('-o, --output <file>', 'write to a file, which appears only when it is whole')
    .action(async (id: string, options: { readonly output?: string }, command: Command) => {
      const context = contextOf(command);
      if (options.output === undefined && isatty(1)) {
        throw new CkptError('usage', 'standard output is a terminal', 'redirect it, or use -o FILE');
      }
      context.stopOnSignals();
      await context.withStore('read', async (ckpt) => {
        const row = await ckpt.find(id);
        const progress = context.progress('exporting', row.image_bytes);
        const write = (fd: number): Promise<void> =>
          ckpt.export(row.id, fd, { signal: context.signal, onProgress: (bytes) => progress.update(bytes) });
        try {
          if (options.output === undefined || options.output === '-') await write(1);
          else await writeWhole(options.output, write);
        } finally {
          progress.done();
        }
      });
    });
}

/** A file that is complete or not there: written beside its place, synced, renamed. */
async function writeWhole(path: string, write: (fd: number) => Promise<void>): Promise<void> {
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
