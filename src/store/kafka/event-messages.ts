// SPDX-License-Identifier: Apache-2.0
//
// Events as messages of the images topic: key is the checkpoint, the value is the event's own, and the headers `type`,
// `checkpoint`, `seq` and `schema` say as text what it is.
import { EVENT_SCHEMA } from '../../format/generated/store.js';
import { eventTypes, type EventMessage, type EventType, type LoggedEvent } from '../../format/events.js';
import { StoreError } from '../errors.js';
import type { StoredMessage, TopicMessage } from './protocol.js';

const knownTypes: ReadonlySet<string> = new Set(eventTypes);

export function eventHeaders(event: Pick<EventMessage, 'type' | 'checkpoint' | 'seq'>): Record<string, string> {
  const { type, checkpoint, seq } = event;
  return { type, checkpoint, seq: String(seq), schema: String(EVENT_SCHEMA) };
}

export function eventMessage(event: EventMessage): TopicMessage {
  return { key: event.checkpoint, headers: eventHeaders(event), value: event.value };
}

/** StoreError `newer` or `damaged` names the place. */
export function loggedEvent(message: StoredMessage, partition: number, log: string): LoggedEvent {
  const place = `${log}, partition ${partition}, offset ${message.offset}`;
  const type = checkedType(message, place);
  const { checkpoint, seq } = message.headers;
  const number = Number(seq);
  if (checkpoint === undefined || !Number.isSafeInteger(number) || seq === undefined || message.value === null) {
    throw new StoreError({
      reason: 'damaged',
      operation: 'read',
      place,
      problem: 'is no event of ckpt',
      hint: foreignHint,
    });
  }
  return {
    type,
    checkpoint,
    seq: number,
    value: message.value,
    partition,
    offset: message.offset,
    schema: Number(message.headers['schema']),
    writtenAt: message.timestamp,
  };
}

const foreignHint = 'something else writes into this topic; use another prefix';

export function checkedType(message: StoredMessage, place: string): EventType {
  const { type, schema } = message.headers;
  const number = Number(schema);
  if (type === undefined || schema === undefined || !Number.isInteger(number)) {
    throw new StoreError({
      reason: 'damaged',
      operation: 'read',
      place,
      problem: 'is no event of ckpt',
      hint: foreignHint,
    });
  }
  if (number > EVENT_SCHEMA) {
    throw new StoreError({
      reason: 'newer',
      operation: 'read',
      place,
      problem: `has schema ${number}; this release knows up to ${EVENT_SCHEMA}`,
      hint: 'use the release that wrote it, or a newer one',
    });
  }
  if (!knownTypes.has(type)) {
    throw new StoreError({ reason: 'damaged', operation: 'read', place, problem: `is of an unknown type, ${type}` });
  }
  return type as EventType;
}
