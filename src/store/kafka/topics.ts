// SPDX-License-Identifier: Apache-2.0
//
// The two topics: made with settings that keep everything, and checked each time a log is opened. A topic that would lose
// data is refused before anything relies on it.
import kafkajs, { type Admin } from 'kafkajs';
import { StoreError } from '../errors.js';
import { clientOptions, silent } from './kafkajs-cluster.js';
import type { TopicName } from './protocol.js';
import { kafkaPlace, type KafkaSettings } from './url.js';

/** The largest batch of records that this driver sends is below it: kafkajs never splits one. */
export const BATCH_BYTES_MAX = 1_000_000;
/** How long the brokers keep the news that a pack was collected, for machines that are away: 30 days. */
const TOMBSTONES_MS = 30 * 24 * 3600 * 1000;

const created: Readonly<Record<TopicName, Readonly<Record<string, string>>>> = {
  images: { 'cleanup.policy': 'delete', 'retention.ms': '-1', 'retention.bytes': '-1' },
  packs: {
    'cleanup.policy': 'compact',
    'retention.ms': '-1',
    'retention.bytes': '-1',
    'delete.retention.ms': String(TOMBSTONES_MS),
    'max.message.bytes': '1048588',
  },
};

const checked = ['cleanup.policy', 'retention.ms', 'retention.bytes', 'max.message.bytes'];

export function topicOf(settings: KafkaSettings, topic: TopicName): string {
  return `${settings.prefix}.${topic}`;
}

/** Makes the topics that are missing (when `create`) and checks them. False: one is missing and was not to be made. */
export async function prepareTopics(settings: KafkaSettings, create: boolean): Promise<boolean> {
  const admin = new kafkajs.Kafka({ ...clientOptions(settings), ...silent }).admin();
  try {
    await admin.connect();
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
  await admin.createTopics({
    timeout: settings.requestTimeoutMs,
    waitForLeaders: false, // whoever comes too soon tries again
    topics: topics.map((topic) => ({
      topic: topicOf(settings, topic),
      numPartitions: settings.partitions,
      replicationFactor: settings.replication,
      configEntries: Object.entries(created[topic]).map(([name, value]) => ({ name, value })),
    })),
  });
}

async function checkTopics(admin: Admin, settings: KafkaSettings): Promise<void> {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: (['images', 'packs'] as const).map((topic) => ({
      type: kafkajs.ConfigResourceTypes.TOPIC,
      name: topicOf(settings, topic),
      configNames: checked,
    })),
  });
  for (const { resourceName, configEntries } of resources) {
    const values = new Map(configEntries.map(({ configName, configValue }) => [configName, configValue]));
    const problem = problemOf(resourceName === topicOf(settings, 'images') ? 'images' : 'packs', values);
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

/** What a topic's settings would do to the log; null: nothing. */
export function problemOf(topic: TopicName, values: ReadonlyMap<string, string>): string | null {
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
  return null;
}
