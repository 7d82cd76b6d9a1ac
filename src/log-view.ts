// SPDX-License-Identifier: Apache-2.0
//
// The log for people: how far its parts go and how far this catalog has come, and its events, decoded.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Codec } from './codec/native.js';
import { eventTypes, type EventType, type LoggedEvent } from './format/events.js';
import type { LogPosition, Store } from './store/index.js';

const FOLLOW_INTERVAL_MS = 500;

/** A partition of the events, or of the packs where those are a topic. */
export interface LogPart {
  readonly part: 'events' | 'packs';
  /** Null where it is none. */
  readonly topic: string | null;
  readonly partition: number;
  /** Offset after the last. */
  readonly end: number;
  /** Offset up to which this catalog, or this machine's packs, have come. */
  readonly position: number;
  readonly lag: number;
  /** ISO 8601; null where there is none, or the log keeps no times. */
  readonly last_event_at: string | null;
}

export interface LogSummary {
  readonly kind: 'embedded' | 'kafka';
  readonly place: string;
  readonly log_id: string;
  readonly parts: readonly LogPart[];
}

export interface LogEventFilter {
  /** Id, or the beginning of one. */
  readonly checkpoint?: string;
  readonly type?: EventType;
  /** Only events from this position on, per partition; default: from the beginning. */
  readonly from?: LogPosition;
  /** Only events before this position; default: to the end. Not for those who follow. */
  readonly to?: LogPosition;
}

/** An event in words: `value` is the JSON of those that have one, else counts. */
export interface LogEventView {
  readonly partition: number;
  readonly offset: number;
  readonly at: string | null;
  readonly type: EventType;
  readonly checkpoint: string;
  readonly seq: number;
  readonly bytes: number;
  readonly value: unknown;
}

/** Does not move the catalog. StoreError. */
export async function summarizeLog(store: Store): Promise<LogSummary> {
  const { log } = store;
  const [ends, position] = [await log.end(), store.position()];
  const parts: LogPart[] = [];
  for (const [partition, end] of ends.entries()) {
    const known = position[partition] ?? 0;
    const last_event_at = await lastEventAt(store, ends, partition);
    parts.push({
      part: 'events',
      topic: log.topics?.events ?? null,
      partition,
      end,
      position: known,
      lag: end - known,
      last_event_at,
    });
  }
  for (const [partition, { end, here }] of ((await log.packs.partitions?.()) ?? []).entries()) {
    parts.push({
      part: 'packs',
      topic: log.topics?.packs ?? null,
      partition,
      end,
      position: here,
      lag: end - here,
      last_event_at: null,
    });
  }
  return { kind: log.kind, place: log.place, log_id: log.opened.logId, parts };
}

async function lastEventAt({ log }: Store, ends: LogPosition, partition: number): Promise<string | null> {
  const from = ends.map((end, index) => (index === partition ? Math.max(0, end - 1) : end));
  let last: string | null = null;
  for await (const { events } of log.read(from, ends)) for (const event of events) last = timeOf(event) ?? last;
  return last;
}

/** Events from the log's beginning; with `follow`, and on as they come, until the signal. StoreError. */
export async function* viewEvents(
  store: Store,
  codec: Pick<Codec, 'pagesInfo'>,
  filter: LogEventFilter,
  follow?: AbortSignal,
): AsyncGenerator<LogEventView> {
  let from: LogPosition = filter.from ?? [];
  for (;;) {
    for await (const { events, next } of store.log.read(from, filter.to)) {
      for (const event of events) if (fits(event, filter)) yield viewOf(event, codec);
      from = next;
    }
    if (!follow || follow.aborted) return;
    try {
      await sleep(FOLLOW_INTERVAL_MS, undefined, { signal: follow });
    } catch {
      return; // aborted
    }
  }
}

export function isEventType(text: string): text is EventType {
  return (eventTypes as readonly string[]).includes(text);
}

function fits(event: LoggedEvent, { checkpoint, type }: LogEventFilter): boolean {
  return (
    (checkpoint === undefined || event.checkpoint.startsWith(checkpoint)) && (type === undefined || event.type === type)
  );
}

function viewOf(event: LoggedEvent, codec: Pick<Codec, 'pagesInfo'>): LogEventView {
  const { partition, offset, type, checkpoint, seq, value } = event;
  return {
    partition,
    offset,
    at: timeOf(event),
    type,
    checkpoint,
    seq,
    bytes: value.length,
    value: decoded(event, codec),
  };
}

function decoded({ type, value }: LoggedEvent, codec: Pick<Codec, 'pagesInfo'>): unknown {
  if (type === 'record') return null;
  try {
    if (type !== 'pages') return JSON.parse(value.toString()) as unknown;
    const { pages, zeroPages, newPages, packs } = codec.pagesInfo(value);
    return { pages, zeroPages, newPages, packs };
  } catch (error) {
    return { damaged: (error as Error).message };
  }
}

/** By the log where it keeps times, else by what the event says of itself. */
function timeOf({ writtenAt, type, value }: LoggedEvent): string | null {
  if (writtenAt !== undefined && writtenAt >= 0) return new Date(writtenAt).toISOString();
  if (type === 'record' || type === 'pages') return null;
  try {
    const { at, createdAt } = JSON.parse(value.toString()) as { at?: unknown; createdAt?: unknown };
    return typeof at === 'string' ? at : typeof createdAt === 'string' ? createdAt : null;
  } catch {
    return null;
  }
}
