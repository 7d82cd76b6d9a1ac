// SPDX-License-Identifier: Apache-2.0
//
// The first event of a log: how it is made, and what of it this release has to know.
import { randomBytes } from 'node:crypto';
import { EVENT_SCHEMA } from '../format/generated/store.js';
import { decodeValue, pageHashes, type LogOpened, type PageHash } from '../format/events.js';
import { StoreError } from './errors.js';

/** Of a log to be: an id and a salt of its own, not encrypted. */
export function newLogOpened(hash: PageHash = 'blake3'): LogOpened {
  return {
    logId: randomBytes(16).toString('hex'),
    schema: EVENT_SCHEMA,
    hash,
    salt: randomBytes(32).toString('hex'),
    keyId: null,
  };
}

/** Of a log that is there. StoreError `newer`: its pages are hashed with something that this release does not know. */
export function readLogOpened(value: Buffer, place: string): LogOpened {
  const opened = decodeValue('log-opened', value);
  if (pageHashes.includes(opened.hash)) return opened;
  throw new StoreError({
    reason: 'newer',
    operation: 'open',
    place,
    problem: `hashes its pages with ${opened.hash}; this release knows ${pageHashes.join(' and ')}`,
    hint: 'use the release that made it, or a newer one',
  });
}
