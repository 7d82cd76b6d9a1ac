// SPDX-License-Identifier: Apache-2.0
//
// A log in memory that refuses nothing: doubles, holes and late events stand in it as they may in a log of many machines.
import { EVENT_SCHEMA } from '../../../src/format/generated/store.js';
import type { EventMessage, LoggedEvent } from '../../../src/format/events.js';
import { nothingHeld, type EventLog, type LogBatch, type LogPosition, type PackInfo } from '../../../src/store/log.js';

export class MemoryLog implements EventLog {
  readonly kind = 'embedded';
  readonly place = 'memory';
  readonly opened = {
    logId: '00'.repeat(16),
    schema: EVENT_SCHEMA,
    hash: 'sha256',
    salt: '11'.repeat(32),
    keyId: null,
  } as const;
  readonly packList: PackInfo[] = [];
  readonly packs = {
    dir: '/nowhere',
    put: async (): Promise<void> => undefined,
    remove: async (ids: readonly string[]): Promise<void> => {
      this.packList.splice(0, this.packList.length, ...this.packList.filter((pack) => !ids.includes(pack.id)));
    },
    sweep: async (): Promise<number> => 0,
    headsDir: '',
    bytesMax: null,
    ensureLocal: async () => nothingHeld,
    read: (from: number) => this.readPacks(from),
  };
  private readonly partitions: LoggedEvent[][];

  /** Events of a batch of read(). */
  constructor(
    private readonly batchEvents = 7,
    partitions = 1,
  ) {
    this.partitions = Array.from({ length: partitions }, () => []);
  }

  async end(): Promise<LogPosition> {
    return this.partitions.map((events) => events.length);
  }

  async append(events: readonly EventMessage[]): Promise<void> {
    for (const event of events) {
      const partition = event.checkpoint.charCodeAt(event.checkpoint.length - 1) % this.partitions.length;
      const target = this.partitions[partition];
      target?.push({ ...event, partition, offset: target.length, schema: EVENT_SCHEMA });
    }
  }

  async *read(from: LogPosition, to?: LogPosition): AsyncGenerator<LogBatch> {
    const end = to ?? (await this.end());
    const next = this.partitions.map((_, partition) => from[partition] ?? 0);
    for (const [partition, events] of this.partitions.entries()) {
      const stop = end[partition] ?? 0;
      while ((next[partition] ?? 0) < stop) {
        const start = next[partition] ?? 0;
        const batch = events.slice(start, Math.min(stop, start + this.batchEvents));
        next[partition] = start + batch.length;
        yield { events: batch, next: [...next] };
      }
    }
  }

  async shrink(): Promise<void> {
    // Keeps everything, as Kafka does.
  }

  async close(): Promise<void> {
    // Nothing is open.
  }

  private async *readPacks(from: number): AsyncGenerator<{ packs: PackInfo[]; next: number }> {
    if (from < this.packList.length) yield { packs: this.packList.slice(from), next: this.packList.length };
  }
}
