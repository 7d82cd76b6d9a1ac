// SPDX-License-Identifier: Apache-2.0
import { Command } from 'commander';
import { contextOf, describe } from '../context.js';

export function rmCommand(): Command {
  return new Command('rm')
    .description('remove checkpoints; an event in the log, others keep the pages they share')
    .argument('<id...>', 'checkpoints')
    .action(async (ids: string[], _options: object, command: Command) => {
      const context = contextOf(command);
      await context.withStore('read', async (ckpt) => {
        const rows = [];
        for (const id of ids) rows.push(await ckpt.findRemovable(id)); // all must exist before one is removed
        for (const row of rows) {
          await ckpt.remove(row.id);
          context.say(`removed ${describe(row)}`);
        }
        if (context.json) context.printJson(rows.map((row) => ({ id: row.id })));
      });
    });
}
