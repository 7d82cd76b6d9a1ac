// SPDX-License-Identifier: Apache-2.0
//
// Reads the JSON of an event and checks that it has the fields that the catalog takes from it: an event may come from
// anywhere, and a row made of nonsense would outlive it.
import { PACK_PAGES_MAX } from '../../format/generated/store.js';
import { decodeValue, type EventValues, type LoggedEvent } from '../../format/events.js';

export class EventValueError extends Error {
  override readonly name = 'EventValueError';
}

type Check = (value: unknown) => boolean;

const text: Check = (value) => typeof value === 'string';
const textOrNull: Check = (value) => value === null || typeof value === 'string';
const textIfAny: Check = (value) => value === undefined || typeof value === 'string';
const count: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const numberOrNull: Check = (value) => value === null || typeof value === 'number';
const counts: Check = (value) => Array.isArray(value) && value.every(count);
const writer: Check = (value) =>
  fits(value, { host: text, machine: textIfAny, bootId: text, pidNamespace: text, pid: count, startTicks: count });

const texts: Check = (value) => Array.isArray(value) && value.every(text);
const slot: Check = (value) => count(value) && (value as number) <= PACK_PAGES_MAX;
const moveRuns: Check = (value) =>
  Array.isArray(value) && value.every((run) => Array.isArray(run) && run.length === 3 && run.every(slot));
const moves: Check = (value) =>
  Array.isArray(value) && value.every((move) => fits(move, { from: text, to: text, runs: moveRuns }));

type Projected = Exclude<keyof EventValues, 'log-opened' | 'aborted' | 'deleted' | 'forgotten'>;

const shapes: Readonly<Record<Projected, Readonly<Record<string, Check>>>> = {
  opened: { name: textOrNull, createdAt: text, source: text, writer, dedupPosition: counts },
  sealed: {
    formatVersion: count,
    bytes: count,
    records: count,
    pages: count,
    zeroPages: count,
    newPages: count,
    storedBytes: count,
    digest: text,
    parent: textOrNull,
    chain: text,
    frozenMs: numberOrNull,
  },
  tagged: { name: text },
  untagged: { name: text },
  signed: { keyId: text, algorithm: text, digest: text, at: text, seal: text, salt: textIfAny, hash: textIfAny },
  'checkpoints-forgotten': { checkpoints: texts },
  'packs-condemned': { packs: texts },
  'packs-moved': { moves },
  'packs-deleted': { packs: texts },
  'packs-forgotten': { upTo: counts },
  restored: { restoreId: text, at: text, host: text, pid: numberOrNull, result: text },
};

function fits(value: unknown, shape: Readonly<Record<string, Check>>): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(shape).every(([key, check]) => check((value as Record<string, unknown>)[key]));
}

/** EventValueError when the value is no JSON or lacks something. */
export function readValue<T extends Projected>(type: T, event: LoggedEvent): EventValues[T] {
  let value: EventValues[T];
  try {
    value = decodeValue(type, event.value);
  } catch (cause) {
    throw new EventValueError(`its ${type} event is no JSON`, { cause });
  }
  for (const [key, check] of Object.entries(shapes[type])) {
    if (!check((value as unknown as Record<string, unknown> | null)?.[key])) {
      throw new EventValueError(`its ${type} event has no valid ${key}`);
    }
  }
  return value;
}
