// SPDX-License-Identifier: Apache-2.0
//
// `ckpt log`, over both drivers.
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCkpt, startCkpt } from './support/ckpt.js';
import { newDirectory, newPrefix, removeDirectory, urlOf } from './support/topics.js';

const image = fileURLToPath(new URL('../golden/mixed.img', import.meta.url));

describe.each(['embedded', 'kafka'] as const)('ckpt log over %s', (kind) => {
  let dir: string;
  let log: string;
  let id: string;
  beforeEach(async () => {
    dir = newDirectory();
    log = kind === 'embedded' ? kind : urlOf(newPrefix());
    id = (await ckpt('ingest', image)).trim();
  });
  afterEach(() => removeDirectory(dir));

  const ckpt = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await runCkpt(join(dir, 'store'), log, ...args);
    expect(code, stderr).toBe(0);
    return stdout.toString();
  };
  const events = async (...args: string[]): Promise<{ type: string; checkpoint: string; seq: number }[]> =>
    (await ckpt('log', '--events', '--json', ...args))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; checkpoint: string; seq: number });

  it('shows how far the log goes and how far the catalog has come', async () => {
    const { parts, kind: shown } = JSON.parse(await ckpt('log', '--json')) as {
      kind: string;
      parts: {
        part: string;
        topic: string | null;
        end: number;
        position: number;
        lag: number;
        last_event_at: string | null;
      }[];
    };
    expect(shown).toBe(kind);
    const last = parts.filter((part) => part.part === 'events' && part.end > 1);
    expect(last.length).toBeGreaterThan(0);
    for (const part of parts) expect(part.lag).toBe(part.end - part.position);
    expect(parts.every((part) => part.lag === 0)).toBe(true);
    if (kind === 'kafka') expect(last[0]?.last_event_at).toMatch(/^\d{4}-.*Z$/);
    expect(await ckpt('log')).toMatch(/PARTITION +END +POSITION +LAG/);
    const prefix = log.split('/').at(-1);
    const topics = kind === 'embedded' ? [null] : [`${prefix}.images`, `${prefix}.packs`];
    expect([...new Set(parts.map(({ topic }) => topic))]).toEqual(topics);
  });

  // One store has one catalog.
  if (kind === 'kafka')
    it('shows what a catalog has not projected yet, and does not move it', async () => {
      const elsewhere = async (...args: string[]): Promise<string> =>
        (await runCkpt(join(dir, 'elsewhere'), log, ...args)).stdout.toString();
      const lag = async (): Promise<number> => {
        const { parts } = JSON.parse(await elsewhere('log', '--json')) as { parts: { part: string; lag: number }[] };
        return parts.reduce((sum, part) => sum + (part.part === 'events' ? part.lag : 0), 0);
      };
      await elsewhere('ls');
      expect(await lag()).toBe(0);
      const stream = (await events('--checkpoint', (await ckpt('ingest', image)).trim())).length;
      expect([await lag(), await lag()]).toEqual([stream, stream]);
      await elsewhere('ls');
      expect(await lag()).toBe(0);
    });

  it('prints events, all or those of a checkpoint or a type', async () => {
    const stream = await events('--checkpoint', id.slice(0, 12));
    expect(stream.map((event) => event.seq)).toEqual(stream.map((_, index) => index));
    expect([stream[0]?.type, stream.at(-1)?.type]).toEqual(['opened', 'sealed']);
    expect(await events('--type', 'log-opened')).toHaveLength(1);
    expect(await events()).toHaveLength(stream.length + 1);
    expect(await runCkpt(join(dir, 'store'), log, 'log', '--type', 'gossip')).toMatchObject({ code: 2 });
  });

  it('follows', async () => {
    const { child, ended } = startCkpt(join(dir, 'store'), log, 'log', '--follow', '--type', 'sealed', '--json');
    if (!child.stdout) throw new Error('no pipe');
    await once(child.stdout, 'data');
    const next = once(child.stdout, 'data');
    const second = (await ckpt('ingest', image)).trim();
    expect(String((await next)[0])).toContain(second);
    child.kill('SIGTERM');
    await ended;
  });
});
