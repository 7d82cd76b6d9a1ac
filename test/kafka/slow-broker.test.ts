// SPDX-License-Identifier: Apache-2.0
//
// A broker that does not take what it is sent: whoever writes the image has to wait, and memory stays as it is.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { KafkaCluster } from '../../scripts/kafka/cluster.mjs';
import { buildImage, plainShape, rowOfPages } from '../support/image-generator.js';
import { newCluster } from './support/broker.js';
import { digestOf, runCkpt } from './support/ckpt.js';
import { newDirectory, newPrefix, removeDirectory, urlOf } from './support/topics.js';

const program = fileURLToPath(new URL('../../bin/ckpt', import.meta.url));
const MIB = 1 << 20;
const PAGES = 40_000;
/** What may be on its way: some batches of the reader, what is under way into the log, and pipes. Less than half of the image. */
const TAKEN_MIB_MAX = 72;
const MEMORY_MIB_MAX = 400;

let cluster: KafkaCluster;
let dir: string;
beforeAll(async () => {
  dir = newDirectory();
  cluster = await newCluster();
});
afterAll(async () => {
  await cluster.stop();
  removeDirectory(dir);
});

it('a broker that stands still stops the producer, and the memory of ckpt is bounded', async () => {
  const { bytes } = buildImage(plainShape(2, { seed: 3, mappings: [rowOfPages(PAGES, 'noise')] }));
  expect(bytes.length).toBeGreaterThan(2 * TAKEN_MIB_MAX * MIB);
  const url = urlOf(newPrefix(), '?request-timeout-ms=5000&retry-ms=3000000', cluster.addresses);
  const store = join(dir, 'store');
  const child = spawn(process.execPath, [program, '--store', store, '--log', url, 'ingest', '-'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, NODE_ENV: '' },
  });
  const out: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  const ended = once(child, 'close') as Promise<[number]>;

  let taken = 0;
  const feeding = (async () => {
    for (let at = 0; at < bytes.length; at += MIB) {
      const piece = bytes.subarray(at, at + MIB);
      if (!child.stdin.write(piece)) await once(child.stdin, 'drain');
      taken += piece.length;
    }
    child.stdin.end();
  })();
  const memoryMib = (): number =>
    Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) / 1024;

  const [broker] = cluster.brokers;
  while (taken < 4 * MIB) await sleep(5);
  broker?.signal('SIGSTOP');
  const stoppedAt = taken / MIB;
  for (let before = -1; before !== taken;) {
    before = taken;
    await sleep(3000);
  }
  const [takenMib, memory] = [taken / MIB, memoryMib()];
  process.stdout.write(
    `a broker that stands still: ${(takenMib - stoppedAt).toFixed(0)} MiB taken, ${memory.toFixed(0)} MiB of memory\n`,
  );
  broker?.signal('SIGCONT');
  expect(takenMib - stoppedAt).toBeLessThan(TAKEN_MIB_MAX);
  expect(memory).toBeLessThan(MEMORY_MIB_MAX);

  await feeding;
  const [code] = await ended;
  expect(code).toBe(0);
  const given = await runCkpt(store, url, 'export', Buffer.concat(out).toString().trim());
  expect(digestOf(given.stdout)).toBe(digestOf(bytes));
}, 600_000);
