// SPDX-License-Identifier: Apache-2.0
//
// What nobody knows after an error, whether a batch arrived, or still will: connections cut in the middle of a batch, answers
// that are lost, and requests that a paused broker takes after they were given up. The brokers are behind a wire that can be cut.
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KafkaCluster } from '../../scripts/kafka/cluster.mjs';
import type { LoggedEvent } from '../../src/format/events.js';
import { openKafkaLog, type KafkaLog } from '../../src/store/kafka/kafka-log.js';
import { partitionOf } from '../../src/store/kafka/partition.js';
import { Random } from '../support/images.js';
import { newCluster } from './support/broker.js';
import { Wire } from './support/proxy.js';
import { QUERY, REQUEST_TIMEOUT_MS, round, ROUND_MS, rounds, seed } from './support/rounds.js';
import { newDirectory, newPrefix, removeDirectory, urlOf } from './support/topics.js';

const APPEND_EVENTS = 3;
const EVENT_BYTES = 20_000;
const CUTS = 5;

let cluster: KafkaCluster;
let wire: Wire;
let dir: string;
let log: KafkaLog;

beforeAll(async () => {
  wire = await Wire.open();
  const properties = { 'advertised.listeners': `PLAINTEXT://127.0.0.1:${wire.port}` };
  cluster = await newCluster({ properties, onPorts: ([port]) => wire.leadTo(port ?? 0) });
  dir = newDirectory();
  const opened = await openKafkaLog({ dir: `${dir}/log`, url: wiredUrl(), create: true });
  if (!opened) throw new Error('the log is not there');
  log = opened;
});
afterAll(async () => {
  await log.close();
  await wire.close();
  await cluster.stop();
  removeDirectory(dir);
});

function wiredUrl(): string {
  return urlOf(newPrefix(), QUERY, `127.0.0.1:${wire.port}`);
}

/** Cuts a connection after so many more bytes of requests; resolves when that has happened. */
async function cutRequests(bytes: number): Promise<void> {
  const before = wire.cuts;
  wire.cutAfter.requests = bytes;
  while (wire.cuts === before) await sleep(5);
}

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
  process.stdout.write(`${checkpoint}: seed ${seed}, ${count} events, ${doubles} stand there twice\n`);
  return doubles;
}

describe('after an error', () => {
  it('requests cut at random bytes lose nothing', async () => {
    const random = new Random(seed);
    let going = true;
    const writing = write('requests', () => going);
    for (let cut = 0; cut < CUTS; cut++) await cutRequests(random.below(200_000));
    going = false;
    await expectStream('requests', await writing);
  });

  it('a batch whose answer was lost is found, and not sent again', async () => {
    const random = new Random(seed);
    await write('answers', once());
    for (let cut = 1; cut <= CUTS; cut++) {
      const before = wire.cuts;
      // Nothing else is under way: the next answer is that of the append, which stands in the topic by then.
      wire.cutAfter.answers = 1 + random.below(20);
      const checkpoint = `answers-${cut}`;
      const count = await write(checkpoint, once());
      expect(wire.cuts).toBe(before + 1);
      expect(await expectStream(checkpoint, count)).toBe(0);
    }
  });

  it('what was under way over a connection that stands still for good goes over another one', async () => {
    // In partitions of their own, so that both are under way at once, the second for less time when the first is given up.
    const [first, second] = [0, 1].map((partition) => {
      for (let n = 0; ; n++) if (partitionOf(`still-${n}`, 4) === partition) return `still-${n}`;
    }) as [string, string];
    for (const checkpoint of [first, second]) await write(checkpoint, once());
    wire.freeze();
    const append = (checkpoint: string): Promise<void> =>
      log.append([{ type: 'record', checkpoint, seq: APPEND_EVENTS, value: Buffer.from('next') }]);
    const one = append(first);
    await sleep(REQUEST_TIMEOUT_MS / 2);
    await Promise.all([one, append(second)]);
    for (const checkpoint of [first, second]) expect(await expectStream(checkpoint, APPEND_EVENTS + 1)).toBe(0);
  }, 60_000);

  it('a broker that wakes up late loses nothing', async () => {
    const random = new Random(seed);
    const broker = cluster.brokers[0];
    let going = true;
    const writing = write('late', () => going);
    for (let pause = 0; pause < 2; pause++) {
      await sleep(random.below(500));
      broker?.signal('SIGSTOP');
      await sleep(REQUEST_TIMEOUT_MS + 500 + random.below(1500));
      broker?.signal('SIGCONT');
    }
    going = false;
    await expectStream('late', await writing);
  });
});

/** True the first time. */
function once(): () => boolean {
  let first = true;
  return () => {
    const now = first;
    first = false;
    return now;
  };
}

describe('ingests over a wire', () => {
  it.each(rounds)(
    'whose connections are cut in the middle of a batch lose nothing and double nothing, round %d',
    async (number) => {
      const run = async (_load: unknown, random: Random): Promise<void> => {
        for (let cut = 0; cut < CUTS; cut++) await cutRequests(random.below(2_000_000));
      };
      await round({ name: 'a connection cut in the middle of a batch', run, mayFail: null }, wiredUrl(), dir, number);
    },
    ROUND_MS,
  );
});
