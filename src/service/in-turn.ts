// SPDX-License-Identifier: Apache-2.0
import type { ServiceContext } from './operation.js';
import type { WorkInProgress } from './work.js';

/** The last of those that wait, by service. */
const turns = new WeakMap<WorkInProgress, Promise<unknown>>();

/** One after the other: each reads, or moves, much. HttpProblem `busy` when too many wait. */
export async function inTurn<T>({ work }: ServiceContext, does: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const job = work.begin('keeping');
  const turn = (turns.get(work) ?? Promise.resolve()).then(() => {
    job.signal.throwIfAborted();
    return does(job.signal);
  });
  turns.set(
    work,
    turn.catch(() => undefined),
  );
  return turn.finally(() => job.end());
}
