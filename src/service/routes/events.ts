// SPDX-License-Identifier: Apache-2.0
//
// Server-sent events. What is in the log is said with the position behind it as its id, whoever wrote it, so that a client that comes
// back with Last-Event-ID misses nothing and sees nothing twice; progress of running work has no id and is only for those who listen.
// A client that does not read is cut off before it costs memory: it comes back where it was.
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { LogEventView } from '../../ckpt.js';
import type { EventType } from '../../format/events.js';
import { toJson } from '../../json.js';
import type { Operation, ServiceContext } from '../operation.js';
import { HttpProblem } from '../problems.js';
import { text } from '../schemas.js';
import { takeOver } from '../take-over.js';

const HEARTBEAT_MS = 15_000;
/** What may wait in memory for a slow reader. */
const BACKLOG_BYTES_MAX = 256 << 10;

/** Events of the log that concern others; records and pages are the stuff of images. */
const told: ReadonlySet<EventType> = new Set<EventType>(['opened', 'sealed', 'aborted', 'deleted', 'restored']);

export const events: Operation = {
  id: 'followEvents',
  method: 'GET',
  path: '/v1/events',
  summary: 'What happens, as server-sent events',
  description:
    'Events `opened`, `sealed`, `aborted`, `deleted` and `restored` are those of the log, with an id to come back to ' +
    '(Last-Event-ID); `progress` says how far running work is. Without an id it begins now. `stopping` is the last one.',
  scope: 'read',
  headers: { 'last-event-id': { ...text, maxLength: 4096, description: 'Id of the last event that was seen.' } },
  responses: { 200: { description: 'The stream', type: 'text/event-stream', schema: text } },
  problems: ['bad-request', 'busy'],
  run: async (context, request, reply) => {
    const { ckpt, work } = context;
    if (work.stopping) throw new HttpProblem('stopping', 'no new work is taken');
    const from = positionOf(request.headers['last-event-id']) ?? (await ckpt.logEnd());
    await new EventStream(context, takeOver(reply), from).run();
    return undefined;
  },
};

/** Position behind an event: offsets by partition, with dots between. */
function positionOf(id: string | string[] | undefined): readonly number[] | undefined {
  if (id === undefined || id === '') return undefined;
  const numbers = typeof id === 'string' && /^\d{1,15}([.]\d{1,15}){0,255}$/.test(id) ? id.split('.').map(Number) : [];
  if (!numbers.length) throw new HttpProblem('bad-request', 'Last-Event-ID is not an id of this stream');
  return numbers;
}

class EventStream {
  readonly #stop = new AbortController();

  constructor(
    private readonly context: ServiceContext,
    private readonly answer: ServerResponse,
    private readonly from: readonly number[],
  ) {}

  async run(): Promise<void> {
    const { answer, context } = this;
    const end = (): void => this.#stop.abort();
    answer.on('close', end);
    answer.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    this.#say(`: from ${this.from.join('.')}\n\n`);
    const mute = context.events.listen((progress) => this.#say(`event: progress\ndata: ${toJson(progress)}\n\n`));
    const unhook = context.events.onStop(end);
    const heartbeat = setInterval(() => this.#say(': still here\n\n'), HEARTBEAT_MS);
    try {
      await this.#follow();
    } catch (error) {
      context.log.warn({ err: context.redact((error as Error).message) }, 'event stream failed');
    } finally {
      mute();
      unhook();
      clearInterval(heartbeat);
      answer.off('close', end);
      if (context.work.stopping) answer.end('event: stopping\ndata: {}\n\n');
      else answer.destroy();
    }
  }

  async #follow(): Promise<void> {
    const position = [...this.from];
    const { ckpt } = this.context;
    for await (const event of ckpt.logEvents({ from: this.from }, this.#stop.signal)) {
      position[event.partition] = event.offset + 1;
      if (!told.has(event.type)) continue;
      for (let partition = 0; partition < position.length; partition++) position[partition] ??= 0;
      this.#say(`id: ${position.join('.')}\nevent: ${event.type}\ndata: ${toJson(shown(event))}\n\n`);
      // Events of the log are not dropped: the log waits for the reader.
      if (this.answer.writableNeedDrain) await once(this.answer, 'drain', { signal: this.#stop.signal });
    }
  }

  #say(frame: string): void {
    if (this.answer.writableLength > BACKLOG_BYTES_MAX) this.#stop.abort();
    else this.answer.write(frame);
  }
}

function shown({ checkpoint, at, value }: LogEventView): unknown {
  return { checkpoint, at, value };
}
