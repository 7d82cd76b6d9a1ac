// SPDX-License-Identifier: Apache-2.0
import { Command } from 'commander';
import { contextOf } from '../context.js';
import { openInput } from '../input.js';
import { summary } from './save.js';

interface IngestOptions {
  readonly name?: string;
  readonly stream?: boolean;
}

export function ingestCommand(): Command {
  return new Command('ingest')
    .description('read an image from a pipe or file into the store and print the id')
    .argument('[file]', 'image, - for standard input', '-')
    .option('--name <name>', 'name of the checkpoint')
    .option('--stream', 'images back to back until the end of the input; each is sealed at its tail, one id a line')
    .action(async (file: string, options: IngestOptions, command: Command) => {
      const context = contextOf(command);
      const input = openInput(file);
      context.stopOnSignals();
      try {
        await context.withStore('create', async (ckpt) => {
          const progress = context.progress('ingesting', input.bytes);
          try {
            const images = ckpt.ingest(input.fd, {
              name: options.name ?? null,
              stream: options.stream ?? false,
              signal: context.signal,
              onProgress: (bytes) => progress.update(bytes),
            });
            for await (const image of images) {
              progress.done();
              if (context.json) context.printJson(summary(image));
              else context.print(image.id);
            }
          } finally {
            progress.done();
          }
        });
      } finally {
        input.close();
      }
    });
}
