// SPDX-License-Identifier: Apache-2.0
//
// What is acknowledged is held by as many brokers as the topic asks for, whatever way the acknowledgement took.
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigResourceTypes } from 'kafkajs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { KafkaBroker, KafkaCluster } from '../../scripts/kafka/cluster.mjs';
import { KAFKA_VERSION_BEFORE } from '../../scripts/kafka/jars.mjs';
import { openKafkaLog, type KafkaLog } from '../../src/store/kafka/kafka-log.js';
import { newCluster } from './support/broker.js';
import { QUERY, REQUEST_TIMEOUT_MS } from './support/rounds.js';
import { newDirectory, newPrefix, plainClient, removeDirectory, urlOf } from './support/topics.js';

let cluster: KafkaCluster;
let dir: string;
beforeAll(async () => {
  dir = newDirectory();
  // A Kafka that lets readers have what one broker alone holds.
  const properties = { 'replica.lag.time.max.ms': 1000 };
  cluster = await newCluster({ version: KAFKA_VERSION_BEFORE, brokers: 3, heap: '256m', properties });
});
afterAll(async () => {
  await cluster.stop();
  removeDirectory(dir);
});

interface Replicas {
  readonly leader: number;
  readonly replicas: number[];
  readonly isr: number[];
}

/** Of the first partition of a topic, asked by way of one of the brokers. */
async function replicasOf(topic: string, broker: KafkaBroker): Promise<Replicas> {
  const admin = plainClient(broker.address).admin();
  await admin.connect();
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    const [partition] = topics[0]?.partitions ?? [];
    if (!partition) throw new Error('no partition');
    return partition;
  } finally {
    await admin.disconnect();
  }
}

it('topics are made so that the loss of a broker costs nothing, and others are refused', async () => {
  const admin = plainClient(cluster.addresses).admin();
  await admin.connect();
  const made = newPrefix();
  const log = await openKafkaLog({ dir: `${dir}/made`, url: urlOf(made, '', cluster.addresses), create: true });
  await log?.close();
  const names = ['images', 'packs'].map((topic) => `${made}.${topic}`);
  for (const name of names)
    expect((await replicasOf(name, cluster.brokers[0] as KafkaBroker)).replicas).toHaveLength(3);
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: names.map((name) => ({ type: ConfigResourceTypes.TOPIC, name, configNames: ['min.insync.replicas'] })),
  });
  expect(resources.map(({ configEntries }) => configEntries[0]?.configValue)).toEqual(['2', '2']);

  const alone = newPrefix();
  const open = (query: string): Promise<KafkaLog | null> =>
    openKafkaLog({ dir: `${dir}/alone`, url: urlOf(alone, query, cluster.addresses), create: true });
  await (await open('?replication=1'))?.close();
  await expect(open('')).rejects.toThrow(/would lose data: one of the 3 brokers alone holds a partition/);
  await admin.createTopics({
    waitForLeaders: false,
    topics: [
      {
        topic: `${made}2.images`,
        replicationFactor: 3,
        configEntries: [
          { name: 'retention.ms', value: '-1' },
          { name: 'min.insync.replicas', value: '1' },
        ],
      },
    ],
  });
  await expect(
    openKafkaLog({ dir: `${dir}/two`, url: urlOf(`${made}2`, '', cluster.addresses), create: true }),
  ).rejects.toThrow(/would lose data: min.insync.replicas=1/);
  await admin.disconnect();
}, 600_000);

it('an event that one broker alone holds is not acknowledged, also when it is found in the topic', async () => {
  const prefix = newPrefix();
  const admin = plainClient(cluster.addresses).admin();
  await admin.connect();
  const topic = (name: string, policy: string) => ({
    topic: `${prefix}.${name}`,
    numPartitions: 1,
    replicationFactor: 2,
    configEntries: Object.entries({
      'cleanup.policy': policy,
      'retention.ms': '-1',
      'min.insync.replicas': '2',
    }).map(([key, value]) => ({ name: key, value })),
  });
  await admin.createTopics({ waitForLeaders: false, topics: [topic('images', 'delete'), topic('packs', 'compact')] });
  await admin.disconnect();
  const log = (await openKafkaLog({ dir, url: urlOf(prefix, QUERY, cluster.addresses), create: true })) as KafkaLog;
  try {
    const images = `${prefix}.images`;
    const brokerOf = (id: number): KafkaBroker => cluster.brokers.find((broker) => broker.id === id) as KafkaBroker;
    const { leader, replicas } = await replicasOf(images, brokerOf(1));
    const follower = brokerOf(replicas.find((id) => id !== leader) ?? 0);
    const inSync = async (): Promise<number> => (await replicasOf(images, brokerOf(leader))).isr.length;
    expect(await inSync()).toBe(2);
    follower.signal('SIGSTOP');
    let acknowledged = false;
    const appended = log
      .append([{ type: 'record', checkpoint: 'c', seq: 0, value: Buffer.from('held by two') }])
      .then(() => (acknowledged = true));
    try {
      while ((await inSync()) > 1) await sleep(100);
      // Long enough for more than one attempt.
      await sleep(4 * REQUEST_TIMEOUT_MS);
      expect(acknowledged).toBe(false);
    } finally {
      follower.signal('SIGCONT');
    }
    await appended;
    expect(await inSync()).toBe(2);
    const seqs: number[] = [];
    for await (const { events } of log.read([]))
      for (const { checkpoint, seq } of events) if (checkpoint === 'c') seqs.push(seq);
    expect(new Set(seqs)).toEqual(new Set([0]));
  } finally {
    await log.close();
  }
}, 600_000);
