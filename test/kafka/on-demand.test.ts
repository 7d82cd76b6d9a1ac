// SPDX-License-Identifier: Apache-2.0
//
// Machines that bring packs when they are needed and keep no more than a budget of them.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { packPath } from '../../src/codec/native.js';
import { buildImage, plainShape, rowOfPages } from '../support/image-generator.js';
import { newCluster } from './support/broker.js';
import { runCkpt, startCkpt, type Ended } from './support/ckpt.js';
import { newDirectory, newPrefix, removeDirectory, urlOf } from './support/topics.js';

/** Many commands one after the other, on machines that may be busy. */
vi.setConfig({ testTimeout: 600_000 });

const program = fileURLToPath(new URL('../../bin/ckpt', import.meta.url));
const MIB = 1 << 20;
/** More than the packs that the threads of a few exports have open at once, and far less than all of them. */
const BUDGET = 8 * MIB;
const ON_DEMAND = `?packs=on-demand&packs-bytes-max=${BUDGET}`;
const PAGES = 8000;

function image(seed: number, pages = PAGES): Buffer {
  return buildImage(plainShape(2, { seed, mappings: [rowOfPages(pages, 'noise')] })).bytes;
}

/** Bytes of the files under a folder that others change meanwhile. One that has its temporary name still, beside its own, is one. */
function bytesUnder(dir: string): number {
  if (!existsSync(dir)) return 0;
  const files = new Map<bigint, number>();
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const status = statSync(join(entry.parentPath, entry.name), { bigint: true, throwIfNoEntry: false });
    if (status) files.set(status.ino, Number(status.size));
  }
  return [...files.values()].reduce((sum, bytes) => sum + bytes, 0);
}

/** The most that was under a folder while some work went on. */
async function mostUnder<T>(dir: string, work: Promise<T>): Promise<{ result: T; most: number }> {
  let [most, done] = [0, false];
  const looking = (async () => {
    while (!done) {
      most = Math.max(most, bytesUnder(dir));
      await sleep(5);
    }
  })();
  try {
    return { result: await work, most };
  } finally {
    done = true;
    await looking;
  }
}

describe('packs on demand', () => {
  let dir: string;
  let prefix: string;
  beforeEach(() => {
    dir = newDirectory();
    prefix = newPrefix();
  });
  afterEach(() => removeDirectory(dir));

  const urls = { all: () => urlOf(prefix), small: () => urlOf(prefix, ON_DEMAND) };
  const all = (...args: string[]): Promise<Ended> => runCkpt(join(dir, 'all'), urls.all(), ...args);
  const small = (...args: string[]): Promise<Ended> => runCkpt(join(dir, 'small'), urls.small(), ...args);
  const packs = (machine: string): string => join(dir, machine, 'packs');
  const ingest = async (ckpt: typeof all, bytes: Buffer): Promise<string> => {
    const file = join(dir, 'given.img');
    writeFileSync(file, bytes);
    const { code, stdout, stderr } = await ckpt('ingest', file);
    expect(code, stderr).toBe(0);
    return stdout.toString().trim();
  };
  const expectDone = ({ code, stderr }: Ended): void => expect({ code, stderr }).toMatchObject({ code: 0 });
  const json = async (result: Promise<Ended>): Promise<unknown> => JSON.parse((await result).stdout.toString());

  it('give every image back, bit for bit, within a budget far smaller than they are', async () => {
    const images = [image(1), image(2)];
    const ids = [await ingest(all, images[0] ?? Buffer.of()), await ingest(small, images[1] ?? Buffer.of())];
    const whole = bytesUnder(packs('all'));
    expect(whole).toBeGreaterThan(3 * BUDGET);
    expectDone(await small('ls'));
    expect(bytesUnder(packs('small'))).toBe(0);
    for (const [at, id] of ids.entries()) {
      const { result, most } = await mostUnder(packs('small'), small('export', id));
      expectDone(result);
      expect(result.stdout.equals(images[at] ?? Buffer.of())).toBe(true);
      expect(most).toBeLessThanOrEqual(BUDGET);
      expect(bytesUnder(packs('small'))).toBeGreaterThan(0);
    }
    const { result, most } = await mostUnder(packs('small'), small('verify'));
    expectDone(result);
    expect(most).toBeLessThanOrEqual(BUDGET);
    const stats = await json(small('stats', '--json'));
    expect(stats).toMatchObject({ local_pack_bytes: bytesUnder(packs('small')), local_pack_bytes_max: BUDGET });
    expect((await small('stats')).stdout.toString()).toMatch(/here +\d+ of these packs, .* of at most 8.0 MiB/);
    expect(await json(all('stats', '--json'))).not.toHaveProperty('local_packs');
  });

  it('are brought and taken away under exports that run at once', async () => {
    const images = [image(3, 5000), image(4, 5000)];
    const ids: string[] = [];
    for (const bytes of images) ids.push(await ingest(all, bytes));
    const tight = urlOf(prefix, `?packs-bytes-max=${MIB}`);
    const results = await Promise.all(
      [0, 1, 0, 1].map((at) => startCkpt(join(dir, 'small'), tight, 'export', ids[at] ?? '').ended),
    );
    for (const [at, result] of results.entries()) {
      expectDone(result);
      expect(result.stdout.equals(images[at % 2] ?? Buffer.of())).toBe(true);
    }
    // Whatever was in use at the end has made room by now.
    expectDone(await runCkpt(join(dir, 'small'), tight, 'ls'));
    expect(bytesUnder(packs('small'))).toBeLessThanOrEqual(MIB);
  });

  it('are known to dedup, to queries and to comparisons without being there', async () => {
    const [one, two] = [image(5, 1000), image(6, 1000)];
    const ids = [await ingest(all, one), await ingest(all, two)];
    await ingest(small, one);
    const queries = [
      ['sql', '--json', 'select id, new_pages > 0 as fresh from checkpoint order by id'],
      ['sql', '--json', `select addr, page_hash from vma_page('${ids[0]}') order by addr limit 50`],
      ['diff', '--json', ids[0] ?? '', ids[1] ?? ''],
    ];
    const answers: string[] = [];
    for (const query of queries) {
      const [here, there] = [await small(...query), await all(...query)];
      expectDone(here);
      expect(here.stdout.toString()).toBe(there.stdout.toString());
      answers.push(here.stdout.toString());
    }
    expect((JSON.parse(answers[0] ?? '') as { fresh: number }[]).map(({ fresh }) => fresh)).toEqual([1, 1, 0]);
    expect(answers[1]).toMatch(/[0-9a-f]{64}/);
    expect(bytesUnder(packs('small'))).toBe(0);
  });

  it('are collected, rewritten, rebuilt, repaired and copied', async () => {
    const shared = image(7, 2000);
    const id = await ingest(small, shared);
    const grown = buildImage(
      plainShape(2, { seed: 7, mappings: [rowOfPages(300, 'noise'), rowOfPages(1500, 'text', 'noise')] }),
    ).bytes;
    const other = await ingest(small, grown);
    expectDone(await small('rm', id));
    const collected = (await json(small('gc', '--json'))) as { deleted_packs: number; rewritten_packs: number };
    expect(collected.deleted_packs).toBeGreaterThan(0);
    expect(collected.rewritten_packs).toBeGreaterThan(0);
    expect((await small('export', other)).stdout.equals(grown)).toBe(true);
    for (const lost of ['heads', 'packs', 'catalog.db'])
      rmSync(join(dir, 'small', lost), { recursive: true, force: true });
    expectDone(await small('rebuild'));
    expectDone(await small('repair'));
    expectDone(await small('verify'));
    expectDone(await small('copy', other, '--to', join(dir, 'copy')));
    const copy = await runCkpt(join(dir, 'copy'), 'embedded', 'export', other);
    expect(copy.stdout.equals(grown)).toBe(true);
    expect(bytesUnder(packs('small'))).toBeLessThanOrEqual(BUDGET);
  });

  it('come and go when the setting is changed, and damage to a file is no damage to the log', async () => {
    const bytes = image(8);
    const id = await ingest(all, bytes);
    const whole = bytesUnder(packs('all'));
    const demand = (...args: string[]): Promise<Ended> => runCkpt(join(dir, 'all'), urls.small(), ...args);
    expectDone(await demand('ls'));
    expect(bytesUnder(packs('all'))).toBeLessThanOrEqual(BUDGET);
    const [file] = readdirSync(packs('all'), { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.pack'),
    );
    truncateSync(join(packs('all'), file ?? ''), 1000);
    const [head] = readdirSync(join(dir, 'all', 'heads'), { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.pack'),
    );
    writeFileSync(join(dir, 'all', 'heads', head ?? ''), 'no head');
    expectDone(await demand('verify'));
    expect((await demand('export', id)).stdout.equals(bytes)).toBe(true);
    expectDone(await all('verify'));
    expect(bytesUnder(packs('all'))).toBe(whole);
  });

  it('are whole after a kill in the middle of bringing them', async () => {
    const bytes = image(9);
    const id = await ingest(all, bytes);
    for (let round = 0; round < 3; round++) {
      rmSync(packs('small'), { recursive: true, force: true });
      const { child, ended } = startCkpt(join(dir, 'small'), urls.small(), 'export', id);
      // The first, or a later one, is just coming.
      while (bytesUnder(packs('small')) <= round * MIB && child.exitCode === null) await sleep(1);
      child.kill('SIGKILL');
      await ended;
      const again = await small('export', id);
      expectDone(again);
      expect(again.stdout.equals(bytes)).toBe(true);
      expect(readdirSync(join(packs('small'), 'tmp'))).toEqual([]);
      expect(bytesUnder(packs('small'))).toBeLessThanOrEqual(BUDGET);
    }
    expectDone(await small('verify'));
  });

  it('that cannot be brought, as the broker is away, are one line and exit code 1', async () => {
    const cluster = await newCluster();
    try {
      const url = urlOf(prefix, `${ON_DEMAND}&request-timeout-ms=1000&retry-ms=1500`, cluster.addresses);
      const file = join(dir, 'given.img');
      writeFileSync(file, image(10, 12_000));
      const given = await runCkpt(join(dir, 'away'), url, 'ingest', file);
      expectDone(given);
      const id = given.stdout.toString().trim();
      const args = [program, '--store', join(dir, 'away'), '--log', url, 'export', id];
      const child = spawn(process.execPath, args, {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, NODE_ENV: '' },
      });
      const errors: Buffer[] = [];
      child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
      // It has begun, and cannot have brought everything: nobody reads what it writes.
      await once(child.stdout, 'readable');
      await cluster.brokers[0]?.stop('SIGKILL');
      const ended = once(child, 'close') as Promise<[number]>;
      child.stdout.resume();
      expect(await ended).toEqual([1, null]);
      const words = Buffer.concat(errors).toString().trim();
      expect(words).toMatch(/^ckpt: /);
      expect(words).toMatch(/nothing answers there|does not answer|closed|ECONNREFUSED/i);
      expect(words.split('\n').filter((line) => line.startsWith('ckpt: '))).toHaveLength(1);
      // Missing is what it is called when the log does not have it; here it has.
      expect(words).not.toMatch(/damaged|missing/);
    } finally {
      await cluster.stop();
    }
  });

  it('are missing when neither the machine nor the topic has them, and damage is named', async () => {
    const id = await ingest(small, image(11, 300));
    const [pack] = (await json(small('sql', '--json', 'select id from pack'))) as { id: string }[];
    const { openKafkaLog } = await import('../../src/store/kafka/kafka-log.js');
    const log = await openKafkaLog({ dir: join(dir, 'other'), url: urls.all(), create: true });
    await log?.packs.remove([pack?.id ?? '']);
    await log?.close();
    const { code, stderr } = await small('export', id);
    expect(code).toBe(4);
    expect(stderr).toContain(pack?.id);
    expect(existsSync(packPath(packs('small'), pack?.id ?? ''))).toBe(false);
    expect((await small('verify')).code).toBe(4);
    expect(readFileSync(join(dir, 'given.img')).length).toBeGreaterThan(0);
  });
});
