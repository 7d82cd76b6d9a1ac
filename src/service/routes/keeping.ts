// SPDX-License-Identifier: Apache-2.0
//
// What a store's owner does with it: lists by every filter, tags, retention, space, and whether all is whole.
import type { ListOptions } from '../../ckpt.js';
import { HttpProblem } from '../problems.js';
import { prunePeriods, type PrunePolicy } from '../../prune.js';
import { listOrders } from '../../store/index.js';
import { checkpointJson, findCheckpoint } from '../lookup.js';
import { inTurn } from '../in-turn.js';
import type { Operation } from '../operation.js';
import { array, checkpoint, checkpointArgument, count, flag, object, options, text, textOrNull } from '../schemas.js';

const pattern = { type: 'string', minLength: 1, maxLength: 256 };
const instant = { type: 'string', pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{1,18}Z$' };
const tagName = { type: 'string', minLength: 1, maxLength: 256, pattern: '^[^@]' };
const state = { type: 'string', enum: ['open', 'sealed', 'aborted', 'deleted', 'damaged'] };
/** Longer lists go page by page. */
const LIST_MAX = 10_000;

/** As a column of a list has it: of a checkpoint that is not sealed, the digest is not known. */
const listed = object({
  ...(checkpoint['properties'] as Readonly<Record<string, object>>),
  image_digest: textOrNull,
  state,
  damage: textOrNull,
});

export const searchCheckpoints: Operation = {
  id: 'searchCheckpoints',
  method: 'POST',
  path: '/v1/checkpoints/search',
  summary: 'Checkpoints by every filter, order and state that `ckpt ls` has',
  description: `Patterns are those of shells. At most ${String(LIST_MAX)}: more are page by page, without these filters.`,
  scope: 'read',
  body: {
    types: ['application/json'],
    required: false,
    schema: options({
      states: { type: 'array', items: state, minItems: 1, maxItems: 5 },
      name: pattern,
      comm: pattern,
      host: pattern,
      tag: pattern,
      pid: { type: 'integer', minimum: 0, maximum: 4_194_304 },
      since: { ...instant, description: 'Created at this time or later.' },
      before: { ...instant, description: 'Created before this time.' },
      order: { type: 'string', enum: Object.keys(listOrders) },
      reverse: flag,
      last: { type: 'integer', minimum: 0, maximum: LIST_MAX, description: 'Only the last of them in this order.' },
    }),
  },
  responses: {
    200: { description: 'They', type: 'application/json', schema: object({ checkpoints: array(listed) }) },
  },
  problems: ['unsupported'],
  run: async ({ ckpt }, request) => {
    const wanted = (request.body ?? {}) as ListOptions;
    await ckpt.refresh();
    const rows = await ckpt.list({ last: LIST_MAX + 1, ...wanted });
    if (rows.length > LIST_MAX) {
      throw new HttpProblem(
        'unsupported',
        `there are more than ${String(LIST_MAX)}`,
        {},
        'ask for fewer, or for the last',
      );
    }
    return { checkpoints: rows.map((row) => ({ ...checkpointJson(row), state: row.state, damage: row.damage })) };
  },
};

const tags = object({ id: checkpointArgument, tags: array(text) });

export const getTags: Operation = {
  id: 'getTags',
  method: 'GET',
  path: '/v1/checkpoints/{id}/tags',
  summary: 'Tags of a checkpoint',
  scope: 'read',
  parameters: { id: checkpointArgument },
  responses: { 200: { description: 'They', type: 'application/json', schema: tags } },
  problems: ['missing'],
  run: async (context, request) => {
    const { id } = await findCheckpoint(context, (request.params as { id: string }).id);
    return { id, tags: await context.ckpt.tagsOf(id) };
  },
};

export const setTag: Operation = {
  id: 'setTag',
  method: 'POST',
  path: '/v1/checkpoints/{id}/tags',
  summary: 'Put a tag on a checkpoint, or take it off',
  scope: 'write',
  parameters: { id: checkpointArgument },
  body: {
    types: ['application/json'],
    required: true,
    schema: object({ name: tagName, remove: flag }, ['remove']),
  },
  responses: { 200: { description: 'Its tags now', type: 'application/json', schema: tags } },
  problems: ['missing'],
  run: async (context, request) => {
    const { ckpt } = context;
    const { id } = await findCheckpoint(context, (request.params as { id: string }).id);
    const { name, remove = false } = request.body as { name: string; remove?: boolean };
    await (remove ? ckpt.untag(id, name) : ckpt.tag(id, name));
    return { id, tags: await ckpt.tagsOf(id) };
  },
};

const pruned = array(
  object({ id: text, name: textOrNull, series: text, created_at: textOrNull, reasons: array(text) }),
);
const keep = { type: 'integer', minimum: 0, maximum: 1_000_000_000 };

export const planPrune: Operation = {
  id: 'planPrune',
  method: 'POST',
  path: '/v1/prune/plan',
  summary: 'Which checkpoints a retention policy would keep and remove',
  description: 'Nothing is changed: whoever means it deletes those one by one.',
  scope: 'read',
  body: {
    types: ['application/json'],
    required: true,
    schema: object(
      { policy: options(Object.fromEntries(['last', ...prunePeriods].map((kind) => [kind, keep]))), name: pattern },
      ['name'],
    ),
  },
  responses: {
    200: {
      description: 'The plan',
      type: 'application/json',
      schema: object({ keep: pruned, remove: pruned, frees: object({ packs: count, bytes: count }) }),
    },
  },
  run: async ({ ckpt }, request) => {
    const { policy, name } = request.body as { policy: PrunePolicy; name?: string };
    await ckpt.refresh();
    return ckpt.planPrune(policy, name === undefined ? {} : { name });
  },
};

export const collectGarbage: Operation = {
  id: 'collect',
  method: 'POST',
  path: '/v1/gc',
  summary: 'Give back the space of what was removed',
  scope: 'write',
  body: {
    types: ['application/json'],
    required: false,
    schema: options({
      dry_run: flag,
      rewrite: { ...flag, description: 'Packs partly in use too; true if not given.' },
    }),
  },
  responses: {
    200: {
      description: 'What was done, or would be',
      type: 'application/json',
      schema: object({
        forgotten: count,
        condemned_packs: count,
        rewritten_packs: count,
        moved_pages: count,
        deleted_packs: count,
        freed_bytes: { type: 'integer' },
        waiting_checkpoints: count,
        waiting_packs: count,
        waiting_for: array(text),
      }),
    },
  },
  problems: ['busy'],
  run: async (context, request) => {
    const { dry_run: dryRun = false, rewrite = true } = (request.body ?? {}) as {
      dry_run?: boolean;
      rewrite?: boolean;
    };
    return inTurn(context, async (signal) => {
      const report = await context.ckpt.collect({ dryRun, rewrite, signal });
      return { ...report, waiting_for: report.waiting_for.map(context.redact) };
    });
  },
};
