// SPDX-License-Identifier: Apache-2.0
import { Command } from 'commander';
import { contextOf } from '../context.js';
import { plural } from '../text.js';

export function rebuildCommand(): Command {
  return new Command('rebuild')
    .description('make the catalog anew from the log, in one transaction')
    .action(async (_options: object, command: Command) => {
      const context = contextOf(command);
      await context.withStore('rebuild', async (ckpt) => {
        await ckpt.rebuild();
        const { checkpoints } = await ckpt.stats();
        if (context.json) context.printJson({ checkpoints });
        context.say(`catalog rebuilt: ${plural(checkpoints, 'checkpoint')}`);
      });
    });
}
