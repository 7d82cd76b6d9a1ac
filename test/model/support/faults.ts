// SPDX-License-Identifier: Apache-2.0
//
// A crash without a process: after so many changes to the log or its packs, nothing that an opened store tries to change takes effect any
// more. Its streams are those of a writer that is gone.
import type { Store } from '../../../src/store/index.js';

export const CRASH = 'the machine has crashed';

/** Files that are written, events that are appended, packs that are taken away: any of these may be the last. */
const changes = ['append', 'shrink'] as const;
const packChanges = ['put', 'remove', 'sweep'] as const;

/** The n-th change from now fails, half of the time after it was done, and every later one too. close() frees what it held. */
export function failAfter(store: Store, count: number): { close(): Promise<void> } {
  let left = count;
  const guard = (target: Record<string, unknown>, name: string): void => {
    const real = (target[name] as (...args: unknown[]) => Promise<unknown>).bind(target);
    target[name] = async (...args: unknown[]): Promise<unknown> => {
      if (left < 0) throw new Error(CRASH);
      const isLast = left-- === 0;
      // Half of what crashes has reached the disk, and nobody was told.
      const done = !isLast || count % 2 === 0 ? await real(...args) : undefined;
      if (isLast) throw new Error(CRASH);
      return done;
    };
  };
  for (const name of changes) guard(store.log as unknown as Record<string, unknown>, name);
  for (const name of packChanges) guard(store.log.packs as unknown as Record<string, unknown>, name);
  (store as { writer: unknown }).writer = { ...store.writer, startTicks: 1 };
  return { close: () => store.close() };
}
