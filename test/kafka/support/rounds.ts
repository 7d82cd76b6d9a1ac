// SPDX-License-Identifier: Apache-2.0
//
// Rounds of faults at random moments, each over a log of its own. CKPT_FAULT_ROUNDS says how many of each (2 unless it does);
// CKPT_TEST_SEED replays a run: round N draws from the seed plus N.
import { randomInt } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { Random } from '../../support/images.js';
import { Load } from './load.js';
import { expectNothingLost } from './nothing-lost.js';

export const seed = Number(process.env['CKPT_TEST_SEED'] ?? randomInt(1 << 30));
export const rounds = Array.from({ length: Number(process.env['CKPT_FAULT_ROUNDS'] ?? 2) }, (_, index) => index + 1);

/** Shorter than a pause of the broker. */
export const REQUEST_TIMEOUT_MS = 2000;
/** Work that has begun is tried again for as long as the tests may take: no machine is too slow for them. */
export const QUERY = `?request-timeout-ms=${REQUEST_TIMEOUT_MS}&retry-ms=3000000`;
export const ROUND_MS = 600_000;

/** What is done to a running load. */
export type Fault = (load: Load, random: Random) => Promise<void>;

/**
 * Two machines ingest, one projects; the fault; then work goes on until two more checkpoints have been acknowledged. `mayFail`: failures
 * of commands that the fault explains.
 */
export async function round(
  fault: {
    readonly name: string;
    readonly run: Fault;
    readonly mayFail: RegExp | null;
    /** Told the directory of the round's machines before they start. */
    readonly prepare?: (dir: string) => void;
  },
  url: string,
  parent: string,
  number: number,
): Promise<void> {
  const random = new Random((seed + number) % 2 ** 31);
  // The first numbers of near seeds are near each other.
  for (let skip = 0; skip < 20; skip++) random.below(2);
  const dir = join(parent, `${fault.name.replaceAll(/\W+/g, '-')}-${number}`);
  mkdirSync(dir);
  fault.prepare?.(dir);
  const load = new Load(dir, url, random.below(1 << 20) * 1000);
  load.ingest('one', 'two').project('three');
  const note = `${fault.name}, round ${number}, seed ${seed}`;
  try {
    await fault.run(load, random);
    await load.more(2);
  } finally {
    await load.stop();
  }
  const unexplained = load.failures.filter((words) => !fault.mayFail?.test(words));
  expect(unexplained, note).toEqual([]);
  const doubles = await expectNothingLost(load, ['one', 'two', 'three'], note);
  const { acknowledged, failures } = load;
  process.stdout.write(
    `${note}: ${acknowledged.size} acknowledged, ${failures.length} failed, ${doubles} events stand there twice\n`,
  );
}
