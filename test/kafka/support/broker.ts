// SPDX-License-Identifier: Apache-2.0
//
// One broker for all test files of a run. CKPT_TEST_KAFKA is `1`, or the version of Kafka to run against, or HOST:PORT of a
// broker that is there already.
import type { TestProject } from 'vitest/node';
import { startCluster } from '../../../scripts/kafka/cluster.mjs';

declare module 'vitest' {
  interface ProvidedContext {
    /** HOST:PORT of the broker. */
    kafka: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const wanted = process.env['CKPT_TEST_KAFKA'] ?? '1';
  if (wanted.includes(':')) {
    project.provide('kafka', wanted);
    return () => Promise.resolve();
  }
  const cluster = await startCluster(wanted === '1' ? {} : { version: wanted });
  project.provide('kafka', cluster.addresses);
  return () => cluster.stop();
}
