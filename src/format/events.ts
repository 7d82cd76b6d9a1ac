// SPDX-License-Identifier: Apache-2.0
//
// The events of the log. A checkpoint is one stream: `opened` (seq 0), then `record` and `pages` in the order of the
// image, then `sealed`; numbered without gaps by their one writer. Events that others say about a checkpoint (`aborted` by
// a fencer, `deleted`, `restored`, `signed`) carry SEQ_OUTSIDE and are idempotent. An image exists from its `sealed` on, never before:
// in the stream's partition the first of `sealed` and `aborted` wins.
//
// Events about packs, and about many checkpoints at once, belong to none: they carry the log's own id in its place, and so stand in one
// partition, in one order. docs/lifecycle.md says what they mean for those who write, read and collect.
//
// `record` holds the image's own bytes (header, payload, and the raw LDT or TLS bytes that belong to it), `pages` the layout
// of format/store.mjs; all others are JSON, readable by any client of the log.

export const eventTypes = [
  'log-opened',
  'opened',
  'record',
  'pages',
  'sealed',
  'aborted',
  'deleted',
  'restored',
  'tagged',
  'untagged',
  'signed',
  'forgotten',
  'checkpoints-forgotten',
  'packs-condemned',
  'packs-moved',
  'packs-deleted',
  'packs-forgotten',
] as const;
export type EventType = (typeof eventTypes)[number];

/** The seq of an event that is not part of its checkpoint's numbered stream. */
export const SEQ_OUTSIDE = -1;

/** An event as a writer hands it to the log. */
export interface EventMessage {
  readonly type: EventType;
  /** Checkpoint id; the log's own id for `log-opened`. */
  readonly checkpoint: string;
  /** 0, 1, 2, ... within the checkpoint's stream, or SEQ_OUTSIDE. */
  readonly seq: number;
  readonly value: Buffer;
}

/** An event as the log gives it back. */
export interface LoggedEvent extends EventMessage {
  readonly partition: number;
  readonly offset: number;
  readonly schema: number;
  /** The value as the log holds it, where that is how a catalog holds it too. */
  readonly stored?: { readonly value: Buffer; readonly zstd: number };
  /** Milliseconds, by the clock of whoever appended it, where the log keeps that. */
  readonly writtenAt?: number;
}

/** Functions that a log may know its pages by; 32 bytes each. Salted: BLAKE3 keyed with the salt, SHA-256 over salt and page. */
export const pageHashes = ['blake3', 'sha256'] as const;
export type PageHash = (typeof pageHashes)[number];

/** First event of a log, partition 0; where two writers raced, the lowest offset wins. */
export interface LogOpened {
  /** 16 random bytes, hex. */
  readonly logId: string;
  readonly schema: number;
  readonly hash: PageHash;
  /** 32 random bytes, hex: mixed into every page hash, so that hashes of two logs cannot be compared. */
  readonly salt: string;
  /** Key that the salt and the frames are encrypted with; null: not encrypted. */
  readonly keyId: string | null;
}

/** Who writes a stream, so that others can tell whether it still may. */
export interface WriterIdentity {
  readonly host: string;
  /** 16 hex digits that tell machines of one name apart, where the machine has an id. */
  readonly machine?: string;
  readonly bootId: string;
  /** The pid namespace in which the pid means something, as /proc/self/ns/pid names it; empty where that cannot be read. */
  readonly pidNamespace: string;
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: tells a reused pid from the writer. */
  readonly startTicks: number;
}

export interface Opened {
  readonly name: string | null;
  /** ISO 8601, UTC, by the writer's clock. */
  readonly createdAt: string;
  /** How the image came: a live task, or a stream from elsewhere. */
  readonly source: 'save' | 'ingest';
  readonly writer: WriterIdentity;
  /** End of the log, per partition, when the stream was opened: dedup relies on packs before it. */
  readonly dedupPosition: readonly number[];
}

export interface Sealed {
  readonly formatVersion: number;
  /** Bytes of the image. */
  readonly bytes: number;
  readonly records: number;
  readonly pages: number;
  readonly zeroPages: number;
  /** Pages that this stream was the first to store. */
  readonly newPages: number;
  /** Bytes of the packs that this stream wrote. */
  readonly storedBytes: number;
  /** Image digest, hex. */
  readonly digest: string;
  /** The checkpoint of the same process before this one, as the writer's catalog knew it. */
  readonly parent: string | null;
  /** Chain digest of all events before this one, hex: see EventChain. */
  readonly chain: string;
  /** Milliseconds that the task was frozen; null when the image did not come from a live task. */
  readonly frozenMs: number | null;
}

export interface Aborted {
  readonly reason: string;
  readonly at: string;
}

export interface Deleted {
  readonly at: string;
}

export interface Restored {
  /** Unique: makes a repeated event harmless. */
  readonly restoreId: string;
  readonly at: string;
  readonly host: string;
  readonly pid: number | null;
  /** `requested` (of a service), `running` (detached), `exited N`, `killed SIGNAL`, `failed: REASON`. */
  readonly result: string;
  /** Who asked a service for it: `token ID (NAME)`, or `socket`. */
  readonly by?: string;
}

/** Somebody stands for an image: src/seals/seal.ts says over what the seal is made. Of several, each counts by itself. */
export interface Signed {
  /** 32 hex digits. */
  readonly keyId: string;
  readonly algorithm: string;
  /** Image digest that is sealed, hex. */
  readonly digest: string;
  readonly at: string;
  /** Hex. */
  readonly seal: string;
  /** Of a copied checkpoint: the salt of the log where it was sealed, without which that digest means nothing here. */
  readonly salt?: string;
  /** And its hash; where there is a salt and no hash it is SHA-256. */
  readonly hash?: PageHash;
}

/** A tag is put on a sealed checkpoint, or taken off. */
export interface Tagged {
  readonly name: string;
  readonly at: string;
}

/**
 * Deleted or aborted checkpoints are forgotten: what the log has of them may go, but for `aborted` (it fences) and `restored` (who did it
 * stays known). Whatever else is read of them, before this or behind it, is not heard.
 */
export interface CheckpointsForgotten {
  readonly at: string;
  readonly checkpoints: readonly string[];
}

/** The same of one checkpoint, in its own partition: what earlier releases said, with what their catalogs went on to show of it. */
export interface Forgotten {
  readonly at: string;
  readonly row: Readonly<Record<string, string | number | null>>;
}

/** Packs without live pages, or moved ones: no stream that begins after this event may choose a page of them. */
export interface PacksCondemned {
  readonly at: string;
  readonly packs: readonly string[];
}

/** Slots of a pack that are now slots of another: `runs` are first slot, count, first slot there. */
export interface PackMove {
  readonly from: string;
  readonly to: string;
  readonly runs: readonly (readonly [number, number, number])[];
}

/** Pages have a new place. The old packs are condemned by this. Of two moves of a slot the first counts; one to a condemned pack does not. */
export interface PacksMoved {
  readonly at: string;
  readonly moves: readonly PackMove[];
}

/** Condemned packs that are gone, or may go at any moment. */
export interface PacksDeleted {
  readonly at: string;
  readonly packs: readonly string[];
}

/**
 * When the log had come to this position there was no checkpoint and no pack. What was said about packs before it is of no use to anybody,
 * and may go.
 */
export interface PacksForgotten {
  readonly at: string;
  /** Per partition, the offset after the last event. */
  readonly upTo: readonly number[];
}

/** The JSON value of each event type that has one. */
export interface EventValues {
  'log-opened': LogOpened;
  opened: Opened;
  sealed: Sealed;
  aborted: Aborted;
  deleted: Deleted;
  restored: Restored;
  tagged: Tagged;
  untagged: Tagged;
  signed: Signed;
  forgotten: Forgotten;
  'checkpoints-forgotten': CheckpointsForgotten;
  'packs-condemned': PacksCondemned;
  'packs-moved': PacksMoved;
  'packs-deleted': PacksDeleted;
  'packs-forgotten': PacksForgotten;
}

/** Types of events about packs: in place of a checkpoint's they carry the log's id. */
export type PackEventType = 'packs-condemned' | 'packs-moved' | 'packs-deleted' | 'packs-forgotten';

/** An event that somebody says about a checkpoint (or, with the log's id, about packs or many checkpoints), outside of its numbered stream. */
export function outsideEvent<T extends Exclude<keyof EventValues, 'log-opened' | 'opened' | 'sealed'>>(
  type: T,
  checkpoint: string,
  value: EventValues[T],
): EventMessage {
  return { type, checkpoint, seq: SEQ_OUTSIDE, value: encodeValue(type, value) };
}

export function encodeValue<T extends keyof EventValues>(_type: T, value: EventValues[T]): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** SyntaxError when the bytes are not JSON. The caller has checked the schema number. */
export function decodeValue<T extends keyof EventValues>(_type: T, value: Buffer): EventValues[T] {
  return JSON.parse(value.toString('utf8')) as EventValues[T];
}

/** The event that fences a stream. Whoever says it, it is the same, and harmless when the stream has ended already. */
export function abortedEvent(checkpoint: string, reason: string, at = new Date()): EventMessage {
  return outsideEvent('aborted', checkpoint, { reason, at: at.toISOString() });
}
