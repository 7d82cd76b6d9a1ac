// SPDX-License-Identifier: Apache-2.0
//
// Random tests say their seed when they fail, and run again from it: CKPT_TEST_SEED=N npx vitest run FILE.
import { randomInt } from 'node:crypto';

const given = process.env['CKPT_TEST_SEED'];

/** Seed of this run. */
export const seed = given === undefined ? randomInt(1, 1 << 30) : Number(given);

process.stdout.write(`CKPT_TEST_SEED=${seed}\n`);
