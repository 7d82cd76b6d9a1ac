// SPDX-License-Identifier: Apache-2.0
//
// What stands in the topics need not be what a writer meant: doubles, gaps, changed bytes.
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EventMessage } from '../../src/format/events.js';
import { openKafkaLog } from '../../src/store/kafka/kafka-log.js';
import type { EventLog } from '../../src/store/log.js';
import { runCkpt, withFreshCatalog } from './support/ckpt.js';
import { newDirectory, newPrefix, removeDirectory, urlOf } from './support/topics.js';

const image = fileURLToPath(new URL('../golden/mixed.img', import.meta.url));

describe('events in the topics', () => {
  let dir: string;
  let url: string;
  let id: string;
  beforeEach(async () => {
    dir = newDirectory();
    url = urlOf(newPrefix());
    id = (await runCkpt(join(dir, 'writer'), url, 'ingest', image)).stdout.toString().trim();
  });
  afterEach(() => removeDirectory(dir));

  /** Appends what `change` makes of the stream. */
  async function append(change: (stream: EventMessage[]) => EventMessage[]): Promise<void> {
    const log = (await openKafkaLog({ dir: join(dir, 'meddler'), url, create: false })) as EventLog;
    const stream: EventMessage[] = [];
    for await (const { events } of log.read([]))
      for (const { type, checkpoint, seq, value } of events)
        if (checkpoint === id) stream.push({ type, checkpoint, seq, value });
    expect(stream.length).toBeGreaterThan(5);
    await log.append(change(stream));
    await log.close();
  }
  const digest = (): Promise<string> => withFreshCatalog(url, async (store) => store.catalogDigest());
  /** All that the catalog says, but how far it has come. */
  const content = (): Promise<string> =>
    withFreshCatalog(url, async ({ catalog }) =>
      JSON.stringify(
        [
          catalog.list({ states: ['open', 'sealed', 'aborted', 'damaged', 'deleted'] }),
          catalog.vmas(id),
          catalog.records(id),
          catalog.packsOf(id),
        ],
        (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value),
      ),
    );
  const verify = (): ReturnType<typeof runCkpt> => runCkpt(join(dir, 'looks'), url, 'verify');

  it('that stand there twice, all or some of them, change nothing', async () => {
    const before = await content();
    expect(before).toContain(id);
    await append((stream) => stream);
    await append((stream) => stream.slice(2, 4));
    expect(await content()).toBe(before);
    expect(await verify()).toMatchObject({ code: 0 });
    expect((await runCkpt(join(dir, 'looks'), url, 'export', id)).code).toBe(0);
  });

  it.each([
    ['with a gap', (stream: EventMessage[]) => stream.filter((_, index) => index !== 3)],
    ['out of order', ([a, b, c, ...rest]: EventMessage[]) => [a, c, b, ...rest] as EventMessage[]],
    [
      'with a changed byte',
      (stream: EventMessage[]) =>
        stream.map((event, index) => {
          const value = Buffer.from(event.value);
          if (index === 3) value[value.length - 1] = (value.at(-1) ?? 0) ^ 1;
          return { ...event, value };
        }),
    ],
  ])('%s are damage, named, and no checkpoint; the others stay whole', async (_, change) => {
    const other = id.slice(0, -4) + (id.endsWith('0000') ? '1111' : '0000');
    await append((stream) => change(stream).map((event) => ({ ...event, checkpoint: other })));
    const listed = await runCkpt(join(dir, 'looks'), url, 'ls', '--json');
    expect((JSON.parse(listed.stdout.toString()) as { id: string }[]).map((row) => row.id)).toEqual([id]);
    const { code, stdout, stderr } = await verify();
    expect(code).toBe(4);
    expect(stdout.toString() + stderr).toContain(other);
    expect(await digest()).toBe(await digest());
    expect((await runCkpt(join(dir, 'looks'), url, 'export', id)).code).toBe(0);
  });
});
