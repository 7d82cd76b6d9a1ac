// SPDX-License-Identifier: Apache-2.0
//
// The part of kafkajs that stands under its producer and consumer, typed as far as it is used here. Its consumer can only read as
// a member of a group, which costs every command a rebalance (3 s on a cluster with default settings) and commits offsets that the
// catalog keeps better; its producer repeats by itself what may have arrived. Requests made here are made once. 2.2.4 is the last
// release of kafkajs; package.json pins it.
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import kafkajs from 'kafkajs';
import type { KafkaSettings } from './url.js';

export interface FetchedRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer | string | (Buffer | string)[] | undefined>>;
  readonly offset: string;
  readonly timestamp: string;
  readonly isControlRecord: boolean;
}

/** One socket to a broker, with its queue of requests that wait for their answers. */
export interface BrokerConnection {
  readonly clientId: string;
  readonly socket: Socket;
  readonly requestQueue: {
    push(request: {
      entry: {
        apiKey: number;
        apiName: string;
        apiVersion: number;
        correlationId: number;
        resolve: (answer: { payload: Buffer }) => void;
        reject: (error: Error) => void;
      };
      expectResponse: boolean;
      requestTimeout: null;
      sendRequest: () => void;
    }): void;
  };
  isAuthenticated(): boolean;
  authenticate(): Promise<void>;
  nextCorrelationId(): number;
  failIfNotConnected(): void;
}

export interface Broker {
  /** By number of the request, once connected. */
  readonly versions: Readonly<Record<number, { minVersion: number; maxVersion: number } | undefined>> | null;
  readonly connectionPool: { getConnection(index: 0): Promise<BrokerConnection> };
  fetch(request: {
    replicaId: -1;
    isolationLevel: 0;
    maxWaitTime: number;
    minBytes: number;
    maxBytes: number;
    topics: { topic: string; partitions: { partition: number; fetchOffset: string; maxBytes: number }[] }[];
  }): Promise<{ responses: { partitions: { highWatermark: string; messages: FetchedRecord[] }[] }[] }>;
}

export interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  refreshMetadataIfNecessary(): Promise<void>;
  findTopicPartitionMetadata(topic: string): { partitionId: number; leader: number; replicas: number[] }[];
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Record<string, number[]>;
  findBroker(broker: { nodeId: string }): Promise<Broker>;
  fetchTopicsOffset(
    topics: { topic: string; partitions: { partition: number }[]; fromBeginning: boolean }[],
  ): Promise<{ topic: string; partitions: { partition: number; offset: string }[] }[]>;
}

const require = createRequire(import.meta.url);
const ClusterOfKafkajs = require('kafkajs/src/cluster') as new (options: object) => Cluster;
const { createLogger } = require('kafkajs/src/loggers') as { createLogger: (options: object) => object };
const socketFactory = (require('kafkajs/src/network/socketFactory') as () => object)();

interface ProduceAnswer {
  readonly topics: { readonly partitions: { readonly partition: number; readonly baseOffset: string }[] }[];
}
export const produceResponse = require('kafkajs/src/protocol/requests/produce/v7/response') as {
  decode(payload: Buffer): Promise<ProduceAnswer>;
  /** Throws the broker's error. */
  parse(answer: ProduceAnswer): Promise<ProduceAnswer>;
};

/** What kafkajs would log is in the errors that it raises. */
export const silent = { logLevel: kafkajs.logLevel.NOTHING, logCreator: () => () => undefined };

let clients = 0;

/** Options that all clients of one log share. Each client starts from the next of the brokers: one of them may be down. */
export function clientOptions(settings: KafkaSettings): {
  brokers: string[];
  clientId: string;
  connectionTimeout: number;
  authenticationTimeout: number;
  requestTimeout: number;
  enforceRequestTimeout: true;
  retry: { retries: 0; initialRetryTime: 1; maxRetryTime: 1 };
  ssl?: { ca?: string; cert?: string; key?: string };
  sasl?: { mechanism: 'plain'; username: string; password: string };
} {
  const { brokers, requestTimeoutMs, tls, sasl } = settings;
  const first = clients++ % brokers.length;
  return {
    brokers: [...brokers.slice(first), ...brokers.slice(0, first)],
    clientId: 'ckpt',
    connectionTimeout: Math.min(requestTimeoutMs, 5000),
    authenticationTimeout: requestTimeoutMs,
    requestTimeout: requestTimeoutMs,
    enforceRequestTimeout: true,
    retry: { retries: 0, initialRetryTime: 1, maxRetryTime: 1 },
    ...(tls ? { ssl: tls } : {}),
    ...(sasl ? { sasl: { ...sasl, mechanism: sasl.mechanism as 'plain' } } : {}),
  };
}

/** A client that has not connected yet. Nothing that it does is tried twice. */
export function newCluster(settings: KafkaSettings): Cluster {
  const { ssl, sasl, ...options } = clientOptions(settings);
  return new ClusterOfKafkajs({
    ...options,
    // As kafkajs's own client hands it on.
    ssl,
    sasl,
    reauthenticationThreshold: 10_000,
    metadataMaxAge: 60_000,
    allowAutoTopicCreation: false,
    isolationLevel: 0,
    socketFactory,
    logger: createLogger({ level: silent.logLevel, logCreator: silent.logCreator }),
  });
}
