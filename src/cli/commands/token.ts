// SPDX-License-Identifier: Apache-2.0
import { Command, Option } from 'commander';
import { CkptError } from '../../format/errors.js';
import { scopes, TokenStore, type Scope, type TokenEntry } from '../../service/tokens.js';
import { contextOf } from '../context.js';
import { plural, table } from '../text.js';

interface AddOptions {
  readonly name: string;
  readonly scope: string[];
  readonly expires?: string;
  readonly rate?: string;
}

export function tokenCommand(): Command {
  const command = new Command('token').description('who may ask the restore service: bearer tokens of this store');
  command
    .command('add')
    .description('make a token and print it; it is kept nowhere, only its hash')
    .requiredOption('--name <name>', 'what it is for')
    .addOption(
      new Option('--scope <scope...>', 'what it allows: look and read images, make tasks run, ingest and delete')
        .choices(scopes)
        .default(['read']),
    )
    .option('--expires <time>', 'a time like 2030-01-31T00:00:00Z, or from now on like 12h, 30d')
    .option('--rate <n>', "requests a second; the service's --rate if not given")
    .action(async (options: AddOptions, add: Command) => {
      const context = contextOf(add);
      context.refuseRemote();
      await context.withStore('create', async (ckpt) => {
        const { token, entry } = new TokenStore(ckpt.dir).add({
          name: options.name,
          scopes: scopes.filter((scope) => options.scope.includes(scope)),
          expiresAt: options.expires === undefined ? null : parseExpiry(options.expires),
          rate: options.rate === undefined ? null : parseRate(options.rate),
        });
        if (context.json) context.printJson({ ...shown(entry), token });
        else context.print(token);
      });
    });
  command
    .command('ls')
    .description('list the tokens, without their secrets')
    .action(async (_options: object, ls: Command) => {
      const context = contextOf(ls);
      context.refuseRemote();
      const entries = new TokenStore(context.settings.store).list();
      if (context.json) {
        context.printJson(entries.map(shown));
        return;
      }
      if (!entries.length) context.say('no tokens');
      context.print(
        table(
          ['ID', 'NAME', 'SCOPES', 'CREATED', 'EXPIRES', 'RATE'],
          entries.map((entry) => [
            entry.id,
            entry.name,
            entry.scopes.join(','),
            entry.created_at,
            entry.expires_at ?? 'never',
            entry.rate,
          ]),
        ),
      );
    });
  command
    .command('rm')
    .description('remove tokens; a running service refuses them from the next request on')
    .argument('<token...>', 'id or name')
    .action(async (wanted: string[], _options: object, rm: Command) => {
      const context = contextOf(rm);
      context.refuseRemote();
      const tokens = new TokenStore(context.settings.store);
      const gone = wanted.flatMap((one) => [...tokens.remove(one)]);
      if (context.json) context.printJson(gone.map(shown));
      context.say(`removed ${plural(gone.length, 'token')}`);
    });
  return command;
}

function shown({ id, name, scopes: allowed, created_at, expires_at, rate }: TokenEntry): {
  id: string;
  name: string;
  scopes: readonly Scope[];
  created_at: string;
  expires_at: string | null;
  rate: number | null;
} {
  return { id, name, scopes: allowed, created_at, expires_at, rate };
}

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A point in time, or a span from now on. CkptError `usage`. */
export function parseExpiry(text: string, now = Date.now()): Date {
  const span = /^(\d{1,6})([smhd])$/.exec(text);
  if (span) return new Date(now + Number(span[1]) * unitMs[span[2]!]!);
  const at = /^\d{4}-\d{2}-\d{2}T/.test(text) ? new Date(text) : new Date(NaN);
  if (!Number.isNaN(at.getTime())) return at;
  throw new CkptError('usage', `--expires: '${text}' is not a time`, 'like 2030-01-31T00:00:00Z, 12h or 30d');
}

function parseRate(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value > 0 && value <= 1_000_000) return value;
  throw new CkptError('usage', `--rate: '${text}' is not a number of requests a second`);
}
