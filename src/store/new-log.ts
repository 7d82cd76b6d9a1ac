// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';
import { EVENT_SCHEMA } from '../format/generated/store.js';
import type { LogOpened } from '../format/events.js';

/** The first event of a log to be: an id and a salt of its own, not encrypted. */
export function newLogOpened(): LogOpened {
  return {
    logId: randomBytes(16).toString('hex'),
    schema: EVENT_SCHEMA,
    hash: 'sha256',
    salt: randomBytes(32).toString('hex'),
    keyId: null,
  };
}
