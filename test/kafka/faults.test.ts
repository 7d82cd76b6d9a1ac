// SPDX-License-Identifier: Apache-2.0
//
// Ingests go on while everything around them is killed or paused at random moments.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, it } from 'vitest';
import type { KafkaBroker, KafkaCluster } from '../../scripts/kafka/cluster.mjs';
import type { Random } from '../support/images.js';
import { newCluster } from './support/broker.js';
import type { Load } from './support/load.js';
import { QUERY, REQUEST_TIMEOUT_MS, round, ROUND_MS, rounds } from './support/rounds.js';
import { newDirectory, newPrefix, removeDirectory, urlOf } from './support/topics.js';

interface NamedFault {
  readonly brokers: readonly number[];
  /** By the number of brokers. */
  readonly mayFail: (brokers: number) => RegExp | null;
  readonly run: (load: Load, random: Random, broker: KafkaBroker) => Promise<void>;
}

/** A killed process says nothing. */
const killed = (): RegExp => /^$/;
/** Who comes while no broker is there is told so; who has begun goes on when one is back. Where two more are, nobody notices. */
const nobodyThere = (brokers: number): RegExp | null => (brokers === 1 ? /^ckpt: open: / : null);

function killing(kind: 'ingester' | 'projector'): NamedFault {
  return {
    brokers: [1],
    mayFail: killed,
    run: async (load, random) => {
      for (let kills = 0; kills < 3;) {
        await sleep(random.below(1500));
        if (load.kill(kind, (bound) => random.below(bound))) kills++;
      }
    },
  };
}

const faults: Readonly<Record<string, NamedFault>> = {
  'SIGKILL of an ingester': killing('ingester'),
  'SIGKILL of the projector': killing('projector'),
  'SIGKILL of a broker': {
    brokers: [1, 3],
    mayFail: nobodyThere,
    run: async (_load, random, broker) => {
      await sleep(random.below(3000));
      await broker.stop('SIGKILL');
      await sleep(random.below(1500));
      broker.start();
      await broker.ready();
    },
  },
  'a broker paused for longer than the request timeout': {
    brokers: [1, 3],
    mayFail: nobodyThere,
    run: async (_load, random, broker) => {
      await sleep(random.below(3000));
      broker.signal('SIGSTOP');
      await sleep(REQUEST_TIMEOUT_MS + 500 + random.below(1500));
      broker.signal('SIGCONT');
    },
  },
};

describe.each([{ brokers: 1 }, { brokers: 3 }])('faults, $brokers broker(s)', ({ brokers }) => {
  let cluster: KafkaCluster;
  let dir: string;
  beforeAll(async () => {
    dir = newDirectory();
    cluster = await newCluster({ brokers, heap: brokers === 1 ? '512m' : '256m' });
  });
  afterAll(async () => {
    await cluster.stop();
    removeDirectory(dir);
  });

  for (const [name, fault] of Object.entries(faults)) {
    if (!fault.brokers.includes(brokers)) continue;
    it.each(rounds)(
      `${name} loses nothing and doubles nothing, round %d`,
      async (number) => {
        const run = async (load: Load, random: Random): Promise<void> => {
          const broker = cluster.brokers[random.below(brokers)];
          if (!broker) throw new Error('no broker');
          await fault.run(load, random, broker);
        };
        const url = urlOf(newPrefix(), QUERY, cluster.addresses);
        await round({ name: `${name}, ${brokers} broker(s)`, run, mayFail: fault.mayFail(brokers) }, url, dir, number);
      },
      ROUND_MS,
    );
  }
});
