// SPDX-License-Identifier: Apache-2.0
//
// The log: the truth that everything else is made from. Two drivers (embedded, Kafka) are held to one contract suite,
// test/contract/. Order of durability, kept by every writer: `opened`, packs, events, `sealed`, read back, answer.
import type { EventMessage, LoggedEvent, LogOpened } from '../format/events.js';

/** Per partition, the offset after the last event seen. */
export type LogPosition = readonly number[];

export interface PackInfo {
  /** Hex SHA-256 of the pack's bytes before its trailing digest. */
  readonly id: string;
  readonly pages: number;
  readonly rawBytes: number;
  /** Bytes of the pack file. */
  readonly storedBytes: number;
  /** Checkpoint whose stream wrote it. */
  readonly stream: string;
}

export interface NewPack extends PackInfo {
  readonly bytes: Buffer;
}

/** Packs as the log keeps them. The embedded log's are files; Kafka's are files too, but only as a cache of a topic. */
export interface PackStore {
  /** Directory of the local files; packPath(dir, id) is the file of a pack. */
  readonly dir: string;
  /** Durable when it resolves, the file and its name. A pack that is there already is left as it is. */
  put(packs: readonly NewPack[]): Promise<void>;
  /** Packs put since a position of this store's own counting, in order; `next` is the position to go on from. */
  read(from: number): AsyncIterable<{ readonly packs: readonly PackInfo[]; readonly next: number }>;
  /** Makes the files of these packs be there. StoreError kind `damaged` naming those that cannot be had. */
  ensureLocal(ids: readonly string[]): Promise<void>;
}

export interface EventLog {
  readonly kind: 'embedded' | 'kafka';
  /** The winning log-opened event. */
  readonly opened: LogOpened;
  readonly packs: PackStore;
  /** End of the log now. */
  end(): Promise<LogPosition>;
  /** All events of one checkpoint, in one partition, in this order, all or none; durable when it resolves. */
  append(events: readonly EventMessage[]): Promise<void>;
  /**
   * Events from a position up to the log's end at the time of the call, in batches of bounded bytes, in order within a partition.
   * StoreError kind `damaged` when an event of a newer schema or an unknown type stands there.
   */
  read(from: LogPosition): AsyncIterable<LogBatch>;
  close(): Promise<void>;
}

export interface LogBatch {
  readonly events: readonly LoggedEvent[];
  /** Where to go on after this batch. */
  readonly next: LogPosition;
}
