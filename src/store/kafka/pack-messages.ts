// SPDX-License-Identifier: Apache-2.0
//
// Packs as messages of the packs topic: key is the pack's id, the value the pack file's bytes. kafkajs does not check the
// broker's checksums, so a pack is believed when its own digest says that it is whole.
import { createHash } from 'node:crypto';
import { EVENT_SCHEMA, HASH_BYTES } from '../../format/generated/store.js';
import { StoreError } from '../errors.js';
import type { NewPack } from '../log.js';
import type { StoredMessage, TopicMessage } from './protocol.js';

export function packMessage(pack: NewPack): TopicMessage {
  return {
    key: pack.id,
    headers: {
      type: 'pack',
      checkpoint: pack.stream,
      seq: '-1',
      schema: String(EVENT_SCHEMA),
      pages: String(pack.pages),
      'raw-bytes': String(pack.rawBytes),
    },
    value: pack.bytes,
  };
}

/** Says that a pack is gone; compaction then drops both. */
export function packTombstone(id: string): TopicMessage {
  return { key: id, headers: { type: 'pack', checkpoint: '', seq: '-1', schema: String(EVENT_SCHEMA) }, value: null };
}

/** Null: a tombstone. StoreError `damaged` or `newer` names the place. */
export function packOf(message: StoredMessage, partition: number, log: string): NewPack | null {
  const { key, headers, value, offset } = message;
  const place = `${log}, packs, partition ${partition}, offset ${offset}`;
  if (value === null) return null;
  if (Number(headers['schema']) > EVENT_SCHEMA) {
    const problem = `has schema ${headers['schema']}; this release knows up to ${EVENT_SCHEMA}`;
    const hint = 'use the release that wrote it, or a newer one';
    throw new StoreError({ reason: 'newer', operation: 'read pack', place, problem, hint });
  }
  const pages = Number(headers['pages']);
  const rawBytes = Number(headers['raw-bytes']);
  const stream = headers['checkpoint'];
  const known =
    headers['type'] === 'pack' && stream !== undefined && Number.isInteger(pages) && Number.isInteger(rawBytes);
  if (!known) {
    const hint = 'something else writes into this topic; use another prefix';
    throw new StoreError({ reason: 'damaged', operation: 'read pack', place, problem: 'is no pack of ckpt', hint });
  }
  if (!isWhole(key, value)) {
    throw new StoreError({ reason: 'damaged', operation: 'read pack', place, problem: `is not pack ${key}` });
  }
  return { id: key, bytes: value, pages, rawBytes, storedBytes: value.length, stream };
}

/** A pack's id is the digest of its bytes before its trailing digest, which is the same again. */
function isWhole(id: string, bytes: Buffer): boolean {
  const end = bytes.length - HASH_BYTES;
  if (end < 0 || bytes.toString('hex', end) !== id) return false;
  return createHash('sha256').update(bytes.subarray(0, end)).digest('hex') === id;
}
