// SPDX-License-Identifier: Apache-2.0
import type { CheckpointFilter } from '../../ckpt.js';
import { checkpointJson, findCheckpoint, mappingJson } from '../lookup.js';
import type { Operation } from '../operation.js';
import { array, checkpoint, checkpointArgument, mapping, object, record, textOrNull } from '../schemas.js';

const parameters = { id: checkpointArgument };
const PAGE_DEFAULT = 100;
const PAGE_MAX = 1000;
const instant = {
  type: 'string',
  pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?Z$',
};
const exactText = { type: 'string', minLength: 1, maxLength: 256 };

interface ListQuery extends Omit<CheckpointFilter, 'limit' | 'newestFirst'> {
  readonly limit?: number;
  readonly order?: 'oldest' | 'newest';
}

export const listCheckpoints: Operation = {
  id: 'listCheckpoints',
  method: 'GET',
  path: '/v1/checkpoints',
  summary: 'The sealed checkpoints, page by page',
  scope: 'read',
  query: {
    limit: {
      type: 'integer',
      minimum: 1,
      maximum: PAGE_MAX,
      description: `Most to answer; ${String(PAGE_DEFAULT)} if not given.`,
    },
    after: {
      type: 'string',
      pattern: '^[0-9a-hjkmnp-tv-z]{26}$',
      description: 'Goes on behind this id: `next` of the page before.',
    },
    order: { type: 'string', enum: ['oldest', 'newest'], description: 'Which come first; the oldest if not given.' },
    name: { ...exactText, description: 'Only of this name.' },
    host: { ...exactText, description: 'Only of this host.' },
    comm: { ...exactText, description: 'Only of this command.' },
    pid: { type: 'integer', minimum: 1, maximum: 4_194_304, description: 'Only of this pid.' },
    created_from: { ...instant, description: 'Only made at this time or later.' },
    created_before: { ...instant, description: 'Only made before this time.' },
  },
  responses: {
    200: {
      description: 'A page of them',
      type: 'application/json',
      schema: object({ checkpoints: array(checkpoint), next: textOrNull }),
    },
  },
  run: async ({ ckpt }, request) => {
    const { limit = PAGE_DEFAULT, order, ...filter } = request.query as ListQuery;
    await ckpt.refresh();
    // One more than asked for says whether there is a next page.
    const rows = await ckpt.page({ ...filter, newestFirst: order === 'newest', limit: limit + 1 });
    const page = rows.slice(0, limit);
    return { checkpoints: page.map(checkpointJson), next: rows.length > limit ? page.at(-1)!.id : null };
  },
};

export const getCheckpoint: Operation = {
  id: 'getCheckpoint',
  method: 'GET',
  path: '/v1/checkpoints/{id}',
  summary: 'One checkpoint',
  scope: 'read',
  parameters,
  responses: { 200: { description: 'It', type: 'application/json', schema: checkpoint } },
  problems: ['missing'],
  run: async (context, request) => checkpointJson(await findCheckpoint(context, (request.params as { id: string }).id)),
};

export const getMaps: Operation = {
  id: 'getMaps',
  method: 'GET',
  path: '/v1/checkpoints/{id}/maps',
  summary: 'The mappings of an image, by ascending address',
  description:
    'Addresses are exact integers of up to 64 bits; where a reader would round them, there is the hexadecimal text.',
  scope: 'read',
  parameters,
  responses: {
    200: {
      description: 'They',
      type: 'application/json',
      schema: object({ id: checkpointArgument, mappings: array(mapping) }),
    },
  },
  problems: ['missing'],
  run: async (context, request) => {
    const { id } = await findCheckpoint(context, (request.params as { id: string }).id);
    return { id, mappings: (await context.ckpt.mappings(id)).map(mappingJson) };
  },
};

export const getRecords: Operation = {
  id: 'getRecords',
  method: 'GET',
  path: '/v1/checkpoints/{id}/records',
  summary: 'The records of an image, in their order',
  scope: 'read',
  parameters,
  responses: {
    200: {
      description: 'They',
      type: 'application/json',
      schema: object({ id: checkpointArgument, records: array(record) }),
    },
  },
  problems: ['missing'],
  run: async (context, request) => {
    const { id } = await findCheckpoint(context, (request.params as { id: string }).id);
    const records = await context.ckpt.records(id);
    return {
      id,
      records: records.map(({ seq, type, number, offset, bytes, task }) => ({
        seq,
        type,
        number,
        offset,
        bytes,
        task,
      })),
    };
  },
};

export const deleteCheckpoint: Operation = {
  id: 'deleteCheckpoint',
  method: 'DELETE',
  path: '/v1/checkpoints/{id}',
  summary: 'Say in the log that a checkpoint is gone',
  description: 'Pages that others use stay. By its full id only: a name or a prefix may mean another one tomorrow.',
  scope: 'write',
  parameters: { id: { type: 'string', pattern: '^[0-9a-hjkmnp-tv-z]{26}$' } },
  responses: { 204: { description: 'It is gone' } },
  problems: ['missing'],
  run: async (context, request, reply) => {
    const { id } = await findCheckpoint(context, (request.params as { id: string }).id);
    await context.ckpt.remove(id);
    return reply.code(204).send();
  },
};
