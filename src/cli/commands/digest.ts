// SPDX-License-Identifier: Apache-2.0
import { Command } from 'commander';
import { contextOf } from '../context.js';
import { openInput } from '../input.js';

export function digestCommand(): Command {
  return new Command('digest')
    .description('print the digest that an image would have in this store (image_digest)')
    .argument('[file]', 'image, - for standard input', '-')
    .action(async (file: string, _options: object, command: Command) => {
      const context = contextOf(command);
      const input = openInput(file);
      context.stopOnSignals();
      try {
        await context.withStore('create', async (ckpt) => {
          const progress = context.progress('reading', input.bytes);
          const image = await ckpt
            .digest(input.fd, { signal: context.signal, onProgress: (bytes) => progress.update(bytes) })
            .finally(() => progress.done());
          if (context.json)
            context.printJson({ image_digest: image.digest, image_bytes: image.bytes, pages: image.pages });
          else context.print(image.digest);
        });
      } finally {
        input.close();
      }
    });
}
