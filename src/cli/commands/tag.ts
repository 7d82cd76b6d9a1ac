// SPDX-License-Identifier: Apache-2.0
import { Command } from 'commander';
import { CkptError } from '../../format/errors.js';
import { contextOf, describe } from '../context.js';

interface TagOptions {
  readonly remove?: boolean;
}

export function tagCommand(): Command {
  return new Command('tag')
    .description('put a tag on a checkpoint: a name to find it by, which protects it from prune')
    .argument('<id>', 'checkpoint')
    .argument('<name>', 'tag')
    .option('-r, --remove', 'take the tag off')
    .action(async (id: string, name: string, options: TagOptions, command: Command) => {
      const context = contextOf(command);
      if (name === '' || name.startsWith('@')) {
        throw new CkptError('usage', `'${name}' cannot be a tag`, 'a tag is not empty and does not begin with @');
      }
      await context.withStore('read', async (ckpt) => {
        const row = await ckpt.find(id);
        if (options.remove) await ckpt.untag(row.id, name);
        else await ckpt.tag(row.id, name);
        if (context.json) context.printJson({ id: row.id, tags: await ckpt.tagsOf(row.id) });
        context.say(`${options.remove ? 'untagged' : 'tagged'} ${describe(row)}: ${name}`);
      });
    });
}
