// SPDX-License-Identifier: Apache-2.0
//
// The OpenAPI 3.1 document, made from the operations.
import { version } from '../version.js';
import type { Operation, ResponseDescription, Schema } from './operation.js';
import { problemTypes, type ProblemName } from './problems.js';
import * as schemas from './schemas.js';

const named: Readonly<Record<string, Schema>> = {
  Checkpoint: schemas.checkpoint,
  Mapping: schemas.mapping,
  Record: schemas.record,
  Ingested: schemas.ingested,
  Restarted: schemas.restarted,
  Problem: schemas.problem,
};

/** What any operation may answer, whatever it does. */
const everywhere: readonly ProblemName[] = [
  'bad-request',
  'unauthorized',
  'forbidden',
  'unsupported-media-type',
  'rate-limited',
  'failed',
  'stopping',
];

/** References in place of schemas that have a name, and nothing undefined. */
function withReferences(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withReferences);
  if (value === null || typeof value !== 'object') return value;
  const name = Object.keys(named).find((candidate) => named[candidate] === value);
  if (name) return { $ref: `#/components/schemas/${name}` };
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withReferences(item)]));
}

function parametersOf(operation: Operation): unknown[] {
  const list = (where: string, from: Readonly<Record<string, Schema>> | undefined): unknown[] =>
    Object.entries(from ?? {}).map(([name, { description, ...schema }]) => ({
      name,
      in: where,
      ...(where === 'path' ? { required: true } : {}),
      ...(description === undefined ? {} : { description }),
      schema,
    }));
  return [
    ...list('path', operation.parameters),
    ...list('query', operation.query),
    ...list('header', operation.headers),
  ];
}

function responseOf({ description, type, schema, headers }: ResponseDescription): unknown {
  return {
    description,
    ...(headers
      ? {
          headers: Object.fromEntries(
            Object.entries(headers).map(([name, words]) => [name, { description: words, schema: { type: 'string' } }]),
          ),
        }
      : {}),
    ...(type === undefined ? {} : { content: { [type]: { schema: withReferences(schema ?? {}) } } }),
  };
}

/** Problems by status: several may share one. */
function problemResponses(operation: Operation): Record<string, unknown> {
  const names = new Set<ProblemName>([
    ...everywhere,
    ...(operation.body ? (['too-slow', 'too-large'] as const) : []),
    ...(operation.problems ?? []),
  ]);
  const byStatus = new Map<number, ProblemName[]>();
  for (const name of names) {
    const { status } = problemTypes[name];
    byStatus.set(status, [...(byStatus.get(status) ?? []), name]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, list]) => [
      String(status),
      {
        description: list.map((name) => problemTypes[name].title).join('; '),
        // An answer to HEAD has no body.
        ...(operation.method === 'HEAD'
          ? {}
          : { content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } }),
      },
    ]),
  );
}

function operationOf(operation: Operation): unknown {
  const { id, summary, description, scope, body } = operation;
  const parameters = parametersOf(operation);
  return {
    operationId: id,
    summary,
    ...(description === undefined ? {} : { description }),
    security: [{ token: scope === null ? [] : [scope] }],
    ...(parameters.length ? { parameters } : {}),
    ...(body
      ? {
          requestBody: {
            required: body.required,
            content: Object.fromEntries(
              body.types.map((type) => [type, { schema: withReferences(body.schema ?? {}) }]),
            ),
          },
        }
      : {}),
    responses: {
      ...Object.fromEntries(
        Object.entries(operation.responses).map(([status, response]) => [status, responseOf(response)]),
      ),
      ...problemResponses(operation),
    },
  };
}

export function openApiDocument(operations: readonly Operation[]): unknown {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of operations) {
    (paths[operation.path] ??= {})[operation.method.toLowerCase()] = operationOf(operation);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'ckpt',
      version,
      description: 'A store for process checkpoints: list, stream, take in and restart images of running processes.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ token: [] }],
    paths,
    components: {
      // Properties that are named schemas themselves become references; the schemas stand here whole.
      schemas: named,
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          description: 'Made by ckpt token add. Not asked for on a Unix socket that only its owner may open.',
        },
      },
    },
  };
}
