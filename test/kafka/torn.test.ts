// SPDX-License-Identifier: Apache-2.0
//
// An append of more than one batch is not all or none on Kafka. Whatever part of a stream a crash leaves, between any two of its events and so
// between any two requests: no checkpoint is visible, nothing is damaged, and the next writer goes on as if it had not been.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { LoggedEvent } from '../../src/format/events.js';
import { openKafkaLog, type KafkaLog } from '../../src/store/kafka/kafka-log.js';
import { batchesOf } from '../../src/store/kafka/producer.js';
import { eventMessage } from '../../src/store/kafka/event-messages.js';
import { buildImage, plainShape, rowOfPages } from '../support/image-generator.js';
import { runCkpt } from './support/ckpt.js';
import { newDirectory, newPrefix, removeDirectory, urlOf } from './support/topics.js';

async function opened(dir: string, url: string): Promise<KafkaLog> {
  const log = await openKafkaLog({ dir, url, create: true });
  if (!log) throw new Error('the log is not there');
  return log;
}

async function streamOf(log: KafkaLog, id: string): Promise<LoggedEvent[]> {
  const events: LoggedEvent[] = [];
  for await (const batch of log.read([])) events.push(...batch.events.filter(({ checkpoint }) => checkpoint === id));
  return events;
}

it('an append that is torn between any two requests leaves nothing visible and nothing damaged', async () => {
  const dir = newDirectory();
  try {
    const mappings = Array.from({ length: 4 }, () => rowOfPages(40, 'noise', 'text', 'zero'));
    const { bytes } = buildImage(plainShape(2, { seed: 12, mappings }));
    const file = join(dir, 'given.img');
    writeFileSync(file, bytes);
    const from = urlOf(newPrefix());
    const given = await runCkpt(join(dir, 'from'), from, 'ingest', file);
    expect(given.code, given.stderr).toBe(0);
    const id = given.stdout.toString().trim();
    const source = await opened(join(dir, 'from'), from);
    const events = await streamOf(source, id);
    await source.close();
    expect(events.at(-1)?.type).toBe('sealed');
    // The values of one append may take several requests.
    const large = events.map((event) => eventMessage({ ...event, value: Buffer.alloc(400_000) }));
    expect(batchesOf(large).length).toBeGreaterThan(1);

    const cuts = [...new Set([1, 2, 3, Math.floor(events.length / 2), events.length - 1])];
    for (const cut of cuts) {
      const url = urlOf(newPrefix());
      const store = join(dir, `cut-${cut}`);
      const log = await opened(store, url);
      await log.append(events.slice(0, cut));
      await log.close();
      const list = await runCkpt(store, url, 'ls', '--json');
      expect({ cut, code: list.code, listed: list.stdout.toString() }).toEqual({ cut, code: 0, listed: '[]\n' });
      expect((await runCkpt(store, url, 'export', id)).code).toBe(3);
      expect(await runCkpt(store, url, 'verify'), `cut ${cut}`).toMatchObject({ code: 0 });
      const again = await runCkpt(store, url, 'ingest', file);
      expect(again.code, again.stderr).toBe(0);
      expect((await runCkpt(store, url, 'gc')).code).toBe(0);
      const other = join(dir, `other-${cut}`);
      const states = 'select state, count(*) as n from checkpoint group by 1 order by 1';
      const { stdout } = await runCkpt(other, url, 'sql', '--json', states);
      const rows = JSON.parse(stdout.toString()) as { state: string; n: number }[];
      // Its writer is gone, so it was fenced; damage is not what it is called.
      expect(rows.map(({ state }) => state).filter((state) => state !== 'aborted')).toEqual(['sealed']);
      const fresh = again.stdout.toString().trim();
      expect((await runCkpt(other, url, 'export', fresh)).stdout.equals(bytes)).toBe(true);
      expect(await runCkpt(other, url, 'verify'), `cut ${cut}`).toMatchObject({ code: 0 });
    }
  } finally {
    removeDirectory(dir);
  }
}, 600_000);
