// SPDX-License-Identifier: Apache-2.0
import { Command } from 'commander';
import { contextOf } from '../context.js';
import { humanBytes, humanCount, table } from '../text.js';

export function lsCommand(): Command {
  return new Command('ls')
    .description('list the sealed checkpoints, oldest first')
    .action(async (_options: object, command: Command) => {
      const context = contextOf(command);
      await context.withStore('read', async (ckpt) => {
        const rows = await ckpt.list();
        if (context.json) {
          context.printJson(rows);
          return;
        }
        if (!rows.length) context.say('no checkpoints');
        context.print(
          table(
            ['ID', 'NAME', 'CREATED', 'PID', 'COMMAND', 'IMAGE', 'PAGES', 'NEW', 'STORED'],
            rows.map((row) => [
              row.id,
              row.name,
              row.created_at?.replace(/\.\d+Z$/, 'Z'),
              row.pid,
              row.comm,
              humanBytes(row.image_bytes).padStart(9),
              humanCount(row.pages).padStart(9),
              humanCount(row.new_pages).padStart(9),
              humanBytes(row.stored_bytes).padStart(9),
            ]),
          ),
        );
      });
    });
}
