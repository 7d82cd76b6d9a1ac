// SPDX-License-Identifier: Apache-2.0
import { isatty } from 'node:tty';
import { Command } from 'commander';
import { CkptError } from '../../format/errors.js';
import { contextOf } from '../context.js';
import { writeWhole } from '../output.js';

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
