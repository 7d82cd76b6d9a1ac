// SPDX-License-Identifier: Apache-2.0
import { Command } from 'commander';
import { contextOf } from '../context.js';
import { refuseTerminal, writeOut } from '../output.js';

export function coreCommand(): Command {
  return new Command('core')
    .description('write a checkpoint as an ELF core file that gdb opens with its program; every page is verified')
    .argument('<id>', 'checkpoint')
    .option('-o, --output <file>', 'write to a file, which appears only when it is whole; zeros take no room in it')
    .addHelpText(
      'after',
      `
  ckpt core walk -o walk.core && gdb PROGRAM walk.core

Pages of files that the process had not changed are not in the core: the debugger takes them from the files themselves. The vdso
is not in an image and so not in a core. An image of version 1 has no r8 to r15, no bases and no auxiliary vector.`,
    )
    .action(async (id: string, options: { readonly output?: string }, command: Command) => {
      const context = contextOf(command);
      refuseTerminal(options.output);
      context.stopOnSignals();
      await context.withStore('read', async (ckpt) => {
        const row = await ckpt.find(id);
        const progress = context.progress('writing core');
        const write = async (fd: number): Promise<void> => {
          await ckpt.core(row.id, fd, { signal: context.signal, onProgress: (bytes) => progress.update(bytes) });
        };
        try {
          await writeOut(options.output, write);
        } finally {
          progress.done();
        }
      });
    });
}
