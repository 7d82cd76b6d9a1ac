// SPDX-License-Identifier: Apache-2.0
//
// The log, as `ckpt log` shows it.
import type { LogEventView } from '../../ckpt.js';
import { eventTypes, type EventType } from '../../format/events.js';
import type { Operation, ServiceContext } from '../operation.js';
import { HttpProblem } from '../problems.js';
import { array, count, object, text, textOrNull } from '../schemas.js';
import { linesResponse, sendLines } from '../send-lines.js';

export const getLog: Operation = {
  id: 'getLog',
  method: 'GET',
  path: '/v1/log',
  summary: 'How far the log goes, and how far the catalog and the packs here have come',
  scope: 'read',
  responses: {
    200: {
      description: 'Its parts',
      type: 'application/json',
      schema: object({
        kind: { type: 'string', enum: ['embedded', 'kafka'] },
        log_id: text,
        parts: array(
          object({
            part: { type: 'string', enum: ['events', 'packs'] },
            topic: textOrNull,
            partition: count,
            end: count,
            position: count,
            lag: { type: 'integer' },
            last_event_at: textOrNull,
          }),
        ),
      }),
    },
  },
  run: async ({ ckpt }) => {
    await ckpt.refresh();
    const { kind, log_id, parts } = await ckpt.logSummary();
    return { kind, log_id, parts };
  },
};

/** Offsets by partition, with dots between. */
const POSITION = '^[0-9]{1,15}([.][0-9]{1,15}){0,255}$';

export const getLogEvents: Operation = {
  id: 'getLogEvents',
  method: 'GET',
  path: '/v1/log/events',
  summary: 'The events of the log, decoded',
  description:
    'From a position, or the beginning, to the end of this moment. The last line is `{"next": POSITION}`, from where a client goes on that ' +
    'wants those that come.',
  scope: 'read',
  query: {
    checkpoint: {
      ...text,
      minLength: 1,
      maxLength: 256,
      description: 'Only those of a checkpoint; the beginning of its id.',
    },
    type: { type: 'string', enum: [...eventTypes], description: 'Only those of a type.' },
    from: {
      type: 'string',
      pattern: POSITION,
      maxLength: 4096,
      description: 'Offsets by partition, with dots between.',
    },
  },
  responses: { 200: linesResponse('The events, a line each') },
  problems: ['busy'],
  run: async (context, request, reply) => {
    const { from, ...filter } = request.query as { checkpoint?: string; type?: EventType; from?: string };
    const position = from?.split('.').map(Number) ?? [];
    if (!position.every(Number.isSafeInteger)) throw new HttpProblem('bad-request', 'from is no position');
    await sendLines(context, request, reply, 'sql', () => eventsOf(context, position, filter));
    return undefined;
  },
};

async function* eventsOf(
  { ckpt }: ServiceContext,
  from: readonly number[],
  filter: { readonly checkpoint?: string; readonly type?: EventType },
): AsyncGenerator<LogEventView | { readonly next: string }> {
  const to = await ckpt.logEnd();
  yield* ckpt.logEvents({ ...filter, from, to });
  yield { next: to.map((end, partition) => Math.max(end, from[partition] ?? 0)).join('.') };
}
