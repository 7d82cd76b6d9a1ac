// SPDX-License-Identifier: Apache-2.0
//
// The thread that talks to Kafka: encoding, checksums and decoding are JavaScript in kafkajs, and would hold up everything else
// on the main thread. It answers calls one by one as they are done.
import { parentPort, workerData } from 'node:worker_threads';
import { StoreError } from '../errors.js';
import { Connection } from './connection.js';
import { fetchOnce } from './fetch.js';
import { kafkaError, kafkaErrorType } from './kafka-errors.js';
import { messageOf } from './messages.js';
import { openFirstEvent } from './opening.js';
import { Producer } from './producer.js';
import {
  packMessages,
  unpackMessages,
  type CallName,
  type Calls,
  type ErrorParcel,
  type Reply,
  type Request,
  type TopicName,
  type WorkerData,
} from './protocol.js';
import { prepareTopics } from './topics.js';
import { kafkaPlace, topicOf } from './url.js';

const { settings } = workerData as WorkerData;
const place = kafkaPlace(settings);
const topics = [topicOf(settings, 'images'), topicOf(settings, 'packs')];
const reading = new Connection(settings, topics);
// Packs and events have a connection each, and each has one send under way: events that name a pack are handed over after it.
const senders: Record<TopicName, Connection> = {
  images: new Connection(settings, topics),
  packs: new Connection(settings, topics),
};
const producers: Record<TopicName, Producer> = {
  images: new Producer(senders.images, reading, settings),
  packs: new Producer(senders.packs, reading, settings),
};

const calls: { [N in CallName]: (args: Calls[N]['args']) => Promise<Calls[N]['result']> } = {
  open: async ({ create, pageHash }) => {
    const there = await reading.tryAgain(() => prepareTopics(settings, create), true);
    if (!there) return null;
    // Whoever makes a log is going to write: their connections come about while the first event does.
    if (create) for (const sender of Object.values(senders)) sender.once(async () => undefined).catch(() => undefined);
    return openFirstEvent(settings, reading, producers.images, pageHash);
  },
  ends: ({ topic }) =>
    reading.retried(async (cluster) => {
      const name = topicOf(settings, topic);
      const partitions = cluster
        .findTopicPartitionMetadata(name)
        .map(({ partitionId }) => ({ partition: partitionId }));
      const [found] = await cluster.fetchTopicsOffset([{ topic: name, partitions, fromBeginning: false }]);
      const ends: number[] = [];
      for (const { partition, offset } of found?.partitions ?? []) ends[partition] = Number(offset);
      return ends;
    }),
  send: ({ topic, partition, messages }) =>
    producers[topic].send(topicOf(settings, topic), partition, unpackMessages(messages)),
  fetch: async ({ topic, partition, from, end, bytesMax }) => {
    const name = topicOf(settings, topic);
    try {
      const { records, next } = await reading.retried((cluster) =>
        fetchOnce(cluster, name, partition, from, end, bytesMax),
      );
      return { messages: packMessages(records.map(messageOf)), next };
    } catch (error) {
      if (kafkaErrorType(error) !== 'OFFSET_OUT_OF_RANGE') throw error;
      throw new StoreError({
        reason: 'damaged',
        operation: 'read',
        place: `${place}, topic ${name}, partition ${partition}`,
        problem: `has no offset ${from} any more: it was deleted, or the topic was replaced`,
      });
    }
  },
};

const port = parentPort;
if (!port) throw new Error('this is the program of a worker thread');

port.on('message', (request: Request) => {
  void answer(request).then(({ reply, transfer }) => port.postMessage(reply, transfer));
});

async function answer({ id, name, args }: Request): Promise<{ reply: Reply; transfer: ArrayBuffer[] }> {
  if (name === 'close') {
    await Promise.all([reading, senders.images, senders.packs].map((connection) => connection.close()));
    return { reply: { id }, transfer: [] };
  }
  try {
    const result = await (calls[name] as (args: unknown) => Promise<unknown>)(args);
    const transfer =
      name === 'fetch' ? [(result as Calls['fetch']['result']).messages.bytes.buffer as ArrayBuffer] : [];
    return { reply: { id, result }, transfer };
  } catch (error) {
    return { reply: { id, error: parcelOf(name, error) }, transfer: [] };
  }
}

const operations: Readonly<Record<CallName, string>> = { open: 'open', ends: 'read', send: 'append', fetch: 'read' };

function parcelOf(name: CallName, error: unknown): ErrorParcel {
  const known = kafkaError(operations[name], place, error);
  if (known instanceof StoreError) {
    const { reason, operation, place: where, message, hint } = known;
    const problem = message.slice(`${operation}: ${where}: `.length);
    return { reason, operation, place: where, problem, ...(hint === undefined ? {} : { hint }) };
  }
  return { reason: 'failed', operation: operations[name], place, problem: known.message };
}
