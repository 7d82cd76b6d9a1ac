// SPDX-License-Identifier: Apache-2.0
//
// The programs to be checkpointed, without a checkpoint: each finds its own state right, and looking at /proc changes nothing.
import { afterEach, describe, it } from 'vitest';
import { cleanUp } from '../support/processes.js';
import { corners, identities, programs, refusals, refused, Run } from '../support/programs.js';

let run: Run | undefined;

afterEach(async () => {
  await cleanUp();
  run?.remove();
  run = undefined;
});

describe.each([...programs, ...corners, ...identities, ...refusals.map(([state]) => refused(state))])(
  '$name',
  (program) => {
    it('runs through without a checkpoint', async () => {
      run = await Run.start(program);
      await run.untouchedBy(() => Promise.resolve());
      await run.finish(run.original);
    });
  },
);
