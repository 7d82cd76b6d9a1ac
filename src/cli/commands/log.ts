// SPDX-License-Identifier: Apache-2.0
import { Command } from 'commander';
import type { LogEventView } from '../../log-view.js';
import { isEventType } from '../../log-view.js';
import { CkptError } from '../../format/errors.js';
import { eventTypes } from '../../format/events.js';
import { contextOf, type Context } from '../context.js';
import { humanCount, table } from '../text.js';

interface LogOptions {
  readonly events?: boolean;
  readonly checkpoint?: string;
  readonly type?: string;
  readonly follow?: boolean;
}

export function logCommand(): Command {
  return new Command('log')
    .description('show how far the log goes and how far this catalog has come, or print its events')
    .option('--events', 'print the events, one a line')
    .option('--checkpoint <id>', 'only those of a checkpoint (the beginning of its id is enough)')
    .option('--type <type>', `only those of a type: ${eventTypes.join(', ')}`)
    .option('--follow', 'go on with those that come, until interrupted')
    .action(async (options: LogOptions, command: Command) => {
      const context = contextOf(command);
      const { events, checkpoint, type, follow } = options;
      if (type !== undefined && !isEventType(type)) {
        throw new CkptError('usage', `--type: there is no event type '${type}'`, `types: ${eventTypes.join(', ')}`);
      }
      if (events || checkpoint !== undefined || type !== undefined || follow) {
        const filter = { ...(checkpoint === undefined ? {} : { checkpoint }), ...(type === undefined ? {} : { type }) };
        if (follow) context.stopOnSignals();
        await context.withStore('look', async (ckpt) => {
          for await (const event of ckpt.logEvents(filter, follow ? context.signal : undefined)) {
            if (context.json) context.printJson(event);
            else context.print(lineOf(event));
          }
        });
        return;
      }
      await context.withStore('look', (ckpt) => summary(context, ckpt));
    });
}

async function summary(context: Context, ckpt: Parameters<Parameters<Context['withStore']>[1]>[0]): Promise<void> {
  const { kind, place, log_id, parts } = await ckpt.logSummary();
  if (context.json) {
    context.printJson({ kind, place, log_id, parts });
    return;
  }
  const hasTopics = parts.some(({ topic }) => topic !== null);
  context.print(`${place} (log ${log_id})\n`);
  context.print(
    table(
      [
        'PART',
        ...(hasTopics ? ['TOPIC'] : []),
        'PARTITION',
        ...['END', 'POSITION', 'LAG'].map((head) => ({ head, show: humanCount })),
        'LAST EVENT',
      ],
      parts.map((part) => [
        part.part,
        ...(hasTopics ? [part.topic] : []),
        part.partition,
        part.end,
        part.position,
        part.lag,
        part.last_event_at,
      ]),
    ),
  );
}

function lineOf({ partition, offset, at, type, checkpoint, seq, bytes, value }: LogEventView): string {
  const what = value === null ? '' : ` ${JSON.stringify(value)}`;
  const number = seq < 0 ? '-' : String(seq);
  return `${partition}:${offset} ${at ?? '-'} ${checkpoint} ${number} ${type} ${bytes} B${what}`;
}
