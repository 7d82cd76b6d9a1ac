// SPDX-License-Identifier: Apache-2.0
//
// What the service says of itself.
import { HttpProblem, problemTypes, type ProblemName } from '../problems.js';
import type { Operation } from '../operation.js';
import { object, text } from '../schemas.js';
import { stoppingProblem } from '../work.js';

const status = object({ status: { type: 'string', enum: ['ok'] } });

export const healthz: Operation = {
  id: 'healthz',
  method: 'GET',
  path: '/healthz',
  summary: 'The process answers',
  scope: null,
  responses: { 200: { description: 'It does', type: 'application/json', schema: status } },
  run: async () => ({ status: 'ok' }),
};

export const readyz: Operation = {
  id: 'readyz',
  method: 'GET',
  path: '/readyz',
  summary: 'The store can be used, and new work is taken',
  scope: null,
  responses: { 200: { description: 'So it is', type: 'application/json', schema: status } },
  run: async ({ ckpt, work }) => {
    if (work.stopping) throw stoppingProblem();
    await ckpt.refresh();
    return { status: 'ok' };
  },
};

export const metrics: Operation = {
  id: 'metrics',
  method: 'GET',
  path: '/metrics',
  summary: "Counters in Prometheus' text format",
  scope: 'read',
  responses: { 200: { description: 'They', type: 'text/plain', schema: text } },
  run: async (context, _request, reply) => {
    const { registry } = context.metrics;
    return reply
      .type(registry.contentType)
      .serializer(String)
      .send(await registry.metrics());
  },
};

export const openApi: Operation = {
  id: 'openapi',
  method: 'GET',
  path: '/v1/openapi.json',
  summary: 'This document',
  scope: null,
  responses: { 200: { description: 'OpenAPI 3.1', type: 'application/json', schema: { type: 'object' } } },
  run: async ({ document }) => document(),
};

export const problemType: Operation = {
  id: 'getProblemType',
  method: 'GET',
  path: '/v1/problems/{name}',
  summary: 'What a problem is: where the `type` of a problem document leads',
  scope: null,
  parameters: { name: { type: 'string', maxLength: 256 } },
  responses: {
    200: {
      description: 'It',
      type: 'application/json',
      schema: object({ name: text, title: text, status: { type: 'integer' } }),
    },
  },
  problems: ['missing'],
  run: async (_context, request) => {
    const { name } = request.params as { name: string };
    if (!Object.hasOwn(problemTypes, name)) throw new HttpProblem('missing', 'there is no such problem');
    return { name, ...problemTypes[name as ProblemName] };
  },
};

export const stats: Operation = {
  id: 'getStats',
  method: 'GET',
  path: '/v1/stats',
  summary: 'What the store holds and what it costs',
  scope: 'read',
  responses: {
    200: {
      description: 'Counts and bytes',
      type: 'application/json',
      schema: { type: 'object', additionalProperties: { type: 'number' } },
    },
  },
  run: async ({ ckpt }) => {
    await ckpt.refresh();
    const sizes: Record<string, unknown> = { ...(await ckpt.stats()) };
    return Object.fromEntries(Object.entries(sizes).filter(([, value]) => typeof value === 'number'));
  },
};
