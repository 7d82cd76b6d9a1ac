// SPDX-License-Identifier: Apache-2.0
import { createRequire } from 'node:module';

const murmur2 = createRequire(import.meta.url)('kafkajs/src/producer/partitioners/default/murmur2') as (
  key: Buffer,
) => number;

/** The partition that every Kafka client with default settings chooses for a key. */
export function partitionOf(key: string, partitions: number): number {
  return (murmur2(Buffer.from(key)) & 0x7fffffff) % partitions;
}
