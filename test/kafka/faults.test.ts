// SPDX-License-Identifier: Apache-2.0
//
// Ingests go on while everything around them is killed or paused at random moments. CKPT_TEST_SEED replays a run,
// CKPT_FAULT_ROUNDS makes it longer.
import { randomInt } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCluster, type KafkaBroker, type KafkaCluster } from '../../scripts/kafka/cluster.mjs';
import { Random } from '../support/images.js';
import { withFreshCatalog } from './support/ckpt.js';
import { expectNothingLost, Load } from './support/load.js';
import { newDirectory, newPrefix, removeDirectory, urlOf } from './support/topics.js';

const seed = Number(process.env['CKPT_TEST_SEED'] ?? randomInt(1 << 30));
const rounds = Number(process.env['CKPT_FAULT_ROUNDS'] ?? 3);
/** Shorter than a pause of the broker. */
const REQUEST_TIMEOUT_MS = 2000;

/** What is done to a running load, by name. */
const faults = {
  'SIGKILL of an ingester or the projector': async (load: Load, _broker: KafkaBroker, random: Random) => {
    for (let kills = 0; kills < 4; kills++) {
      await sleep(random.below(2500));
      load.kill((bound) => random.below(bound));
    }
  },
  'SIGKILL of a broker': async (_load: Load, broker: KafkaBroker, random: Random) => {
    await sleep(random.below(3000));
    await broker.stop('SIGKILL');
    await sleep(random.below(1500));
    broker.start();
    await broker.ready();
  },
  'a broker paused for longer than the request timeout': async (_load: Load, broker: KafkaBroker, random: Random) => {
    await sleep(random.below(3000));
    broker.signal('SIGSTOP');
    await sleep(REQUEST_TIMEOUT_MS + 500 + random.below(2500));
    broker.signal('SIGCONT');
  },
} as const;

describe.each([{ brokers: 1 }, { brokers: 3 }])('faults, $brokers broker(s)', ({ brokers }) => {
  let cluster: KafkaCluster;
  let dir: string;
  beforeAll(async () => {
    dir = newDirectory();
    cluster = await startCluster({ brokers, heap: brokers === 1 ? '512m' : '256m' });
  });
  afterAll(async () => {
    await cluster.stop();
    removeDirectory(dir);
  });

  it.each(Object.keys(faults) as (keyof typeof faults)[])(
    '%s loses nothing and doubles nothing',
    async (fault) => {
      const random = new Random(seed);
      const url = urlOf(newPrefix(), `?request-timeout-ms=${REQUEST_TIMEOUT_MS}&retry-ms=90000`, cluster.addresses);
      const place = join(dir, fault.replaceAll(' ', '-'));
      mkdirSync(place);
      const load = new Load(place, url, seed % 100_000);
      const work = [load.ingest('one'), load.ingest('two'), load.project('three')];
      for (let round = 0; round < rounds; round++) {
        const broker = cluster.brokers[random.below(brokers)];
        if (!broker) throw new Error('no broker');
        await faults[fault](load, broker, random);
        await sleep(2500);
      }
      load.stop();
      await Promise.all(work);
      const doubles = await countDoubles(url);
      process.stdout.write(
        `${fault}, ${brokers} broker(s), seed ${seed}: ${load.acknowledged.size} acknowledged, ` +
          `${load.failures.length} failed, ${doubles} events stand there twice\n`,
      );
      expect(load.acknowledged.size, `seed ${seed}`).toBeGreaterThan(0);
      // Whoever comes while no broker is there is told so; whoever has begun goes on when one is back.
      const others = load.failures.filter((words) => !words.startsWith('ckpt: open: '));
      if (!fault.includes('ingester')) expect(others, `seed ${seed}`).toEqual([]);
      await expectNothingLost(load, url, [join(place, 'one'), join(place, 'three')]);
    },
    600_000,
  );
});

/** Events that were sent again although they had arrived: what readers have to drop. */
async function countDoubles(url: string): Promise<number> {
  return withFreshCatalog(url, async (store) => {
    const seen = new Set<string>();
    let doubles = 0;
    for await (const { events } of store.log.read([])) {
      for (const { checkpoint, seq } of events) {
        if (seq < 0) continue;
        const name = `${checkpoint} ${seq}`;
        if (seen.has(name)) doubles++;
        seen.add(name);
      }
    }
    return doubles;
  });
}
