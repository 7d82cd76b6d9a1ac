// SPDX-License-Identifier: Apache-2.0
//
// The two topics: made with settings that keep everything, and checked each time a log is opened. A topic that would lose
// data is refused before anything relies on it.
import kafkajs, { type Admin } from 'kafkajs';
import { StoreError } from '../errors.js';
import { NobodyThere } from './kafka-errors.js';
import { clientOptions, silent } from './kafkajs-cluster.js';
import type { TopicName } from './protocol.js';
import { kafkaPlace, topicOf, type KafkaSettings } from './url.js';

/** The largest batch of records that this driver sends is below it: kafkajs never splits one. */
export const BATCH_BYTES_MAX = 1_000_000;
/** How long the brokers keep the news that a pack was collected, for machines that are away: 30 days. */
const TOMBSTONES_MS = 30 * 24 * 3600 * 1000;

/** How many brokers hold a topic that is made, when there are so many. */
const REPLICAS = 3;
/** Nothing is acknowledged that fewer brokers hold, where there is more than one replica. */
const IN_SYNC = 2;

const both = {
  'retention.ms': '-1',
  'retention.bytes': '-1',
  'max.message.bytes': '1048588',
  'compression.type': 'producer',
  'unclean.leader.election.enable': 'false',
};
const created: Readonly<Record<TopicName, Readonly<Record<string, string>>>> = {
  images: { ...both, 'cleanup.policy': 'delete' },
  packs: { ...both, 'cleanup.policy': 'compact', 'delete.retention.ms': String(TOMBSTONES_MS) },
};

/** Brokers pack what they are given once more when this is set to something else; kafkajs reads gzip alone. */
const readable: ReadonlySet<string> = new Set(['producer', 'uncompressed', 'gzip']);

const checked = ['cleanup.policy', 'min.insync.replicas', ...Object.keys(both)];

/** Makes the topics that are missing (when `create`) and checks them. False: one is missing and was not to be made. */
export async function prepareTopics(settings: KafkaSettings, create: boolean): Promise<boolean> {
  const admin = new kafkajs.Kafka({ ...clientOptions(settings), ...silent }).admin();
  try {
    await admin.connect().catch((cause: unknown) => {
      throw new NobodyThere('no broker answers', { cause });
    });
    const there = new Set(await admin.listTopics());
    const missing = (['packs', 'images'] as const).filter((topic) => !there.has(topicOf(settings, topic)));
    if (missing.length > 0) {
      if (!create) return false;
      await createTopics(admin, settings, missing);
    }
    await checkTopics(admin, settings);
    return true;
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}

/** Another machine may be making them at the same time. */
async function createTopics(admin: Admin, settings: KafkaSettings, topics: readonly TopicName[]): Promise<void> {
  const replicas = settings.replication ?? Math.min(REPLICAS, (await admin.describeCluster()).brokers.length);
  // As the brokers are set is how they are set for that many.
  const inSync = replicas > 0 ? { 'min.insync.replicas': String(Math.min(IN_SYNC, replicas)) } : {};
  await admin.createTopics({
    timeout: settings.requestTimeoutMs,
    waitForLeaders: false, // whoever comes too soon tries again
    topics: topics.map((topic) => ({
      topic: topicOf(settings, topic),
      numPartitions: settings.partitions,
      replicationFactor: replicas,
      configEntries: Object.entries({ ...created[topic], ...inSync }).map(([name, value]) => ({ name, value })),
    })),
  });
}

async function checkTopics(admin: Admin, settings: KafkaSettings): Promise<void> {
  const names = (['images', 'packs'] as const).map((topic) => topicOf(settings, topic));
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: names.map((name) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name, configNames: checked })),
  });
  const { topics } = await admin.fetchTopicMetadata({ topics: names });
  const { brokers } = await admin.describeCluster();
  for (const { resourceName, configEntries } of resources) {
    const values = new Map(configEntries.map(({ configName, configValue }) => [configName, configValue]));
    const partitions = topics.find(({ name }) => name === resourceName)?.partitions ?? [];
    const replicas = Math.min(...partitions.map((partition) => partition.replicas.length));
    const topic = resourceName === topicOf(settings, 'images') ? 'images' : 'packs';
    const alone = replicas === 1 && brokers.length > 1 && settings.replication !== 1;
    const problem = alone ? oneReplica(brokers.length) : problemOf(topic, values, replicas);
    if (problem === null) continue;
    throw new StoreError({
      reason: 'failed',
      operation: 'open',
      place: `${kafkaPlace(settings)}, topic ${resourceName}`,
      problem: `would lose data: ${problem}`,
      hint: 'docs/kafka.md says how its topics have to be set',
    });
  }
}

function oneReplica(brokers: number): string {
  return `one of the ${brokers} brokers alone holds a partition of it; give it ${REPLICAS} replicas, or replication=1 in the log URL`;
}

/** What a topic's settings would do to the log; null: nothing. */
export function problemOf(topic: TopicName, values: ReadonlyMap<string, string>, replicas = 1): string | null {
  const policies = (values.get('cleanup.policy') ?? '').split(',').map((policy) => policy.trim());
  if (topic === 'images' && policies.includes('compact'))
    return 'cleanup.policy=compact keeps one event of a checkpoint';
  if (policies.includes('delete')) {
    for (const name of ['retention.ms', 'retention.bytes']) {
      const value = Number(values.get(name) ?? '-1');
      if (value >= 0) return `${name}=${value} deletes what is old; it has to be -1`;
    }
  }
  const bytes = Number(values.get('max.message.bytes') ?? Infinity);
  if (bytes < BATCH_BYTES_MAX + 20_000) return `max.message.bytes=${bytes} is too small; it has to be 1048588`;
  const inSync = Number(values.get('min.insync.replicas') ?? IN_SYNC);
  if (replicas > 1 && inSync < IN_SYNC)
    return `min.insync.replicas=${inSync} acknowledges what one broker alone holds; it has to be ${IN_SYNC}`;
  if (values.get('unclean.leader.election.enable') === 'true')
    return 'unclean.leader.election.enable=true lets a broker lead that lacks what was acknowledged; it has to be false';
  const packing = values.get('compression.type') ?? 'producer';
  if (!readable.has(packing))
    return `compression.type=${packing} packs it so that ckpt cannot read it; it has to be producer`;
  return null;
}
