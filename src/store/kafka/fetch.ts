// SPDX-License-Identifier: Apache-2.0
//
// Reads a stretch of one partition, without a consumer group.
import { StoreError } from '../errors.js';
import type { Cluster, FetchedRecord } from './kafkajs-cluster.js';

/** A broker hands out whole batches, at least one: an answer has at most this much and a batch more. */
export const FETCH_BYTES = 3 << 20;
/** How long a broker may wait for data; there is some when it is asked. */
const WAIT_MS = 500;

/** One request. `next` is past `from` unless the broker had nothing to give. */
export async function fetchOnce(
  cluster: Cluster,
  topic: string,
  partition: number,
  from: number,
  end: number,
  bytesMax = FETCH_BYTES,
): Promise<{ records: FetchedRecord[]; next: number }> {
  const leader = Object.keys(cluster.findLeaderForPartitions(topic, [partition]))[0];
  if (leader === undefined) throw new StoreError(noPartition(topic, partition));
  const broker = await cluster.findBroker({ nodeId: leader });
  const { responses } = await broker.fetch({
    replicaId: -1,
    isolationLevel: 0,
    maxWaitTime: WAIT_MS,
    minBytes: 1,
    maxBytes: bytesMax,
    topics: [{ topic, partitions: [{ partition, fetchOffset: String(from), maxBytes: bytesMax }] }],
  });
  const found = responses[0]?.partitions[0];
  const messages = found?.messages ?? [];
  const last = messages.at(-1);
  // A batch is given whole, also when the offset lies in it; what compaction has emptied gives nothing, and is stepped over.
  const next = last ? Number(last.offset) + 1 : Number(found?.highWatermark ?? 0) > from ? from + 1 : from;
  const records = messages.filter(({ offset, isControlRecord }) => {
    return Number(offset) >= from && Number(offset) < end && !isControlRecord;
  });
  return { records, next: Math.min(Math.max(next, from), end) };
}

function noPartition(topic: string, partition: number): ConstructorParameters<typeof StoreError>[0] {
  return { reason: 'failed', operation: 'read', place: `topic ${topic}`, problem: `has no partition ${partition}` };
}
