// SPDX-License-Identifier: Apache-2.0
//
// Streams whose writer has died stay open for ever unless somebody fences them with an `aborted` event. Only a writer that
// is certainly gone is fenced: a process of this host that has ended, or one of an earlier boot. No clock decides, and if the
// writer was alive after all, the log settles it: the first of `sealed` and `aborted` wins.
import { abortedEvent } from '../format/events.js';
import type { OpenStream } from './catalog/queries.js';
import type { EventLog } from './log.js';
import { StoreError } from './errors.js';
import { isAlive, isGone } from '../machine/identity.js';

/** Fences the stale ones of the open streams; returns their ids. */
export async function abortStale(log: EventLog, streams: readonly OpenStream[], now = new Date()): Promise<string[]> {
  const stale = streams.filter(({ writer }) => writer !== null && isGone(writer)).map(({ id }) => id);
  for (const id of stale) await abortStream(log, id, 'its writer has died', now);
  return stale;
}

/** Says that a stream will never be sealed. Harmless when it has ended already. */
export async function abortStream(log: EventLog, checkpoint: string, reason: string, now = new Date()): Promise<void> {
  await log.append([abortedEvent(checkpoint, reason, now)]);
}

/**
 * Fences one open stream because somebody asks for it. StoreError `failed` when its writer is at work on this machine, or when nobody
 * has said that a writer is dead that cannot be seen from here.
 */
export async function abortAsked(log: EventLog, stream: OpenStream, writerIsDead: boolean): Promise<void> {
  const { id, writer } = stream;
  const refuse = (problem: string, hint: string): never => {
    throw new StoreError({ reason: 'failed', operation: 'abort', place: `checkpoint ${id}`, problem, hint });
  };
  if (writer && isAlive(writer)) refuse(`process ${writer.pid} is writing it`, 'end that process first');
  const known = writer !== null && isGone(writer);
  if (!known && !writerIsDead) {
    const who = writer ? `process ${writer.pid} on ${writer.host}` : 'its writer';
    refuse(`whether ${who} is alive cannot be seen from here`, 'give --writer-is-dead when you know that it is not');
  }
  await abortStream(log, id, known ? 'its writer has died' : 'its writer was said to be dead');
}
