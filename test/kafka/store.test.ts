// SPDX-License-Identifier: Apache-2.0
//
// The commands over a log on Kafka: several machines (stores of their own), one cluster.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openKafkaLog } from '../../src/store/kafka/kafka-log.js';
import { problemOf } from '../../src/store/kafka/topics.js';
import { kafkaPlace, parseKafkaUrl } from '../../src/store/kafka/url.js';
import { buildImage, plainShape, rowOfPages } from '../support/image-generator.js';
import { runCkpt, withFreshCatalog } from './support/ckpt.js';
import { newDirectory, newPrefix, plainClient, removeDirectory, sendForeign, urlOf } from './support/topics.js';

/** Many commands one after the other, on machines that may be busy. */
vi.setConfig({ testTimeout: 600_000 });

function image(seed: number, pages = 300): Buffer {
  return buildImage(plainShape(2, { seed, mappings: [rowOfPages(pages, 'repeated', 'text', 'noise', 'zero')] })).bytes;
}

describe('a log on Kafka', () => {
  let dir: string;
  let prefix: string;
  let url: string;
  beforeEach(() => {
    dir = newDirectory();
    prefix = newPrefix();
    url = urlOf(prefix);
  });
  afterEach(() => removeDirectory(dir));

  const ckpt = (machine: string, ...args: string[]) => runCkpt(join(dir, machine), url, ...args);
  const file = (name: string, bytes: Buffer): string => {
    writeFileSync(join(dir, name), bytes);
    return join(dir, name);
  };

  it('that is not there reads as empty, and looking makes nothing', async () => {
    expect(await ckpt('m', 'ls', '--json')).toMatchObject({ code: 0, stdout: Buffer.from('[]\n') });
    const admin = plainClient().admin();
    expect((await admin.listTopics()).filter((topic) => topic.startsWith(prefix))).toEqual([]);
    await admin.disconnect();
  });

  it('takes images of several machines at once, and each gives all of them back', async () => {
    const machines = ['m0', 'm1', 'm2'];
    const images = machines.flatMap((machine, at) => [0, 1].map((n) => ({ machine, bytes: image(at * 10 + n) })));
    const ids = new Map<string, Buffer>();
    await Promise.all(
      machines.map(async (machine) => {
        for (const [at, one] of images.entries()) {
          if (one.machine !== machine) continue;
          const { code, stdout, stderr } = await ckpt(machine, 'ingest', file(`${at}.img`, one.bytes));
          expect(code, stderr).toBe(0);
          ids.set(stdout.toString().trim(), one.bytes);
        }
      }),
    );
    for (const machine of ['m0', 'new']) {
      for (const [id, bytes] of ids) expect((await ckpt(machine, 'export', id)).stdout.equals(bytes), id).toBe(true);
    }
    expect(await ckpt('m1', 'verify')).toMatchObject({ code: 0 });
    const digests = [await withFreshCatalog(url, async (store) => store.catalogDigest())];
    digests.push(await withFreshCatalog(url, async (store) => store.catalogDigest()));
    expect(new Set(digests).size).toBe(1);
  });

  it('shares the pages that another machine has stored', async () => {
    const bytes = image(7, 500);
    expect((await ckpt('one', 'ingest', file('a.img', bytes))).code).toBe(0);
    expect((await ckpt('two', 'ingest', file('b.img', bytes))).code).toBe(0);
    const rows = JSON.parse((await ckpt('two', 'ls', '--json')).stdout.toString()) as { new_pages: number }[];
    expect(rows.map((row) => row.new_pages > 0)).toEqual([true, false]);
  });

  it('makes catalog and packs anew on a machine that has nothing', async () => {
    const bytes = image(3);
    const id = (await ckpt('one', 'ingest', file('a.img', bytes))).stdout.toString().trim();
    expect(await ckpt('empty', 'rebuild')).toMatchObject({ code: 0 });
    expect((await ckpt('empty', 'export', id)).stdout.equals(bytes)).toBe(true);
    removeDirectory(join(dir, 'one', 'packs'));
    expect((await ckpt('one', 'export', id)).stdout.equals(bytes)).toBe(true);
    expect(await ckpt('one', 'verify')).toMatchObject({ code: 0 });
  });

  it('keeps restores and deletions for all', async () => {
    const id = (await ckpt('one', 'ingest', file('a.img', image(4)))).stdout.toString().trim();
    expect((await ckpt('two', 'rm', id)).code).toBe(0);
    expect((await ckpt('one', 'export', id)).code).toBe(3);
  });

  it('refuses a topic with a foreign message or a newer schema, in one line', async () => {
    expect((await ckpt('m', 'ingest', file('a.img', image(5, 20)))).code).toBe(0);
    await sendForeign(`${prefix}.images`, [{ key: 'x', value: 'hello' }]);
    const foreign = await ckpt('m', 'ls');
    expect(foreign.code).toBe(4);
    expect(foreign.stderr).toMatch(/partition 0, offset \d+: is no event of ckpt/);
    expect(foreign.stderr.trim().split('\n')).toHaveLength(1);

    const newer = newPrefix();
    await runCkpt(join(dir, 'n'), urlOf(newer), 'ingest', join(dir, 'a.img'));
    const headers = { type: 'record', checkpoint: 'x', seq: '0', schema: '99' };
    await sendForeign(`${newer}.images`, [{ key: 'x', value: 'hello', headers }]);
    const refused = await runCkpt(join(dir, 'n'), urlOf(newer), 'ls');
    expect(refused.code).toBe(5);
    expect(refused.stderr).toMatch(/schema 99/);

    const packs = newPrefix();
    await runCkpt(join(dir, 'p'), urlOf(packs), 'ingest', join(dir, 'a.img'));
    const lie = { type: 'pack', checkpoint: 'x', seq: '-1', schema: '1', pages: '1', 'raw-bytes': '4096' };
    await sendForeign(`${packs}.packs`, [{ key: 'ab'.repeat(32), value: 'no pack', headers: lie }]);
    const damaged = await runCkpt(join(dir, 'q'), urlOf(packs), 'ls');
    expect(damaged.code).toBe(4);
    expect(damaged.stderr).toMatch(/is not pack abab/);
  });

  it('refuses topics that would lose data', async () => {
    const admin = plainClient().admin();
    for (const [topic, name, value] of [
      ['images', 'cleanup.policy', 'compact'],
      ['images', 'retention.ms', '604800000'],
      ['packs', 'cleanup.policy', 'delete'],
      ['images', 'unclean.leader.election.enable', 'true'],
      ['packs', 'compression.type', 'zstd'],
    ] as const) {
      const bad = newPrefix();
      const configEntries = [{ name, value }];
      await admin.createTopics({
        waitForLeaders: false,
        topics: [{ topic: `${bad}.${topic}`, numPartitions: 1, configEntries }],
      });
      const { code, stderr } = await runCkpt(join(dir, 'm'), urlOf(bad), 'ingest', file('a.img', image(6, 5)));
      expect(code, `${topic} ${name}`).toBe(1);
      expect(stderr).toContain(`topic ${bad}.${topic}: would lose data: `);
    }
    await admin.disconnect();
  });

  it('says who does not answer, in one line and soon', async () => {
    for (const [log, words] of [
      ['kafka://no-such-host.invalid:9092/p', /the host is unknown/],
      ['kafka://127.0.0.1:1/p', /nothing answers there/],
      [url.replace('kafka://', 'kafka://user:secret@'), /refuses authentication/],
      [`${url}?tls=true`, /no secure connection/],
    ] as const) {
      const { code, stderr } = await runCkpt(join(dir, 'm'), log, 'ls');
      expect(code, log).toBe(1);
      expect(stderr).toMatch(words);
      expect(stderr).not.toMatch(/secret/);
      expect(stderr.trim().split('\n')).toHaveLength(1);
    }
    const one = await runCkpt(join(dir, 'm'), url.replace('kafka://', 'kafka://127.0.0.1:1,'), 'ls');
    expect(one, 'one broker of two is there').toMatchObject({ code: 0 });
  });

  it('does not take the directory of another log for its cache', async () => {
    const bytes = file('a.img', image(8, 10));
    expect((await runCkpt(join(dir, 'own'), 'embedded', 'ingest', bytes)).code).toBe(0);
    expect(await ckpt('own', 'ls')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('holds a log of its own'),
    });
    expect((await ckpt('m', 'ingest', bytes)).code).toBe(0);
    expect((await runCkpt(join(dir, 'm'), 'embedded', 'ls')).stderr).toContain('cache of a log on Kafka');
    const other = urlOf(newPrefix());
    expect((await runCkpt(join(dir, 'm'), other, 'ingest', bytes)).stderr).toContain('is the cache of log');
  });

  it('goes on in its own partitions when the topic gets more', async () => {
    const bytes = image(9, 30);
    const id = (await ckpt('m', 'ingest', file('a.img', bytes))).stdout.toString().trim();
    const admin = plainClient().admin();
    const topicPartitions = [`${prefix}.images`, `${prefix}.packs`].map((topic) => ({ topic, count: 9 }));
    await admin.createPartitions({ topicPartitions });
    await admin.disconnect();
    expect((await ckpt('m', 'rm', id)).code).toBe(0);
    expect((await ckpt('m', 'ingest', file('b.img', image(10, 30)))).code).toBe(0);
    const rows = JSON.parse((await ckpt('other', 'ls', '--json')).stdout.toString()) as unknown[];
    expect(rows).toHaveLength(1);
    const log = await openKafkaLog({ dir: join(dir, 'm'), url, create: false });
    expect((await log?.end())?.slice(4)).toEqual([0, 0, 0, 0, 0]);
    await log?.close();
  });
});

describe('the URL of a log on Kafka', () => {
  it('carries everything that a client needs', () => {
    const dir = newDirectory();
    const config = join(dir, 'kafka.json');
    writeFileSync(config, JSON.stringify({ user: 'u', password: 'from file', sasl: 'scram-sha-512', 'retry-ms': 5 }));
    const settings = parseKafkaUrl(
      `kafka://a.example:9092,b:1/my.log?config=${config}&retry-ms=7&tls=true&partitions=3`,
    );
    expect(settings).toMatchObject({
      brokers: ['a.example:9092', 'b:1'],
      prefix: 'my.log',
      tls: {},
      sasl: { mechanism: 'scram-sha-512', username: 'u', password: 'from file' },
      partitions: 3,
      retryMs: 7,
    });
    expect(kafkaPlace(parseKafkaUrl('kafka://me:p%40ss@h:1/p'))).toBe('kafka://h:1/p');
    expect(parseKafkaUrl('kafka://me:p%40ss@h:1/p').sasl).toMatchObject({ username: 'me', password: 'p@ss' });
    expect(readFileSync(config, 'utf8')).toContain('from file');
    removeDirectory(dir);
  });

  it.each([
    'kafka://h/p',
    'kafka://h:0/p',
    'kafka://h:1/',
    'kafka://h:1/a/b',
    'kafka://h:1/p?sasl=magic&user=u&password=p',
    'kafka://h:1/p?partitions=none',
    'kafka://h:1/p?user=u',
    'kafka://h:1/p?nonsense=1',
  ])('%s is a usage error', (url) => {
    expect(() => parseKafkaUrl(url)).toThrow(expect.objectContaining({ kind: 'usage' }));
  });

  it('names what a topic would lose', () => {
    const good = {
      'cleanup.policy': 'delete',
      'retention.ms': '-1',
      'retention.bytes': '-1',
      'max.message.bytes': '1048588',
      'min.insync.replicas': '2',
      'unclean.leader.election.enable': 'false',
      'compression.type': 'producer',
    };
    const asks = (topic: 'images' | 'packs', changes: object, replicas = 3): string | null =>
      problemOf(topic, new Map(Object.entries({ ...good, ...changes })), replicas);
    expect(asks('images', {})).toBeNull();
    expect(asks('packs', { 'cleanup.policy': 'compact', 'retention.ms': '604800000' })).toBeNull();
    expect(asks('packs', { 'cleanup.policy': 'compact,delete', 'retention.ms': '604800000' })).toMatch(/retention.ms/);
    expect(asks('images', { 'cleanup.policy': 'compact,delete' })).toMatch(/compact/);
    expect(asks('images', { 'retention.bytes': '1000' })).toMatch(/retention.bytes/);
    expect(asks('packs', { 'max.message.bytes': '500000' })).toMatch(/max.message.bytes/);
    expect(asks('images', { 'min.insync.replicas': '1' })).toMatch(/min.insync.replicas=1/);
    expect(asks('images', { 'min.insync.replicas': '1' }, 1)).toBeNull();
    expect(asks('packs', { 'unclean.leader.election.enable': 'true' })).toMatch(/unclean/);
    expect(asks('packs', { 'compression.type': 'gzip' })).toBeNull();
    for (const packing of ['zstd', 'lz4', 'snappy'])
      expect(asks('images', { 'compression.type': packing })).toMatch(/compression.type/);
  });
});
