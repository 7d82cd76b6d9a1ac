// SPDX-License-Identifier: Apache-2.0
//
// Opening a log: its topics, then its first event. Of several machines that write one at once, the lowest offset of partition
// 0 wins, and all of them read it back. Its header `partitions` says among how many checkpoints are spread, so that a topic
// that is given more later keeps every stream where it is.
import { encodeValue, SEQ_OUTSIDE, type PageHash } from '../../format/events.js';
import { StoreError } from '../errors.js';
import type { Connection } from './connection.js';
import { checkedType, eventHeaders } from './event-messages.js';
import { fetchOnce } from './fetch.js';
import { messageOf } from './messages.js';
import type { Producer } from './producer.js';
import type { OpenedTopics, StoredMessage } from './protocol.js';
import { kafkaPlace, topicOf, type KafkaSettings } from './url.js';
import { newLogOpened, readLogOpened } from '../new-log.js';

/** The log's first event, made when there is none. */
export async function openFirstEvent(
  settings: KafkaSettings,
  reading: Connection,
  producer: Producer,
  pageHash: PageHash | undefined,
): Promise<OpenedTopics> {
  const topic = topicOf(settings, 'images');
  const [partitions, packPartitions] = await reading.retried(async (cluster) => [
    cluster.findTopicPartitionMetadata(topic).length,
    cluster.findTopicPartitionMetadata(topicOf(settings, 'packs')).length,
  ]);
  await refuseLost(settings, reading, topic, partitions);
  const first = await readFirst(reading, topic);
  if (first) return { ...openedOf(settings, first, partitions), packPartitions };
  const mine = newLogOpened(pageHash);
  const event = { type: 'log-opened', checkpoint: mine.logId, seq: SEQ_OUTSIDE } as const;
  await producer.send(topic, 0, [
    {
      key: mine.logId,
      headers: { ...eventHeaders(event), partitions: String(partitions) },
      value: encodeValue('log-opened', mine),
    },
  ]);
  const winner = await readFirst(reading, topic);
  if (winner) return { ...openedOf(settings, winner, partitions), packPartitions };
  throw new StoreError({
    reason: 'failed',
    operation: 'open',
    place: kafkaPlace(settings),
    problem: 'its first event is not there',
  });
}

async function readFirst(reading: Connection, topic: string): Promise<StoredMessage | undefined> {
  return reading.retried(async (cluster) => {
    const [ends] = await cluster.fetchTopicsOffset([{ topic, partitions: [{ partition: 0 }], fromBeginning: false }]);
    const end = Number(ends?.partitions[0]?.offset ?? 0);
    for (let from = 0; from < end;) {
      const { records, next } = await fetchOnce(cluster, topic, 0, from, end);
      if (records[0]) return messageOf(records[0]);
      from = next;
    }
    return undefined;
  });
}

function openedOf(
  settings: KafkaSettings,
  message: StoredMessage,
  partitions: number,
): Omit<OpenedTopics, 'packPartitions'> {
  const place = `${kafkaPlace(settings)}, partition 0, offset ${message.offset}`;
  const type = checkedType(message, place);
  if (type !== 'log-opened' || message.value === null) {
    throw new StoreError({ reason: 'damaged', operation: 'open', place, problem: `is ${type}, not log-opened` });
  }
  const spread = Number(message.headers['partitions'] ?? partitions);
  if (!Number.isInteger(spread) || spread < 1 || spread > partitions) {
    throw new StoreError({
      reason: 'damaged',
      operation: 'open',
      place,
      problem: `names ${spread} partitions, and the topic has ${partitions}`,
    });
  }
  return { opened: readLogOpened(message.value, place), spread };
}

/** A topic whose first events are gone is no log any more. */
async function refuseLost(
  settings: KafkaSettings,
  reading: Connection,
  topic: string,
  partitions: number,
): Promise<void> {
  const starts = await reading.retried(async (cluster) => {
    const list = Array.from({ length: partitions }, (_, partition) => ({ partition }));
    const [offsets] = await cluster.fetchTopicsOffset([{ topic, partitions: list, fromBeginning: true }]);
    return offsets?.partitions ?? [];
  });
  const lost = starts.find(({ offset }) => Number(offset) > 0);
  if (!lost) return;
  throw new StoreError({
    reason: 'damaged',
    operation: 'open',
    place: `${kafkaPlace(settings)}, partition ${lost.partition}`,
    problem: `begins at offset ${lost.offset}: the events before it were deleted`,
    hint: 'retention.ms and retention.bytes of the topic have to be -1; docs/kafka.md',
  });
}
