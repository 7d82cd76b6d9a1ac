// SPDX-License-Identifier: Apache-2.0
//
// The log: the truth that everything else is made from. Two drivers (embedded, Kafka) are held to one contract suite,
// test/contract/. Order of durability, kept by every writer: `opened`, packs, events, `sealed`, read back, answer.
//
// What every driver promises:
//  - append() is durable when it resolves; up to APPEND_BYTES_WHOLE it is all or none, of more a crash may leave the first of it;
//  - all events of a checkpoint are in one partition, in the order in which they were appended;
//  - offsets of a partition ascend and are never given twice; they may have holes;
//  - an event that was read is read again the same, by everybody, from any earlier position.
// What no driver promises, and every reader therefore copes with: an event may stand there twice (a writer that repeats
// what it has not seen acknowledged), and a fenced writer's events may still arrive behind the `aborted` that fences it.
import type { EventMessage, LoggedEvent, LogOpened } from '../format/events.js';

/** Per partition, the offset after the last event seen. A partition that is not listed is at 0. */
export type LogPosition = readonly number[];

/** Whether a position lies before another in any partition. */
export function isBefore(position: LogPosition, other: LogPosition): boolean {
  return other.some((next, partition) => (position[partition] ?? 0) < next);
}

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

/** Packs that are there and stay. */
export interface PackHold {
  /** They need not stay any longer. Idempotent. */
  release(): void;
}

/** Of packs that stay anyway. */
export const nothingHeld: PackHold = { release: () => undefined };

/** What is here of packs that are brought when they are needed. */
export interface LocalPacks {
  readonly packs: number;
  readonly bytes: number;
}

export interface PackBatch {
  readonly packs: readonly PackInfo[];
  /** Position of the store's own counting to go on from. */
  readonly next: number;
}

/** Packs as the log keeps them. The embedded log's are files; Kafka's are files too, but only as a cache of a topic. */
export interface PackStore {
  /** Directory of the local files; packPath(dir, id) is the file of a pack. */
  readonly dir: string;
  /**
   * Directory with a file of every listed pack that begins as the pack does, with its header and page directory: `dir`, unless packs are
   * brought when they are needed.
   */
  readonly headsDir: string;
  /** Bytes that the files under `dir` may come to, unless more is in use at once; null: all packs are there. */
  readonly bytesMax: number | null;
  /** Where packs are brought when they are needed: what is here. */
  local?(): LocalPacks;
  /** Durable when it resolves, the file and its name. A pack that is there already is left as it is. */
  put(packs: readonly NewPack[]): Promise<void>;
  /** Packs put since a position of this store's own counting (0: all), in order, up to the end at the time of the call. */
  read(from: number): AsyncIterable<PackBatch>;
  /** Makes the files of these packs be there until they are released. StoreError reason `damaged` naming those that cannot be had. */
  ensureLocal(ids: readonly string[]): Promise<PackHold>;
  /**
   * Takes packs away whose deletion stands in the log; those that are not there are passed over. First nobody is told of them any more, then
   * their files go. StoreError.
   */
  remove(ids: readonly string[]): Promise<void>;
  /**
   * Removes files that no listed pack has, as far as `mayGo` allows it, and empty folders; returns how many files went. `stream` is the
   * checkpoint that wrote the pack, null when the file does not say.
   */
  sweep(mayGo: (id: string, stream: string | null) => boolean): Promise<number>;
  /** Where packs come from elsewhere: per partition of that, its end and how far it has been brought here. */
  partitions?(): Promise<readonly { readonly end: number; readonly here: number }[]>;
}

/** Bytes of events that every driver appends all or none. */
export const APPEND_BYTES_WHOLE = 900_000;

export interface EventLog {
  readonly kind: 'embedded' | 'kafka';
  /** Where it is, for messages: a file or a URL. */
  readonly place: string;
  /** Where events and packs are topics: their names. */
  readonly topics?: { readonly events: string; readonly packs: string };
  /** The winning log-opened event. */
  readonly opened: LogOpened;
  readonly packs: PackStore;
  /** End of the log now. */
  end(): Promise<LogPosition>;
  /**
   * All events of one checkpoint, in one partition, in this order, durable when it resolves. A driver that can tell
   * refuses numbered events of a stream that was aborted (StoreError reason `fenced`); one that cannot leaves it to the readers.
   */
  append(events: readonly EventMessage[]): Promise<void>;
  /**
   * Events from a position up to another (default: the log's end at the time of the call), in batches of bounded bytes, in order
   * within a partition. StoreError reason `newer` when an event of a newer schema stands there, `damaged` when one of an unknown type.
   */
  read(from: LogPosition, to?: LogPosition): AsyncIterable<LogBatch>;
  /**
   * All events of these checkpoints may go but `aborted`, `restored` and `forgotten`, and all about packs before a position: that they are
   * forgotten stands in the log. A driver that can drops them and gives their space back, also what others have left; one that cannot
   * keeps them.
   */
  shrink(checkpoints: readonly string[], packsBefore?: LogPosition): Promise<void>;
  close(): Promise<void>;
}

export interface LogBatch {
  readonly events: readonly LoggedEvent[];
  /** Where to go on after this batch. */
  readonly next: LogPosition;
}
