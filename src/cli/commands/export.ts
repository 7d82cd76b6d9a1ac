// SPDX-License-Identifier: Apache-2.0
import { Command } from 'commander';
import { contextOf } from '../context.js';
import { refuseTerminal, writeOut } from '../output.js';

interface ExportFlags {
  readonly output?: string;
  readonly requireSeal: boolean;
}

export function exportCommand(): Command {
  return new Command('export')
    .description('write an image, bit for bit, to standard output; every page is verified')
    .argument('<id>', 'checkpoint')
    .option('-o, --output <file>', 'write to a file, which appears only when it is whole')
    .option('--no-require-seal', 'also an image that nobody known stands for, although keys are configured')
    .action(async (id: string, options: ExportFlags, command: Command) => {
      const context = contextOf(command);
      refuseTerminal(options.output);
      context.stopOnSignals();
      await context.withStore('read', async (ckpt) => {
        const row = await ckpt.find(id);
        const progress = context.progress('exporting', row.image_bytes);
        const write = (fd: number): Promise<void> =>
          ckpt.export(row.id, fd, {
            signal: context.signal,
            requireSeal: options.requireSeal,
            onProgress: (bytes) => progress.update(bytes),
          });
        try {
          await writeOut(options.output, write);
        } finally {
          progress.done();
        }
      });
    });
}
