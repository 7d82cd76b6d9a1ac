// SPDX-License-Identifier: Apache-2.0
import { Command, Option } from 'commander';
import { CkptError } from '../../format/errors.js';
import { residentBytes } from '../../process/proc.js';
import { contextOf } from '../context.js';
import { humanBytes } from '../text.js';

interface SaveOptions {
  readonly name?: string;
  readonly kill?: boolean;
  readonly stop?: boolean;
  readonly format: '1' | '2';
  readonly via?: 'kernel' | 'user';
}

export function parsePid(text: string): number {
  const pid = Number(text);
  if (!Number.isInteger(pid) || pid <= 0 || pid > 4_194_304) throw new CkptError('usage', `'${text}' is not a pid`);
  return pid;
}

export function saveCommand(): Command {
  return new Command('save')
    .description('checkpoint a live task into the store and print the id')
    .argument('<pid>', 'the task; it runs on unless told otherwise')
    .option('--name <name>', 'name of the checkpoint')
    .addOption(new Option('--kill', 'kill the task once its checkpoint is durable').conflicts('stop'))
    .option('--stop', 'leave the task stopped once its checkpoint is durable')
    .addOption(new Option('--format <version>', 'version of the image format').choices(['1', '2']).default('2'))
    .addOption(
      new Option(
        '--via <how>',
        'sys_checkpoint of a patched kernel, or its twin in user space (default: the call where the kernel has it)',
      ).choices(['kernel', 'user']),
    )
    .action(async (pidText: string, options: SaveOptions, command: Command) => {
      const context = contextOf(command);
      const pid = parsePid(pidText);
      context.stopOnSignals();
      await context.withStore('create', async (ckpt) => {
        const progress = context.progress('saving', residentBytes(pid));
        const started = performance.now();
        const saved = await ckpt
          .save(pid, {
            name: options.name ?? null,
            after: options.kill ? 'kill' : options.stop ? 'stop' : 'run',
            format: options.format === '1' ? 1 : 2,
            ...(options.via ? { via: options.via } : {}),
            signal: context.signal,
            onProgress: (bytes) => progress.update(bytes),
            onWarning: (text) => context.warn(text),
          })
          .finally(() => progress.done());
        if (process.stderr.isTTY) {
          const seconds = ((performance.now() - started) / 1000).toFixed(1);
          const frozen = saved.frozenMs === null ? '' : `, task frozen ${saved.frozenMs.toFixed(0)} ms`;
          context.say(
            `${humanBytes(saved.bytes)} in ${seconds} s, ${humanBytes(saved.storedBytes)} new in the store${frozen}`,
          );
        }
        if (context.json) context.printJson({ ...summary(saved), frozen_ms: saved.frozenMs });
        else context.print(saved.id);
      });
    });
}

/** What `save` and `ingest` print under --json. */
export function summary(result: {
  id: string;
  name: string | null;
  bytes: number;
  pages: number;
  zeroPages: number;
  newPages: number;
  storedBytes: number;
  digest: string;
}): Record<string, unknown> {
  return {
    id: result.id,
    name: result.name,
    image_bytes: result.bytes,
    pages: result.pages,
    zero_pages: result.zeroPages,
    new_pages: result.newPages,
    stored_bytes: result.storedBytes,
    image_digest: result.digest,
  };
}
