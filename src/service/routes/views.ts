// SPDX-License-Identifier: Apache-2.0
//
// What the command line shows of images and of the store beyond rows: tasks with their registers, differences, series, growth. Their
// insides are those of `ckpt show --json`, `diff --json`, `tree --json` and `stats --json`.
import type { GrowthStep } from '../../store/index.js';
import { findCheckpoint } from '../lookup.js';
import type { Operation } from '../operation.js';
import { array, checkpointArgument, object } from '../schemas.js';
import { linesResponse, sendLines } from '../send-lines.js';

const open = { type: 'object' };
const steps = ['hour', 'day', 'month'] as const satisfies readonly GrowthStep[];

export const getTasks: Operation = {
  id: 'getTasks',
  method: 'GET',
  path: '/v1/checkpoints/{id}/tasks',
  summary: 'The tasks of an image: identity, files, threads with their registers',
  scope: 'read',
  parameters: { id: checkpointArgument },
  responses: {
    200: {
      description: 'They',
      type: 'application/json',
      schema: object({ id: checkpointArgument, tasks: array(open) }),
    },
  },
  problems: ['missing'],
  run: async (context, request) => {
    const { id } = await findCheckpoint(context, (request.params as { id: string }).id);
    return { id, tasks: await context.ckpt.tasks(id) };
  },
};

/** Runs of pages in a line. */
const RUNS_PER_LINE = 4096;

export const getPageKinds: Operation = {
  id: 'getPageKinds',
  method: 'GET',
  path: '/v1/checkpoints/{id}/kinds',
  summary: 'What the pages of an image are: zero, new with this checkpoint, or stored before it',
  description:
    'Lines of `{"runs": [[PAGE, COUNT, KIND], ...]}`: address of the first divided by 4096, pages, and `zero`, `new` or `shared`. An empty ' +
    'one is the last.',
  scope: 'read',
  parameters: { id: checkpointArgument },
  responses: { 200: linesResponse('The runs') },
  problems: ['missing', 'busy'],
  run: async (context, request, reply) => {
    const { id } = await findCheckpoint(context, (request.params as { id: string }).id);
    await sendLines(context, request, reply, 'sql', async function* () {
      let runs: (readonly [number, number, string])[] = [];
      for (const { page, count, kind } of await context.ckpt.pageKinds(id)) {
        runs.push([page, count, kind]);
        if (runs.length < RUNS_PER_LINE) continue;
        yield { runs };
        runs = [];
      }
      if (runs.length > 0) yield { runs };
      yield { runs: [] };
    });
    return undefined;
  },
};

export const getDiff: Operation = {
  id: 'getDiff',
  method: 'GET',
  path: '/v1/checkpoints/{id}/diff/{other}',
  summary: 'What differs between two checkpoints: mappings, pages, registers',
  scope: 'read',
  parameters: { id: checkpointArgument, other: checkpointArgument },
  responses: { 200: { description: 'It', type: 'application/json', schema: open } },
  problems: ['missing'],
  run: async (context, request) => {
    const { id, other } = request.params as { id: string; other: string };
    const [a, b] = [await findCheckpoint(context, id), await findCheckpoint(context, other)];
    return context.ckpt.diff(a.id, b.id);
  },
};

export const getSeries: Operation = {
  id: 'getSeries',
  method: 'GET',
  path: '/v1/series',
  summary: 'The checkpoints as series of processes, and which was restarted from which',
  scope: 'read',
  responses: { 200: { description: 'They', type: 'application/json', schema: object({ series: array(open) }) } },
  run: async ({ ckpt }) => {
    await ckpt.refresh();
    return { series: await ckpt.series() };
  },
};

export const getGrowth: Operation = {
  id: 'getGrowth',
  method: 'GET',
  path: '/v1/growth',
  summary: 'What came in, by time',
  scope: 'read',
  query: { by: { type: 'string', enum: steps, description: 'By the day if not given.' } },
  responses: { 200: { description: 'It', type: 'application/json', schema: object({ growth: array(open) }) } },
  run: async ({ ckpt }, request) => {
    await ckpt.refresh();
    return { growth: await ckpt.growth((request.query as { by?: GrowthStep }).by ?? 'day') };
  },
};
