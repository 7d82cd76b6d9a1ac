// SPDX-License-Identifier: Apache-2.0
//
// The request that appends a batch to a partition: Produce, version 7 (Kafka 2.1 and newer). It goes through a connection of
// kafkajs, which keeps order, timeouts and authentication, but is written here, piece by piece, because kafkajs would copy it.
import { loadCodec } from '../../codec/native.js';
import { StoreError } from '../errors.js';
import { produceResponse, type Broker } from './kafkajs-cluster.js';
import type { TopicMessage } from './protocol.js';
import { bytesOf, recordBatch } from './record-batch.js';

const API_KEY = 0;
const API_VERSION = 7;
const ACKS_ALL = -1;

export interface Produce {
  readonly topic: string;
  readonly partition: number;
  readonly messages: readonly TopicMessage[];
  /** How long the broker may wait for its replicas. */
  readonly timeoutMs: number;
}

/** Offset of the first message. One request, acknowledged by all replicas in sync; what goes wrong is thrown and not tried again. */
export async function produceOnce(broker: Broker, request: Produce): Promise<number> {
  const supported = broker.versions?.[API_KEY];
  if (supported && supported.maxVersion < API_VERSION) {
    throw new StoreError({
      reason: 'failed',
      operation: 'append',
      place: `topic ${request.topic}`,
      problem: 'the broker is too old',
      hint: 'Kafka 2.1 or newer is needed',
    });
  }
  const connection = await broker.connectionPool.getConnection(0);
  if (!connection.isAuthenticated()) await connection.authenticate();
  const codec = loadCodec();
  const batch = recordBatch(request.messages, Date.now(), (crc, bytes) => codec.crc32c(crc, bytes));
  const correlationId = connection.nextCorrelationId();
  const pieces = [requestHead(request, bytesOf(batch), correlationId, connection.clientId), ...batch];
  const { payload } = await new Promise<{ payload: Buffer }>((resolve, reject) => {
    connection.requestQueue.push({
      entry: { apiKey: API_KEY, apiName: 'Produce', apiVersion: API_VERSION, correlationId, resolve, reject },
      expectResponse: true,
      requestTimeout: null,
      sendRequest: () => {
        connection.failIfNotConnected();
        connection.socket.cork();
        for (const piece of pieces) connection.socket.write(piece);
        connection.socket.uncork();
      },
    });
  });
  const { topics } = await produceResponse.parse(await produceResponse.decode(payload));
  const offset = Number(topics[0]?.partitions[0]?.baseOffset ?? -1);
  if (offset < 0) throw new Error('the broker acknowledged without an offset');
  return offset;
}

/** Everything before the batch, with the request's own length in front. */
function requestHead({ topic, partition, timeoutMs }: Produce, batchBytes: number, id: number, client: string): Buffer {
  const head = Buffer.concat([
    ...[int32(0), int16(API_KEY), int16(API_VERSION), int32(id), text(client)],
    // No transaction; one topic, one partition.
    ...[int16(-1), int16(ACKS_ALL), int32(timeoutMs), int32(1), text(topic), int32(1), int32(partition)],
    int32(batchBytes),
  ]);
  head.writeInt32BE(head.length - 4 + batchBytes);
  return head;
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([int16(bytes.length), bytes]);
}
