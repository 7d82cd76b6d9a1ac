// SPDX-License-Identifier: Apache-2.0
import { Command } from 'commander';
import { Ckpt } from '../../ckpt.js';
import { contextOf, describe } from '../context.js';

export function copyCommand(): Command {
  return new Command('copy')
    .description('copy checkpoints into another store, with their ids, names and tags; what is there already is left')
    .argument('<id...>', 'checkpoints')
    .requiredOption('--to <dir>', 'directory of the other store; made when it is not there')
    .action(async (ids: string[], options: { readonly to: string }, command: Command) => {
      const context = contextOf(command);
      context.stopOnSignals();
      await context.withStore('read', async (ckpt) => {
        const rows = [];
        for (const id of ids) rows.push(await ckpt.find(id)); // all must exist before one is copied
        const other = await Ckpt.open({ store: options.to, access: 'create', keys: context.settings.keys });
        const done: { id: string; copied: boolean }[] = [];
        try {
          for (const row of rows) {
            const { id, copied } = await ckpt.copyTo(other, row.id, { signal: context.signal });
            done.push({ id, copied });
            context.say(`${copied ? 'copied' : 'is there already:'} ${describe(row)}`);
          }
        } finally {
          await other.close();
        }
        if (context.json) context.printJson(done);
      });
    });
}
