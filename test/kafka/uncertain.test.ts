// SPDX-License-Identifier: Apache-2.0
//
// What nobody knows after an error, whether a batch arrived, or still will: connections cut in the middle of a batch, answers
// that are lost, and requests that a paused broker takes after they were given up. CKPT_TEST_SEED replays a run.
import { createHash, randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCluster, type KafkaCluster } from '../../scripts/kafka/cluster.mjs';
import type { LoggedEvent } from '../../src/format/events.js';
import { openKafkaLog, type KafkaLog } from '../../src/store/kafka/kafka-log.js';
import { Random } from '../support/images.js';
import { Wire } from './support/proxy.js';
import { newDirectory, newPrefix, removeDirectory } from './support/topics.js';

const seed = Number(process.env['CKPT_TEST_SEED'] ?? randomInt(1 << 30));
const APPEND_EVENTS = 3;
const EVENT_BYTES = 20_000;

let cluster: KafkaCluster;
let wire: Wire;
let dir: string;
let log: KafkaLog;

beforeAll(async () => {
  wire = await Wire.open();
  const advertised = { 'advertised.listeners': `PLAINTEXT://127.0.0.1:${wire.port}` };
  cluster = await startCluster({ properties: advertised, onPorts: ([port]) => wire.leadTo(port ?? 0) });
  dir = newDirectory();
  const url = `kafka://127.0.0.1:${wire.port}/${newPrefix()}?request-timeout-ms=1500&retry-ms=60000`;
  const opened = await openKafkaLog({ dir, url, create: true });
  if (!opened) throw new Error('the log is not there');
  log = opened;
});
afterAll(async () => {
  await log.close();
  await wire.close();
  await cluster.stop();
  removeDirectory(dir);
});

/** Appends numbered events until told to stop; returns how many were acknowledged. */
async function write(checkpoint: string, going: () => boolean): Promise<number> {
  let seq = 0;
  while (going()) {
    const events = Array.from({ length: APPEND_EVENTS }, (_, index) => ({
      type: 'record' as const,
      checkpoint,
      seq: seq + index,
      value: Buffer.alloc(EVENT_BYTES, `${checkpoint} ${seq + index} `),
    }));
    await log.append(events);
    seq += APPEND_EVENTS;
  }
  return seq;
}

/** What readers make of it: every number once, in order, whatever stands there twice. Returns the doubles. */
async function expectStream(checkpoint: string, count: number): Promise<number> {
  const found: LoggedEvent[] = [];
  for await (const { events } of log.read([])) found.push(...events.filter((one) => one.checkpoint === checkpoint));
  const digests = new Map<number, string>();
  let next = 0;
  let doubles = 0;
  for (const { seq, value } of found) {
    const digest = createHash('sha256').update(value).digest('hex');
    if (seq < next) {
      doubles++;
      expect(digest, `event ${seq}, seed ${seed}`).toBe(digests.get(seq));
      continue;
    }
    expect(seq, `seed ${seed}`).toBe(next++);
    digests.set(seq, digest);
  }
  expect(next, `seed ${seed}`).toBe(count);
  return doubles;
}

describe('after an error', () => {
  it.each(['requests', 'answers'] as const)('%s cut at random bytes lose nothing', async (direction) => {
    const random = new Random(seed);
    const before = wire.cuts;
    const end = Date.now() + 12_000;
    const cutting = (async () => {
      while (Date.now() < end) {
        wire.cutAfter[direction] = direction === 'requests' ? random.below(200_000) : random.below(2000);
        await sleep(300 + random.below(500));
      }
      wire.cutAfter[direction] = Infinity;
    })();
    const count = await write(direction, () => Date.now() < end);
    await cutting;
    const cuts = wire.cuts - before;
    const doubles = await expectStream(direction, count);
    process.stdout.write(`${direction}: seed ${seed}, ${cuts} cuts, ${count} events, ${doubles} stand there twice\n`);
    expect(cuts).toBeGreaterThan(3);
    // A lost answer is found by reading the tail again, not by sending again.
    if (direction === 'answers') expect(doubles).toBe(0);
  });

  it('a broker that wakes up late loses nothing', async () => {
    const random = new Random(seed);
    const broker = cluster.brokers[0];
    let pausing = true;
    const pauses = (async () => {
      for (let pause = 0; pause < 4; pause++) {
        await sleep(300 + random.below(700));
        broker?.signal('SIGSTOP');
        await sleep(1800 + random.below(2500));
        broker?.signal('SIGCONT');
      }
      await sleep(500);
      pausing = false;
    })();
    const count = await write('late', () => pausing);
    await pauses;
    const doubles = await expectStream('late', count);
    process.stdout.write(`late: seed ${seed}, ${count} events, ${doubles} stand there twice\n`);
  });
});
