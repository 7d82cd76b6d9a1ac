// SPDX-License-Identifier: Apache-2.0
import { Command } from 'commander';
import { CkptError } from '../../format/errors.js';
import { contextOf } from '../context.js';
import { plural } from '../text.js';

export function verifyCommand(): Command {
  return new Command('verify')
    .description('check packs, chains and digests, of one checkpoint or of the whole store')
    .argument('[id]', 'checkpoint; without it, everything')
    .action(async (id: string | undefined, _options: object, command: Command) => {
      const context = contextOf(command);
      context.stopOnSignals();
      await context.withStore('read', async (ckpt) => {
        const progress = context.progress('verifying');
        const report = await ckpt
          .verify(id === undefined ? undefined : (await ckpt.find(id)).id, {
            signal: context.signal,
            onProgress: (bytes) => progress.update(bytes),
          })
          .finally(() => progress.done());
        if (context.json) context.printJson(report);
        else {
          context.print(
            `${plural(report.packs, 'pack')}, ${plural(report.checkpoints, 'checkpoint')}, ${plural(report.unfinished, 'unfinished stream')}\n`,
          );
          for (const { what, why, touches } of report.damage) {
            context.print(`damaged: ${what}: ${why}${touches.length ? `; touches ${touches.join(', ')}` : ''}\n`);
          }
        }
        if (report.damage.length)
          throw new CkptError('damaged', `${plural(report.damage.length, 'damaged object')} found in ${ckpt.dir}`);
        context.say('all whole');
      });
    });
}
