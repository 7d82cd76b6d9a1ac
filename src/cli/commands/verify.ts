// SPDX-License-Identifier: Apache-2.0
import { Command } from 'commander';
import type { Damage } from '../../verify.js';
import { CkptError } from '../../format/errors.js';
import { contextOf } from '../context.js';
import { plural } from '../text.js';

/** One line an object, and one for each checkpoint that lost pages. */
export function* damageLines(damage: readonly Damage[]): Generator<string> {
  for (const { what, why, touches, lost } of damage) {
    yield `damaged: ${what}: ${why}${touches.length ? `; touches ${touches.join(', ')}` : ''}\n`;
    for (const { checkpoint, pages, stretches } of lost) {
      if (pages > 0) yield `  ${checkpoint} lost ${plural(pages, 'page')}: ${stretches.join(' ')}\n`;
    }
  }
}

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
          for (const line of damageLines(report.damage)) context.print(line);
        }
        for (const { why } of report.distrusted) context.warn(why);
        if (report.damage.length)
          throw new CkptError(
            'damaged',
            `${plural(report.damage.length, 'damaged object')} found in ${ckpt.dir}`,
            'ckpt repair',
          );
        context.say('all whole');
      });
    });
}
