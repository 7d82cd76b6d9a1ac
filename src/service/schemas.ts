// SPDX-License-Identifier: Apache-2.0
//
// The shapes that go over HTTP, as JSON schemas. `object` means all of these fields and no others.
import type { Schema } from './operation.js';
import { problemTypes } from './problems.js';

export const text: Schema = { type: 'string' };
export const textOrNull: Schema = { type: ['string', 'null'] };
export const count: Schema = { type: 'integer', minimum: 0 };
export const flag: Schema = { type: 'boolean' };

export function array(items: Schema): Schema {
  return { type: 'array', items };
}

export function object(properties: Readonly<Record<string, Schema>>, optional: readonly string[] = []): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: 'object', properties, required, additionalProperties: false };
}

/** All properties may be left out. */
export function options(properties: Readonly<Record<string, Schema>>): Schema {
  return { type: 'object', properties, additionalProperties: false };
}

const id: Schema = { type: 'string', pattern: '^[0-9a-hjkmnp-tv-z]{26}$' };
export const digest: Schema = { type: 'string', pattern: '^[0-9a-f]{64}$' };
/** Addresses may be anything that 64 bits hold; JSON has no bound, a reader's numbers may. */
const address: Schema = { type: 'integer', minimum: 0 };
const hex: Schema = { type: 'string', pattern: '^[0-9a-f]{12,16}$' };

export const checkpoint = object({
  id,
  name: textOrNull,
  created_at: textOrNull,
  host: textOrNull,
  pid: { type: ['integer', 'null'] },
  comm: textOrNull,
  format_version: { type: ['integer', 'null'], enum: [1, 2, null] },
  kernel_release: textOrNull,
  image_bytes: count,
  image_digest: digest,
  pages: count,
  zero_pages: count,
  new_pages: count,
  stored_bytes: count,
  parent_id: { type: ['string', 'null'] },
  records: count,
  frozen_ms: { type: ['number', 'null'] },
  source: textOrNull,
  process: textOrNull,
});

export const mapping = object({
  seq: count,
  start_addr: address,
  end_addr: address,
  start_hex: hex,
  end_hex: hex,
  kind: text,
  prot: text,
  path: textOrNull,
  pages: count,
  zero_pages: count,
  new_pages: count,
  file_offset: { type: ['integer', 'null'], minimum: 0 },
});

export const record = object({
  seq: count,
  type: textOrNull,
  number: count,
  offset: count,
  bytes: count,
  task: { type: 'integer' },
});

export const ingested = object({
  id,
  name: textOrNull,
  image_bytes: count,
  pages: count,
  zero_pages: count,
  new_pages: count,
  stored_bytes: count,
  image_digest: digest,
});

const pid = { type: 'integer', minimum: 1 } as const;

export const restarted = object(
  {
    id,
    pid,
    pids: { ...array(pid), description: 'Of all copies, where more than one was asked for.' },
    start_ms: {
      type: 'number',
      description: 'From the arrival of the request to the first instruction of a lazily restarted task.',
    },
    warnings: array(text),
  },
  ['pids', 'start_ms'],
);

export const problem = object(
  {
    type: { type: 'string', enum: Object.keys(problemTypes).map((name) => `/v1/problems/${name}`) },
    title: text,
    status: { type: 'integer', minimum: 400, maximum: 599 },
    detail: text,
    hint: text,
  },
  ['detail', 'hint'],
);

/** A parameter of the path: id, name, beginning of an id, or @last. */
export const checkpointArgument: Schema = {
  type: 'string',
  minLength: 1,
  maxLength: 256,
  description: "A checkpoint's id, its name (the newest with that name), the beginning of its id, or @last.",
};
