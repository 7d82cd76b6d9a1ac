// SPDX-License-Identifier: Apache-2.0
//
// The log of a store that is not there: it reads as empty and takes nothing. Looking must not create a store.
import type { LogOpened } from '../format/events.js';
import { StoreError } from './errors.js';
import { nothingHeld, type EventLog, type LogBatch, type LogPosition, type PackBatch, type PackStore } from './log.js';
import { newLogOpened } from './new-log.js';

export class AbsentLog implements EventLog {
  readonly kind = 'embedded';
  /** Of no log: made up, and different each time. */
  readonly opened: LogOpened = newLogOpened();
  readonly packs: PackStore;

  constructor(readonly place: string) {
    this.packs = {
      dir: `${place}/packs`,
      headsDir: `${place}/packs`,
      bytesMax: null,
      put: () => this.refuse('put packs'),
      read: (): AsyncIterable<PackBatch> => nothing(),
      remove: () => this.refuse('remove packs'),
      sweep: () => Promise.resolve(0),
      ensureLocal: async (ids) => {
        if (ids.length > 0) await this.refuse('open packs');
        return nothingHeld;
      },
    };
  }

  async end(): Promise<LogPosition> {
    return [];
  }

  append(): Promise<void> {
    return this.refuse('append');
  }

  read(): AsyncIterable<LogBatch> {
    return nothing();
  }

  shrink(): Promise<void> {
    return this.refuse('shrink');
  }

  async close(): Promise<void> {
    // Nothing is open.
  }

  private async refuse(operation: string): Promise<never> {
    const hint = 'ckpt save and ckpt ingest make it';
    throw new StoreError({ reason: 'missing', operation, place: this.place, problem: 'no such store', hint });
  }
}

async function* nothing(): AsyncGenerator<never> {
  // Ends at once.
}
