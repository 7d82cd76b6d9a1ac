// SPDX-License-Identifier: Apache-2.0
//
// Streams whose writer has died stay open for ever unless somebody fences them with an `aborted` event. Only a writer that
// is certainly gone is fenced: a process of this host that has ended, or one of an earlier boot. No clock decides, and if the
// writer was alive after all, the log settles it: the first of `sealed` and `aborted` wins.
import { abortedEvent } from '../format/events.js';
import type { OpenStream } from './catalog/queries.js';
import type { EventLog } from './log.js';
import { isGone } from './machine.js';

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
