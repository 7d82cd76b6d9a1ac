// SPDX-License-Identifier: Apache-2.0
//
// One broker for all test files of a run, and more for those that break theirs. CKPT_TEST_KAFKA is `1`, or the version of Kafka to
// run against, or HOST:PORT of a broker that is there already.
import type { TestProject } from 'vitest/node';
import { startCluster, type KafkaCluster } from '../../../scripts/kafka/cluster.mjs';

declare module 'vitest' {
  interface ProvidedContext {
    /** HOST:PORT of the broker. */
    kafka: string;
  }
}

const wanted = process.env['CKPT_TEST_KAFKA'] ?? '1';

/** A cluster of the version that this run is about. */
export function newCluster(options: Parameters<typeof startCluster>[0] = {}): Promise<KafkaCluster> {
  return startCluster({ ...(wanted.includes('.') && !wanted.includes(':') ? { version: wanted } : {}), ...options });
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  if (wanted.includes(':')) {
    project.provide('kafka', wanted);
    return () => Promise.resolve();
  }
  const cluster = await newCluster();
  project.provide('kafka', cluster.addresses);
  return () => cluster.stop();
}
