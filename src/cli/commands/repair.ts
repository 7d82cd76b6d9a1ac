// SPDX-License-Identifier: Apache-2.0
import { Command } from 'commander';
import { CkptError } from '../../format/errors.js';
import { contextOf } from '../context.js';
import { plural } from '../text.js';
import { damageLines } from './verify.js';

export function repairCommand(): Command {
  return new Command('repair')
    .description('rebuild what can be rebuilt: the catalog, the list of packs, pages of damaged packs')
    .action(async (_options: object, command: Command) => {
      const context = contextOf(command);
      context.stopOnSignals();
      await context.withStore('rebuild', async (ckpt) => {
        const progress = context.progress('repairing');
        const report = await ckpt
          .repair({ signal: context.signal, onProgress: (bytes) => progress.update(bytes) })
          .finally(() => progress.done());
        const { damage } = report.left;
        if (context.json) context.printJson(report);
        else {
          context.print(
            `catalog ${report.catalog_rebuilt ? 'made anew' : 'sound'}; ${plural(report.listed_packs, 'pack')} listed again; ` +
              `${plural(report.saved_pages, 'page')} saved, ${report.found_pages} found elsewhere, ${report.lost_pages} lost\n`,
          );
          for (const line of damageLines(damage)) context.print(line);
        }
        if (damage.length > 0) {
          throw new CkptError(
            'damaged',
            `${plural(damage.length, 'damaged object')} left in ${ckpt.dir}`,
            'save or ingest the same pages again and repair once more, or ckpt rm the checkpoints',
          );
        }
      });
    });
}
