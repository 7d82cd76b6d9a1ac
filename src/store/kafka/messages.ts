// SPDX-License-Identifier: Apache-2.0
//
// Records of kafkajs as messages of ours.
import type { FetchedRecord } from './kafkajs-cluster.js';
import type { StoredMessage, TopicMessage } from './protocol.js';

export function messageOf(record: FetchedRecord): StoredMessage {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(record.headers)) {
    const first = Array.isArray(value) ? value[0] : value;
    if (first !== undefined) headers[name] = first.toString();
  }
  return {
    key: record.key?.toString() ?? '',
    headers,
    value: record.value,
    offset: Number(record.offset),
    timestamp: Number(record.timestamp),
  };
}

/** Whether two messages say the same. */
export function sameMessage(one: TopicMessage, other: TopicMessage): boolean {
  if (one.key !== other.key) return false;
  for (const name of new Set([...Object.keys(one.headers), ...Object.keys(other.headers)])) {
    if (one.headers[name] !== other.headers[name]) return false;
  }
  if (one.value === null || other.value === null) return one.value === other.value;
  return one.value.equals(other.value);
}
