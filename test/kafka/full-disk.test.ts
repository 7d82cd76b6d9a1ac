// SPDX-License-Identifier: Apache-2.0
//
// A disk that becomes full at a random moment under a load: that of the broker, and that of a machine that ingests. Disks are small
// file systems in memory, which only root can mount.
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, it } from 'vitest';
import type { KafkaCluster } from '../../scripts/kafka/cluster.mjs';
import { newCluster } from './support/broker.js';
import { QUERY, round, ROUND_MS, rounds } from './support/rounds.js';
import { newDirectory, newPrefix, removeDirectory, urlOf } from './support/topics.js';

const GIVES_UP_MS = 30_000;

class SmallDisk {
  private constructor(readonly dir: string) {}

  static mount(dir: string, mib: number): SmallDisk {
    mkdirSync(dir, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mib}m`, 'ckpt-test', dir]);
    return new SmallDisk(dir);
  }

  /** Takes every byte that is left. */
  fill(): void {
    const fd = openSync(this.ballast, 'w');
    try {
      for (const size of [1 << 20, 4096]) for (;;) if (writeSync(fd, Buffer.alloc(size, 1)) < size) break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    } finally {
      closeSync(fd);
    }
  }

  free(): void {
    rmSync(this.ballast, { force: true });
  }

  unmount(): void {
    execFileSync('umount', ['-l', this.dir]);
  }

  private get ballast(): string {
    return join(this.dir, 'ballast');
  }
}

const isRoot = process.getuid?.() === 0;
if (!isRoot) process.stdout.write('full disks: SKIPPED: only root can mount file systems\n');

describe.skipIf(!isRoot)('a full disk', () => {
  let dir: string;
  let disk: SmallDisk;
  let cluster: KafkaCluster;
  beforeAll(async () => {
    dir = newDirectory();
    disk = SmallDisk.mount(join(dir, 'disk'), 2000);
    // One broker, whose data alone is on the small disk.
    cluster = await newCluster({
      properties: {
        'log.dirs': join(disk.dir, 'data'),
        'metadata.log.dir': join(dir, 'metadata'),
        'log.index.size.max.bytes': 1 << 16,
      },
    });
  });
  afterAll(async () => {
    await cluster.stop();
    disk.unmount();
    removeDirectory(dir);
  });

  it.each(rounds)(
    'under the broker loses nothing and doubles nothing, round %d',
    async (number) => {
      const run: Parameters<typeof round>[0]['run'] = async (_load, random) => {
        const [broker] = cluster.brokers;
        if (!broker) throw new Error('no broker');
        await sleep(random.below(3000));
        disk.fill();
        // Kafka gives up a disk that it cannot write to, and ends when it was its only one. Should it hang instead, it is ended.
        await Promise.race([broker.ended(), sleep(GIVES_UP_MS)]);
        await broker.stop('SIGKILL');
        disk.free();
        broker.start();
        await broker.ready();
      };
      const url = urlOf(newPrefix(), QUERY, cluster.addresses);
      await round({ name: 'a full disk under the broker', run, mayFail: /^ckpt: open: / }, url, dir, number);
    },
    ROUND_MS,
  );

  it.each(rounds)(
    'under a store loses nothing and doubles nothing, round %d',
    async (number) => {
      let small: SmallDisk | undefined;
      const run: Parameters<typeof round>[0]['run'] = async (load, random) => {
        await sleep(random.below(3000));
        small?.fill();
        // Until a command of that machine has met the full disk.
        const failures = load.failures.length;
        while (load.failures.length === failures) await sleep(20);
        small?.free();
      };
      const prepare = (place: string): void => {
        small = SmallDisk.mount(join(place, 'one'), 400);
      };
      const url = urlOf(newPrefix(), QUERY, cluster.addresses);
      const mayFail = /no space left|ENOSPC|disk is full|disk I\/O error/i;
      try {
        await round({ name: 'a full disk under a store', run, mayFail, prepare }, url, dir, number);
      } finally {
        small?.unmount();
      }
    },
    ROUND_MS,
  );
});
