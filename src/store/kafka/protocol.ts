// SPDX-License-Identifier: Apache-2.0
//
// What crosses between a store and the thread that talks to Kafka: calls and answers with numbers. The bytes of many messages
// travel as one buffer that changes its owner and is not copied again.
import type { LogOpened, PageHash } from '../../format/events.js';
import type { StoreReason } from '../errors.js';
import type { KafkaSettings } from './url.js';

export type TopicName = 'images' | 'packs';

/** A message of a topic. */
export interface TopicMessage {
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Null: a tombstone. */
  readonly value: Buffer | null;
}

export interface StoredMessage extends TopicMessage {
  readonly offset: number;
  /** Milliseconds, by the clock of whoever wrote it. */
  readonly timestamp: number;
}

/** Messages on their way between two threads. */
export interface Parcel {
  readonly heads: readonly (Omit<StoredMessage, 'value'> & { readonly bytes: number })[];
  readonly bytes: Uint8Array;
}

export interface OpenedTopics {
  readonly opened: LogOpened;
  /** Partitions among which checkpoints are spread: those that the topic had when the log was opened first. */
  readonly spread: number;
  /** Partitions of the packs topic. */
  readonly packPartitions: number;
}

export interface Fetched {
  readonly messages: Parcel;
  /** Offset to go on from. */
  readonly next: number;
}

/** Calls of the thread and what they resolve to. */
export interface Calls {
  /** Null: the log is not there, and was not to be made. */
  open: { args: { create: boolean; pageHash: PageHash | undefined }; result: OpenedTopics | null };
  /** Offset after the last message of each partition. */
  ends: { args: { topic: TopicName }; result: number[] };
  /** Durable when it resolves; offsets of the messages. */
  send: { args: { topic: TopicName; partition: number; messages: Parcel }; result: number[] };
  /**
   * Messages from an offset on, at least one when there is one before `end`, of whole batches up to `bytesMax`, but one batch at least;
   * `next` never passes `end`.
   */
  fetch: {
    args: { topic: TopicName; partition: number; from: number; end: number; bytesMax?: number };
    result: Fetched;
  };
}
export type CallName = keyof Calls;

export interface Request {
  readonly id: number;
  readonly name: CallName | 'close';
  readonly args?: unknown;
}

/** A StoreError on its way between two threads. */
export interface ErrorParcel {
  readonly reason: StoreReason;
  readonly operation: string;
  readonly place: string;
  readonly problem: string;
  readonly hint?: string;
}

export interface Reply {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: ErrorParcel;
}

export interface WorkerData {
  readonly settings: KafkaSettings;
}

export function packMessages(messages: readonly (TopicMessage & Partial<StoredMessage>)[]): Parcel {
  const total = messages.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
  const bytes = new Uint8Array(total);
  let at = 0;
  const heads = messages.map(({ key, headers, value, offset = -1, timestamp = -1 }) => {
    if (value) bytes.set(value, at);
    at += value?.length ?? 0;
    return { key, headers, offset, timestamp, bytes: value ? value.length : -1 };
  });
  return { heads, bytes };
}

export function unpackMessages(parcel: Parcel): StoredMessage[] {
  const whole = Buffer.from(parcel.bytes.buffer, parcel.bytes.byteOffset, parcel.bytes.byteLength);
  let at = 0;
  return parcel.heads.map(({ bytes, ...head }) => {
    const value = bytes < 0 ? null : whole.subarray(at, at + bytes);
    at += Math.max(bytes, 0);
    return { ...head, value };
  });
}
