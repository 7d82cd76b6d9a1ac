// SPDX-License-Identifier: Apache-2.0
import { hostname } from 'node:os';
import { readFileSync, writeSync } from 'node:fs';
import { Command, Option } from 'commander';
import { CkptError } from '../../format/errors.js';
import {
  algorithms,
  isAlgorithm,
  isKey,
  keyIdOf,
  makeKey,
  type Algorithm,
  type KeyMaterial,
} from '../../seals/seal.js';
import { Keyring, type KeyEntry } from '../../seals/keyring.js';
import { contextOf, describe, type Context } from '../context.js';
import { openInput } from '../input.js';
import { writeWhole } from '../output.js';
import { table } from '../text.js';

interface MakeOptions {
  readonly name: string;
  readonly algorithm: Algorithm;
}

/** What an exported key begins with, so that no other JSON is taken for one. */
const FORM = 1;

interface ExportedKey {
  readonly ckpt_key: number;
  readonly id: string;
  readonly name: string;
  readonly algorithm: Algorithm;
  readonly public: string | null;
  readonly secret?: string;
}

export function keyCommand(): Command {
  return new Command('key')
    .description('keys that seal images: make and rotate them, say whose seals are believed, seal a checkpoint')
    .addHelpText(
      'after',
      `
Keys are in CKPT_KEYS (keys.json beside the config file), for their owner alone. As soon as there is one, save and ingest seal what they
take in, and restart and export refuse what nobody known stands for. docs/security.md says what a seal is.`,
    )
    .addCommand(makeCommand())
    .addCommand(lsCommand())
    .addCommand(exportKeyCommand())
    .addCommand(importCommand())
    .addCommand(rotateCommand())
    .addCommand(revokeCommand())
    .addCommand(rmCommand())
    .addCommand(sealCommand());
}

function makeOptions(command: Command): Command {
  return command
    .option('--name <name>', 'what people call it', hostname())
    .addOption(
      new Option('--algorithm <algorithm>', 'ed25519 has a public part to give away; the other one is shared whole')
        .choices(algorithms)
        .default('ed25519'),
    );
}

function makeCommand(): Command {
  return makeOptions(
    new Command('make').description('make the first key, which seals from now on, and print its id'),
  ).action((options: MakeOptions, command: Command) => {
    const context = contextOf(command);
    const keys = keyring(context);
    const known = keys.signing;
    if (known) throw new CkptError('usage', `there is a signing key already: ${known.id}`, 'ckpt key rotate');
    printKey(context, keys.add(makeKey(options.algorithm), options.name, 'signing'));
  });
}

function rotateCommand(): Command {
  return makeOptions(
    new Command('rotate').description(
      'make a new key that seals from now on; seals of the old one hold until it is revoked',
    ),
  ).action((options: MakeOptions, command: Command) => {
    const context = contextOf(command);
    printKey(context, keyring(context).add(makeKey(options.algorithm), options.name, 'signing'));
  });
}

function lsCommand(): Command {
  return new Command('ls')
    .description('list the keys, without their secrets')
    .action((_options: object, command: Command) => {
      const context = contextOf(command);
      const keys = keyring(context).list();
      if (context.json) {
        context.printJson(keys.map(shown));
        return;
      }
      if (!keys.length) context.say('no keys: every image is believed');
      context.print(
        table(
          ['ID', 'NAME', 'ALGORITHM', 'STATE', 'CREATED'],
          keys.map(({ id, name, algorithm, state, created_at }) => [id, name, algorithm, state, created_at]),
        ),
      );
    });
}

function exportKeyCommand(): Command {
  return new Command('export')
    .description('print the public part of a key, for others to import')
    .argument('<key>', 'id, the beginning of one, or name')
    .option('--secret', 'with its secret: whoever has it can make seals')
    .option('-o, --output <file>', 'write to a file (0600) instead')
    .action(
      async (wanted: string, options: { readonly secret?: boolean; readonly output?: string }, command: Command) => {
        const context = contextOf(command);
        const { id, name, algorithm, public: open, secret, state } = keyring(context).find(wanted);
        if (state === 'revoked') throw new CkptError('usage', `key ${id} is revoked`);
        if (open === null && !options.secret) {
          throw new CkptError(
            'usage',
            `key ${id} is of ${algorithm}, which has no public part`,
            '--secret gives it whole',
          );
        }
        if (options.secret && secret === null) throw new CkptError('usage', `the secret of key ${id} is not here`);
        const key: ExportedKey = {
          ...{ ckpt_key: FORM, id, name, algorithm, public: open },
          ...(options.secret ? { secret: secret! } : {}),
        };
        const text = `${JSON.stringify(key)}\n`;
        if (options.output === undefined || options.output === '-') context.print(text);
        else await writeWhole(options.output, async (fd) => void writeSync(fd, text));
      },
    );
}

function importCommand(): Command {
  return new Command('import')
    .description('take in a key that was exported: its seals are believed from now on')
    .argument('[file]', 'file, or - for standard input', '-')
    .option('--name <name>', 'what people here call it')
    .option('--sign', 'seal with it from now on; it has to come with its secret')
    .action((file: string, options: { readonly name?: string; readonly sign?: boolean }, command: Command) => {
      const context = contextOf(command);
      const { name, ...material } = readKey(file);
      if (options.sign && material.secret === null) {
        throw new CkptError(
          'usage',
          `${file} has no secret: nothing can be sealed with it`,
          'ckpt key export --secret',
        );
      }
      // A secret that is not to be used is not kept.
      const secret = options.sign || material.public === null ? material.secret : null;
      const state = options.sign ? 'signing' : 'trusted';
      printKey(context, keyring(context).add({ ...material, secret }, options.name ?? name, state));
    });
}

function revokeCommand(): Command {
  return new Command('revoke')
    .description('believe no seal of a key any more, whenever it was made')
    .argument('<key>', 'id, the beginning of one, or name')
    .action((wanted: string, _options: object, command: Command) => {
      const context = contextOf(command);
      const keys = keyring(context);
      printKey(context, keys.revoke(wanted));
      if (!keys.signing) context.warn('no key seals now: what comes in cannot be restarted here (ckpt key rotate)');
    });
}

function rmCommand(): Command {
  return new Command('rm')
    .description('take a key out, as if it had never been there; without any key, every image is believed')
    .argument('<key>', 'id, the beginning of one, or name')
    .action((wanted: string, _options: object, command: Command) => {
      const context = contextOf(command);
      const keys = keyring(context);
      printKey(context, keys.remove(wanted));
      if (!keys.list().length) context.warn('no key is left: every image is believed');
    });
}

function sealCommand(): Command {
  return new Command('seal')
    .description('stand for checkpoints that are there already: read them through, and seal them with the signing key')
    .argument('<id...>', 'checkpoints')
    .action(async (ids: string[], _options: object, command: Command) => {
      const context = contextOf(command);
      await context.withStore('create', async (ckpt) => {
        const rows = [];
        for (const id of ids) rows.push(await ckpt.find(id));
        for (const row of rows) {
          await ckpt.seal(row.id);
          context.say(`sealed ${describe(row)}`);
        }
        if (context.json) context.printJson(rows.map(({ id }) => ({ id })));
      });
    });
}

function keyring({ settings }: Context): Keyring {
  return new Keyring(settings.keys);
}

function printKey(context: Context, key: KeyEntry): void {
  if (context.json) context.printJson(shown(key));
  else context.print(key.id);
}

function shown({ id, name, algorithm, state, created_at, public: open }: KeyEntry): object {
  return { id, name, algorithm, state, created_at, public: open };
}

/** CkptError `usage`; what stands in the file is not repeated. */
function readKey(file: string): KeyMaterial & { readonly name: string } {
  const input = openInput(file);
  let parsed: Partial<ExportedKey> | null;
  try {
    parsed = JSON.parse(readFileSync(input.fd, 'utf8')) as Partial<ExportedKey> | null;
  } catch {
    parsed = null;
  } finally {
    input.close();
  }
  const { ckpt_key: form, id, name, algorithm, public: open, secret = null } = parsed ?? {};
  const material = { algorithm, public: open, secret } as KeyMaterial;
  if (
    form !== FORM ||
    typeof name !== 'string' ||
    !isAlgorithm(algorithm) ||
    !isKey(material) ||
    keyIdOf(material) !== id
  ) {
    throw new CkptError('usage', `${file === '-' ? 'standard input' : file} is no key`, 'ckpt key export makes one');
  }
  return { ...material, name };
}
