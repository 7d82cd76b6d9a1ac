// SPDX-License-Identifier: Apache-2.0
//
// Sends batches: one at a time to a partition, acknowledged by all replicas in sync, each below the size that every broker takes. A batch is
// there whole or not at all. After any error nobody knows whether it arrived, or still will: the connection is thrown away, the
// partition's tail is read again, and only what does not stand there is sent again, or its last message, so that it is
// acknowledged. What arrives twice nevertheless, because a request was late and not lost, is dropped by every reader, by
// (checkpoint, seq).
import type { Connection } from './connection.js';
import { fetchOnce } from './fetch.js';
import { messageOf, sameMessage } from './messages.js';
import { produceOnce } from './produce-request.js';
import type { TopicMessage } from './protocol.js';
import { BATCH_BYTES_MAX } from './topics.js';
import type { KafkaSettings } from './url.js';

/** What a record takes beside its key, value and headers, generously. */
const RECORD_OVERHEAD = 200;

export class Producer {
  /** Per partition, one after the other: the turn of the next batch. */
  private readonly turns = new Map<string, Promise<unknown>>();
  /** Where the tail of a partition begins that may hold what was sent and not acknowledged. */
  private readonly tails = new Map<string, number>();

  constructor(
    private readonly connection: Connection,
    private readonly reading: Connection,
    private readonly settings: KafkaSettings,
  ) {}

  /** Offsets of the messages. Rejects with what stood in the way last. */
  send(topic: string, partition: number, messages: readonly TopicMessage[]): Promise<number[]> {
    const turn = this.turns.get(`${topic} ${partition}`) ?? Promise.resolve();
    const sent = turn.then(async () => {
      const offsets: number[] = [];
      for (const batch of batchesOf(messages)) offsets.push(...(await this.sendBatch(topic, partition, batch)));
      return offsets;
    });
    this.turns.set(
      `${topic} ${partition}`,
      sent.catch(() => undefined),
    );
    return sent;
  }

  private async sendBatch(topic: string, partition: number, batch: readonly TopicMessage[]): Promise<number[]> {
    const tail = `${topic} ${partition}`;
    if (!this.tails.has(tail)) this.tails.set(tail, await this.endOf(topic, partition));
    let unsure = false;
    return this.connection.tryAgain(async () => {
      if (unsure) {
        const found = await this.findInTail(topic, partition, batch);
        if (found) {
          await this.confirm(topic, partition, batch);
          this.tails.set(tail, (found.at(-1) ?? 0) + 1);
          return found;
        }
      }
      unsure = true;
      const first = await this.produce(topic, partition, batch);
      this.tails.set(tail, first + batch.length);
      return batch.map((_, index) => first + index);
    });
  }

  /**
   * That a message can be read does not say that enough brokers hold it: before Kafka 3.7, one that is left alone hands out what it alone has.
   * Whatever is acknowledged behind it says so. Thus its last message is sent once more, unless there are no other brokers to wait for.
   */
  private async confirm(topic: string, partition: number, batch: readonly TopicMessage[]): Promise<void> {
    const isReplicated = await this.reading.once(async (cluster) => {
      const known = cluster.findTopicPartitionMetadata(topic).find(({ partitionId }) => partitionId === partition);
      return known?.replicas.length !== 1;
    });
    if (isReplicated) await this.produce(topic, partition, batch.slice(-1));
  }

  private produce(topic: string, partition: number, batch: readonly TopicMessage[]): Promise<number> {
    return this.connection.once(async (cluster) => {
      const leader = Object.keys(cluster.findLeaderForPartitions(topic, [partition]))[0];
      if (leader === undefined) throw new Error(`partition ${partition} of ${topic} has no leader`);
      const broker = await cluster.findBroker({ nodeId: leader });
      return produceOnce(broker, { topic, partition, messages: batch, timeoutMs: this.settings.requestTimeoutMs });
    });
  }

  private endOf(topic: string, partition: number): Promise<number> {
    return this.reading.retried(async (cluster) => {
      const [ends] = await cluster.fetchTopicsOffset([{ topic, partitions: [{ partition }], fromBeginning: false }]);
      return Number(ends?.partitions[0]?.offset ?? 0);
    });
  }

  /** Offsets of the batch if it stands behind what was acknowledged last. */
  private async findInTail(
    topic: string,
    partition: number,
    batch: readonly TopicMessage[],
  ): Promise<number[] | undefined> {
    const end = await this.endOf(topic, partition);
    const found: number[] = [];
    for (let from = this.tails.get(`${topic} ${partition}`) ?? 0; from < end;) {
      const { records, next } = await this.reading.once((cluster) => fetchOnce(cluster, topic, partition, from, end));
      for (const record of records) {
        const sought = batch[found.length];
        if (sought && sameMessage(messageOf(record), sought)) found.push(Number(record.offset));
        if (found.length === batch.length) return found;
      }
      from = next;
    }
    return undefined;
  }
}

/** In order, each below BATCH_BYTES_MAX, or one message that is larger by itself. */
export function batchesOf(messages: readonly TopicMessage[]): TopicMessage[][] {
  const batches: TopicMessage[][] = [];
  let bytes = Infinity;
  for (const message of messages) {
    const size = (message.value?.length ?? 0) + RECORD_OVERHEAD;
    if (bytes + size > BATCH_BYTES_MAX) {
      batches.push([]);
      bytes = 0;
    }
    bytes += size;
    batches.at(-1)?.push(message);
  }
  return batches;
}
