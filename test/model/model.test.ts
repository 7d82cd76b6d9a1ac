// SPDX-License-Identifier: Apache-2.0
//
// Random steps on a store and on a model of it: ingest, rm, tag, gc, rewriting, crashes, rebuild, verify, export, in any order and several at
// once; no page may be lost. CKPT_TEST_SEED replays a run, CKPT_MODEL_STEPS makes it longer.
import { randomInt } from 'node:crypto';
import { expect, it } from 'vitest';
import { Model } from './support/model.js';

const seed = Number(process.env['CKPT_TEST_SEED'] ?? randomInt(1 << 30));
const steps = Number(process.env['CKPT_MODEL_STEPS'] ?? 2000);
/** A store gets so many of them: verify and rebuild read its whole log, which every step makes longer. */
const STEPS_OF_STORE = 500;
const STEPS_BETWEEN_LOOKS = 100;
const happenings = [
  'packs rewritten',
  'packs deleted',
  'packs forgotten',
  'checkpoints forgotten',
  'crashes',
  'export',
];

const stores = Array.from({ length: Math.ceil(steps / STEPS_OF_STORE) }, (_, i) => ({
  seed: seed + i,
  steps: Math.min(STEPS_OF_STORE, steps - i * STEPS_OF_STORE),
}));

it.each(stores)('$steps random steps lose no page (seed $seed)', { timeout: 900_000 }, async (store) => {
  const model = new Model(store.seed);
  try {
    await model.start();
    for (let step = 1; step <= store.steps; step++) {
      const name = await model.step().catch((error: unknown) => {
        throw new Error(`step ${step}, ${model.where}: ${(error as Error).message}`, { cause: error });
      });
      expect(name).not.toBe('');
      if (step % STEPS_BETWEEN_LOOKS === 0) await model.look();
    }
    // That no page was lost says something only when all of it has happened.
    if (store.steps === STEPS_OF_STORE)
      for (const what of happenings) expect(model.counts[what] ?? 0, `${what}, ${model.where}`).toBeGreaterThan(0);
    await model.exportAll();
    await model.look();
    await model.removeAll();
    await model.look();
  } finally {
    await model.dispose();
  }
});
