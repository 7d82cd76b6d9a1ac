// SPDX-License-Identifier: Apache-2.0
import { Command } from 'commander';
import { contextOf } from '../context.js';
import { humanBytes, humanCount, plural } from '../text.js';

interface GcOptions {
  readonly dryRun?: boolean;
  readonly rewrite: boolean;
}

export function gcCommand(): Command {
  return new Command('gc')
    .description('give back the space of what was removed; safe while others save, export and restart')
    .option('-n, --dry-run', 'say what would be done now, and do nothing')
    .option('--no-rewrite', 'leave packs alone that are partly in use')
    .action(async (options: GcOptions, command: Command) => {
      const context = contextOf(command);
      context.stopOnSignals();
      await context.withStore('read', async (ckpt) => {
        const report = await ckpt.collect({
          dryRun: options.dryRun ?? false,
          rewrite: options.rewrite,
          signal: context.signal,
        });
        if (context.json) {
          context.printJson(report);
          return;
        }
        const lines: [string, string][] = [
          ['forgotten', plural(report.forgotten, 'checkpoint')],
          ['condemned', plural(report.condemned_packs, 'pack')],
          ['rewritten', `${plural(report.rewritten_packs, 'pack')}, ${humanCount(report.moved_pages)} pages moved`],
          ['deleted', plural(report.deleted_packs, 'pack')],
          ['freed', humanBytes(report.freed_bytes)],
        ];
        context.print(lines.map(([key, value]) => `${key.padEnd(12)} ${value}\n`).join(''));
        if (report.waiting_checkpoints + report.waiting_packs === 0) return;
        context.say(
          `${plural(report.waiting_checkpoints, 'checkpoint')} and ${plural(report.waiting_packs, 'pack')} wait for ` +
            `${report.waiting_for.join(', ')}: run ckpt gc again when that has ended`,
        );
      });
    });
}
