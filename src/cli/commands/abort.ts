// SPDX-License-Identifier: Apache-2.0
import { Command } from 'commander';
import { contextOf } from '../context.js';

export function abortCommand(): Command {
  return new Command('abort')
    .description('end an open checkpoint whose writer will not come back, so that gc need not wait for it')
    .argument('<id>', 'checkpoint, as ckpt ls --state open shows it')
    .option(
      '--writer-is-dead',
      'you know that its writer is gone: it ran on another machine, or in another pid namespace',
    )
    .action(async (id: string, { writerIsDead }: { writerIsDead?: boolean }, command: Command) => {
      const context = contextOf(command);
      await context.withStore('read', async (ckpt) => {
        const ended = await ckpt.abort(id, { writerIsDead: writerIsDead ?? false });
        context.say(`ended the open checkpoint ${ended}`);
        if (context.json) context.printJson({ id: ended });
      });
    });
}
