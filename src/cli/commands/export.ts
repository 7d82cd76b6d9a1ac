// SPDX-License-Identifier: Apache-2.0
import { Command } from 'commander';
import { contextOf } from '../context.js';
import { refuseTerminal, writeOut } from '../output.js';

export function exportCommand(): Command {
  return new Command('export')
    .description('write an image, bit for bit, to standard output; every page is verified')
    .argument('<id>', 'checkpoint')
    .option('-o, --output <file>', 'write to a file, which appears only when it is whole')
    .action(async (id: string, options: { readonly output?: string }, command: Command) => {
      const context = contextOf(command);
      refuseTerminal(options.output);
      context.stopOnSignals();
      await context.withStore('read', async (ckpt) => {
        const row = await ckpt.find(id);
        const progress = context.progress('exporting', row.image_bytes);
        const write = (fd: number): Promise<void> =>
          ckpt.export(row.id, fd, { signal: context.signal, onProgress: (bytes) => progress.update(bytes) });
        try {
          await writeOut(options.output, write);
        } finally {
          progress.done();
        }
      });
    });
}
