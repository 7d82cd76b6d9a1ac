// SPDX-License-Identifier: Apache-2.0
//
// Whether all of a store is whole, and making it whole again.
import type { VerifyReport } from '../../ckpt.js';
import { inTurn } from '../in-turn.js';
import { findCheckpoint } from '../lookup.js';
import type { Operation, ServiceContext } from '../operation.js';
import { HttpProblem } from '../problems.js';
import { array, checkpointArgument, count, flag, object, options, text } from '../schemas.js';

const damages = array(
  object({
    what: text,
    why: text,
    touches: array(text),
    lost: array(object({ checkpoint: text, pages: count, stretches: array(text) })),
  }),
);

const report = object({
  packs: count,
  checkpoints: count,
  unfinished: count,
  damage: damages,
  distrusted: array(object({ checkpoint: text, why: text })),
});

/** Without what is not for strangers. */
function reportJson({ redact }: ServiceContext, found: VerifyReport): VerifyReport {
  const said = <T extends { readonly why: string }>(one: T): T => ({ ...one, why: redact(one.why) });
  return { ...found, damage: found.damage.map(said), distrusted: found.distrusted.map(said) };
}

export const verify: Operation = {
  id: 'verify',
  method: 'POST',
  path: '/v1/verify',
  summary: 'Check packs, chains and digests, of one checkpoint or of the whole store',
  description: 'Damaged packs are moved aside.',
  scope: 'write',
  body: { types: ['application/json'], required: false, schema: options({ id: checkpointArgument }) },
  responses: {
    200: {
      description: 'What was found',
      type: 'application/json',
      schema: report,
    },
  },
  problems: ['missing', 'busy'],
  run: async (context, request) => {
    const { id } = (request.body ?? {}) as { id?: string };
    const only = id === undefined ? undefined : (await findCheckpoint(context, id)).id;
    return inTurn(context, async (signal) => reportJson(context, await context.ckpt.verify(only, { signal })));
  },
};

export const repair: Operation = {
  id: 'repair',
  method: 'POST',
  path: '/v1/repair',
  summary: 'Rebuild what can be rebuilt: the catalog, the list of packs, pages of damaged packs',
  scope: 'write',
  responses: {
    200: {
      description: 'What was done, and what is left',
      type: 'application/json',
      schema: object({
        saved_pages: count,
        found_pages: count,
        lost_pages: count,
        listed_packs: count,
        catalog_rebuilt: flag,
        left: report,
      }),
    },
  },
  problems: ['busy'],
  run: async (context) =>
    inTurn(context, async (signal) => {
      const done = await context.ckpt.repair({ signal });
      return { ...done, left: reportJson(context, done.left) };
    }),
};

export const rebuild: Operation = {
  id: 'rebuild',
  method: 'POST',
  path: '/v1/rebuild',
  summary: 'Make the catalog anew from the log, in one transaction',
  scope: 'write',
  responses: {
    200: { description: 'Checkpoints in it', type: 'application/json', schema: object({ checkpoints: count }) },
  },
  problems: ['busy'],
  run: async (context) =>
    inTurn(context, async () => {
      await context.ckpt.rebuild();
      return { checkpoints: (await context.ckpt.stats()).checkpoints };
    }),
};

export const abort: Operation = {
  id: 'abort',
  method: 'POST',
  path: '/v1/checkpoints/{id}/abort',
  summary: 'End an open checkpoint whose writer will not come back',
  scope: 'write',
  parameters: { id: checkpointArgument },
  body: {
    types: ['application/json'],
    required: false,
    schema: options({
      writer_is_dead: { ...flag, description: 'Its writer ran where the service cannot see, and is known to be gone.' },
    }),
  },
  responses: { 200: { description: 'It is ended', type: 'application/json', schema: object({ id: text }) } },
  problems: ['missing', 'conflict'],
  run: async (context, request) => {
    const { id } = request.params as { id: string };
    const { writer_is_dead: writerIsDead = false } = (request.body ?? {}) as { writer_is_dead?: boolean };
    await context.ckpt.refresh();
    try {
      return { id: await context.ckpt.abort(id, { writerIsDead }) };
    } catch (error) {
      const { kind, message, hint } = error as Error & { kind?: unknown; hint?: string };
      if (kind === 'missing') throw new HttpProblem('missing', 'there is no such open checkpoint');
      // Its writer is, or may be, at work.
      if (kind === 'failed') throw new HttpProblem('conflict', context.redact(message), {}, hint);
      throw error;
    }
  },
};
