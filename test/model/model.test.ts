// SPDX-License-Identifier: Apache-2.0
//
// Random steps on a store and on a model of it: ingest, rm, tag, gc, rewriting, crashes, rebuild, verify, export, in any order and several at
// once; no page may be lost. CKPT_TEST_SEED replays a run, CKPT_MODEL_STEPS makes it longer.
import { randomInt } from 'node:crypto';
import { expect, it } from 'vitest';
import { Model } from './support/model.js';

const seed = Number(process.env['CKPT_TEST_SEED'] ?? randomInt(1 << 30));
const steps = Number(process.env['CKPT_MODEL_STEPS'] ?? 2000);
const STEPS_BETWEEN_LOOKS = 100;

it(`${steps} random steps lose no page (seed ${seed})`, async () => {
  const model = new Model(seed);
  try {
    await model.start();
    for (let step = 1; step <= steps; step++) {
      const name = await model.step().catch((error: unknown) => {
        throw new Error(`step ${step}, ${model.where}: ${(error as Error).message}`, { cause: error });
      });
      expect(name).not.toBe('');
      if (step % STEPS_BETWEEN_LOOKS === 0) await model.look();
    }
    await model.exportAll();
    await model.look();
    await model.removeAll();
    await model.look();
  } finally {
    await model.dispose();
  }
}, 1_800_000); // three minutes on a quiet machine
