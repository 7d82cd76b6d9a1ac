// SPDX-License-Identifier: Apache-2.0
//
// What is collected goes from the brokers' disks: tombstones take the packs out of the topic when it is compacted.
import { execFileSync } from 'node:child_process';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KafkaCluster } from '../../scripts/kafka/cluster.mjs';
import { buildImage, plainShape, rowOfPages } from '../support/image-generator.js';
import { newCluster } from './support/broker.js';
import { runCkpt, type Ended } from './support/ckpt.js';
import { hasKcat } from './support/foreign-reader.js';
import { newDirectory, newPrefix, plainClient, removeDirectory } from './support/topics.js';

const PATIENCE_MS = 600_000;
const MIB = 1 << 20;

function image(seed: number, pages: number): Buffer {
  return buildImage(plainShape(2, { seed, mappings: [rowOfPages(pages, 'noise')] })).bytes;
}

describe.skipIf(!hasKcat())('a log on Kafka gives back what is collected', () => {
  let cluster: KafkaCluster;
  let dir: string;
  beforeAll(async () => {
    dir = newDirectory();
    // A broker that compacts what there is to compact, at once.
    cluster = await newCluster({
      properties: {
        'log.cleaner.backoff.ms': 200,
        'log.cleaner.min.cleanable.ratio': 0.01,
        'log.segment.delete.delay.ms': 100,
      },
    });
  }, PATIENCE_MS);
  afterAll(async () => {
    await cluster.stop();
    removeDirectory(dir);
  });

  it(
    'after rm and gc the topic shrinks by the packs, and everything else is there',
    async () => {
      const prefix = newPrefix();
      const topic = `${prefix}.packs`;
      const admin = plainClient(cluster.addresses).admin();
      // Segments of a pack or two: the last one is never compacted.
      const configEntries = [
        { name: 'cleanup.policy', value: 'compact' },
        { name: 'segment.bytes', value: String(2 * MIB) },
      ];
      await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 1, configEntries }] });
      await admin.disconnect();
      const url = `kafka://${cluster.addresses}/${prefix}`;
      const ckpt = (machine: string, ...args: string[]): Promise<Ended> => runCkpt(join(dir, machine), url, ...args);
      const ingest = async (bytes: Buffer): Promise<string> => {
        writeFileSync(join(dir, 'given.img'), bytes);
        const { code, stdout, stderr } = await ckpt('one', 'ingest', join(dir, 'given.img'));
        expect(code, stderr).toBe(0);
        return stdout.toString().trim();
      };
      const data = join(cluster.brokers[0]?.dir ?? '', 'data', `${topic}-0`);
      const topicBytes = (): number =>
        readdirSync(data)
          .filter((name) => name.endsWith('.log'))
          .reduce((sum, name) => sum + (statSync(join(data, name), { throwIfNoEntry: false })?.size ?? 0), 0);
      /** Keys that still have a value. */
      const kept = (): Set<string> => {
        const args = ['-b', cluster.addresses, '-C', '-e', '-q', '-t', topic, '-f', '%k %S\\n'];
        const lines = execFileSync('kcat', args, { encoding: 'utf8' }).trim().split('\n');
        return new Set(lines.filter((line) => !line.endsWith(' -1')).map((line) => line.split(' ')[0] ?? ''));
      };

      const stays = image(1, 2500);
      const gone = image(2, 5000);
      const [staysId, goneId] = [await ingest(stays), await ingest(gone)];
      const packs = async (): Promise<string[]> => {
        const { stdout } = await ckpt('one', 'sql', '--json', 'select id from pack');
        return (JSON.parse(stdout.toString()) as { id: string }[]).map(({ id }) => id);
      };
      const all = await packs();
      expect(kept()).toEqual(new Set(all));
      const before = topicBytes();
      expect(before).toBeGreaterThan(28 * MIB);

      expect((await ckpt('one', 'rm', goneId)).code).toBe(0);
      expect((await ckpt('one', 'gc')).code).toBe(0);
      const left = await packs();
      expect(left.length).toBeGreaterThan(0);
      expect(left.length).toBeLessThan(all.length - 10);
      // What comes later closes the segment with the tombstones.
      const later = image(3, 1200);
      const laterId = await ingest(later);
      const wanted = new Set(await packs());
      while (![...kept()].every((id) => wanted.has(id)) || topicBytes() > before - 12 * MIB) await sleep(200);
      expect(kept()).toEqual(wanted);

      // Another machine, which saw nothing of it, has what is there and nothing else.
      expect((await ckpt('two', 'export', staysId)).stdout.equals(stays)).toBe(true);
      expect((await ckpt('two', 'export', laterId)).stdout.equals(later)).toBe(true);
      expect((await ckpt('two', 'export', goneId)).code).toBe(3);
      for (const machine of ['one', 'two']) expect(await ckpt(machine, 'verify')).toMatchObject({ code: 0 });
    },
    PATIENCE_MS,
  );
});
