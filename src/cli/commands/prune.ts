// SPDX-License-Identifier: Apache-2.0
import { Command, Option } from 'commander';
import type { PrunePolicy } from '../../prune.js';
import { CkptError } from '../../format/errors.js';
import { integer, retentionNames } from '../config.js';
import { contextOf } from '../context.js';
import { humanBytes, plural, table } from '../text.js';

interface PruneOptions {
  readonly name?: string;
  readonly dryRun?: boolean;
}

const kinds: Readonly<Record<keyof PrunePolicy, string>> = {
  last: 'the newest so many',
  hourly: 'the newest of each of the last so many hours that have one',
  daily: 'the same by days',
  weekly: 'the same by weeks, from Monday',
  monthly: 'the same by months',
  yearly: 'the same by years',
};

export function pruneCommand(): Command {
  const command = new Command('prune')
    .description('remove the checkpoints that a retention policy does not keep, series by series')
    .option('--name <name>', 'only the checkpoints with this name')
    .option('-n, --dry-run', 'say what would go and what that would free, and do nothing');
  for (const [kind, what] of Object.entries(kinds)) {
    command.addOption(
      new Option(`--keep-${kind} <n>`, `keep ${what}`).argParser((text) => integer(0, 1e9)(text, `--keep-${kind}`)),
    );
  }
  return command
    .addHelpText(
      'after',
      `
A series is what was saved with the same name, or, without one, of the same process. Hours, days and so on are those of the
checkpoints, in UTC. A checkpoint with a tag is never removed. Without options the policy of the config file counts
(keep-last, keep-hourly, ...); with any of them, only the options. ckpt gc then gives the space back.`,
    )
    .action(async (options: PruneOptions & Record<string, unknown>, command: Command) => {
      const context = contextOf(command);
      const policy = policyOf(options, context.settings.retention);
      await context.withStore('read', async (ckpt) => {
        const plan = await ckpt.planPrune(policy, options.name === undefined ? {} : { name: options.name });
        if (!options.dryRun) for (const { id } of plan.remove) await ckpt.remove(id);
        if (context.json) {
          context.printJson({ ...plan, dry_run: options.dryRun ?? false });
          return;
        }
        const rows = [
          ...plan.remove.map((one) => [one.id, one.name, one.created_at, options.dryRun ? 'would go' : 'removed']),
          ...plan.keep.map((one) => [one.id, one.name, one.created_at, `kept: ${one.reasons.join(', ')}`]),
        ];
        context.print(table(['ID', 'NAME', 'CREATED', 'WHY'], rows));
        const { packs, bytes } = plan.frees;
        context.say(
          `${plural(plan.remove.length, 'checkpoint')} ${options.dryRun ? 'would be removed' : 'removed'}; ` +
            `ckpt gc ${options.dryRun ? 'would then free' : 'frees'} ${humanBytes(bytes)}, ${plural(packs, 'pack')} whole`,
        );
      });
    });
}

/** Options, if there are any, else the config file's. CkptError `usage` when neither keeps anything. */
function policyOf(options: Record<string, unknown>, configured: PrunePolicy): PrunePolicy {
  const given = retentionNames.filter((kind) => options[optionOf(kind)] !== undefined);
  const policy = given.length
    ? Object.fromEntries(given.map((kind) => [kind, options[optionOf(kind)] as number]))
    : configured;
  if (Object.values(policy).some((count) => count > 0)) return policy;
  throw new CkptError(
    'usage',
    'there is no policy that keeps anything',
    'give --keep-last N or another --keep option, or set them in the config file; ckpt rm removes single checkpoints',
  );
}

/** As commander names it: keepLast. */
function optionOf(kind: string): string {
  return `keep${kind.charAt(0).toUpperCase()}${kind.slice(1)}`;
}
