// SPDX-License-Identifier: Apache-2.0
//
// A prefix of its own for each test, and a plain client to look at the topics, or to meddle with them.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel, type Message } from 'kafkajs';
import { inject } from 'vitest';

export function newPrefix(): string {
  return `test-${randomBytes(6).toString('hex')}`;
}

export function newDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'ckpt-kafka-test-'));
}

export function removeDirectory(dir: string): void {
  rmSync(dir, { recursive: true, force: true });
}

export function urlOf(prefix: string, query = '', addresses = inject('kafka')): string {
  return `kafka://${addresses}/${prefix}${query}`;
}

export function plainClient(addresses = inject('kafka')): Kafka {
  return new Kafka({ brokers: addresses.split(','), logLevel: logLevel.NOTHING });
}

export async function sendForeign(topic: string, messages: Message[]): Promise<void> {
  const producer = plainClient().producer({ createPartitioner: () => () => 0, allowAutoTopicCreation: false });
  await producer.connect();
  await producer.send({ topic, messages });
  await producer.disconnect();
}
