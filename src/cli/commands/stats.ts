// SPDX-License-Identifier: Apache-2.0
import { Command } from 'commander';
import { contextOf } from '../context.js';
import { humanBytes, humanCount } from '../text.js';

export function statsCommand(): Command {
  return new Command('stats')
    .description('show what the store holds and what it costs')
    .action(async (_options: object, command: Command) => {
      const context = contextOf(command);
      await context.withStore('read', async (ckpt) => {
        const stats = await ckpt.stats();
        if (context.json) {
          context.printJson(stats);
          return;
        }
        const ratio = stats.stored_bytes ? (stats.image_bytes / stats.stored_bytes).toFixed(1) : '-';
        const lines: [string, string][] = [
          ['checkpoints', humanCount(stats.checkpoints)],
          [
            'images',
            `${humanBytes(stats.image_bytes)}, ${humanCount(stats.pages)} pages, ${humanCount(stats.zero_pages)} zero`,
          ],
          [
            'packs',
            `${humanCount(stats.packs)} with ${humanCount(stats.stored_pages)} distinct pages, ${humanBytes(stats.pack_bytes)}`,
          ],
          ['log', humanBytes(stats.log_bytes)],
          ['catalog', humanBytes(stats.catalog_bytes)],
          ['in all', `${humanBytes(stats.stored_bytes)}: images take ${ratio} times as much`],
        ];
        context.print(lines.map(([key, value]) => `${key.padEnd(12)} ${value}\n`).join(''));
      });
    });
}
