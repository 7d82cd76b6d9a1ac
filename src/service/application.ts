// SPDX-License-Identifier: Apache-2.0
//
// The operations as a fastify application: routes, validation, errors, and one line of log for each request. Sockets are not its
// business (listeners.ts).
import { randomUUID } from 'node:crypto';
import { Ajv2020 } from 'ajv/dist/2020.js';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { FastifyValidationResult } from 'fastify/types/schema.js';
import { toJson } from '../json.js';
import type { Access } from './access.js';
import { lingerUnread, wholeBody } from './body.js';
import { operations } from './operations.js';
import { options, object } from './schemas.js';
import type { Operation, Schema, ServiceContext } from './operation.js';
import { documentOf, HttpProblem, problemOf } from './problems.js';
import { imageType } from './routes/image.js';

/** Longest parameter of a path that is looked at; ids, names and prefixes are shorter. */
const PARAMETER_MAX = 1024;

export interface ApplicationOptions {
  readonly context: ServiceContext;
  readonly access: Access;
  /** Whether a request came over a socket that only its owner may open. */
  readonly isPrivate: (request: FastifyRequest) => boolean;
}

export async function buildApplication({ context, access, isPrivate }: ApplicationOptions): Promise<FastifyInstance> {
  const app = Fastify({
    // Own listeners hand requests to `app.routing`.
    logger: false,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: PARAMETER_MAX, ignoreTrailingSlash: false, caseSensitive: true },
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => answerProblem(context, error, request, reply),
  });
  addBodies(app, context);
  addValidation(app);
  app.setReplySerializer((payload) => toJson(payload));
  app.decorateRequest('caller', undefined);
  app.addHook('onRequest', async (request, reply) => {
    void reply.headers({ 'x-content-type-options': 'nosniff', 'x-request-id': request.id });
    request.caller = access.identify(request, isPrivate(request));
    const operation = operationOf(request);
    if (operation) access.allow(request.caller, operation);
  });
  app.addHook('onResponse', async (request, reply) => logRequest(context, request, reply));
  app.setErrorHandler((error, request, reply) => answerProblem(context, error, request, reply));
  app.setNotFoundHandler((request, reply) => answerProblem(context, notFound(request), request, reply));
  for (const operation of operations) addOperation(app, context, operation);
  await app.ready();
  return app;
}

function addOperation(app: FastifyInstance, context: ServiceContext, operation: Operation): void {
  const { method, path, parameters, query, body } = operation;
  app.route({
    method,
    url: path.replace(/\{(\w+)\}/g, ':$1'),
    config: { operation },
    schema: {
      ...(parameters ? { params: object(parameters) } : {}),
      querystring: options(query ?? {}),
      ...(body?.schema ? { body: body.required ? body.schema : { anyOf: [body.schema, { type: 'null' }] } } : {}),
    },
    preParsing: async (request) => {
      checkMediaType(request, operation);
    },
    handler: (request, reply) => operation.run(context, request, reply),
  });
}

declare module 'fastify' {
  interface FastifyContextConfig {
    operation?: Operation;
  }
}

function operationOf(request: FastifyRequest): Operation | undefined {
  return request.routeOptions.config.operation;
}

/** Small JSON is read here, within bounds; images go to their operation as they come. Nothing else is taken. */
function addBodies(app: FastifyInstance, { limits }: ServiceContext): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(imageType, (_request, payload, done) => done(null, payload));
  app.addContentTypeParser('application/json', async (request: FastifyRequest) => {
    const bytes = await wholeBody(request.raw, {
      bytesMax: limits.bodyBytesMax,
      stallMs: limits.headersMs,
      bytesPerSecondMin: limits.bodyBytesPerSecondMin,
    });
    if (bytes.length === 0) return null;
    let value: unknown;
    try {
      value = JSON.parse(bytes.toString('utf8'));
    } catch {
      throw new HttpProblem('bad-request', 'the body is not JSON');
    }
    // From here on null means that there is no body.
    if (value === null) throw new HttpProblem('bad-request', 'the body must be an object');
    return value;
  });
}

function checkMediaType(request: FastifyRequest, { body }: Operation): void {
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  if (type === undefined) {
    if (body?.required)
      throw new HttpProblem('unsupported-media-type', `the body has to be ${body.types.join(' or ')}`);
    return;
  }
  if (body ? !body.types.includes(type) : hasBody(request)) {
    const wanted = body ? body.types.join(' or ') : 'left out';
    throw new HttpProblem('unsupported-media-type', `the body has to be ${wanted}`, { connection: 'close' });
  }
}

function hasBody({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** What comes as text (path, query) is turned into integers where they are meant, and only then judged; a JSON body says what it means. */
function addValidation(app: FastifyInstance): void {
  const ajv = new Ajv2020({ strict: true, strictTypes: false, allErrors: false });
  app.setValidatorCompiler(({ schema, httpPart }) => {
    const validate = ajv.compile(schema as Schema);
    if (httpPart === 'body') return validate;
    // Ajv's own coercion takes 1e999 for an integer, and any bound for kept.
    const integers = Object.entries((schema as { properties?: Record<string, Schema> }).properties ?? {})
      .filter(([, property]) => property['type'] === 'integer')
      .map(([name]) => name);
    const judge: FastifyValidationResult = (data: Record<string, unknown>) => {
      for (const name of integers) if (name in data) data[name] = integerOf(data[name]);
      const valid = validate(data);
      judge.errors = (validate.errors ?? null) as NonNullable<FastifyValidationResult['errors']> | null;
      return valid;
    };
    return judge;
  });
  app.setSerializerCompiler(() => toJson);
}

/** The number that a text says in decimal digits; anything else as it is, to be refused. */
function integerOf(text: unknown): unknown {
  return typeof text === 'string' && /^-?\d{1,15}$/.test(text) ? Number(text) : text;
}

function notFound(request: FastifyRequest): HttpProblem {
  const path = request.url.split('?')[0] ?? '';
  const here = operations.filter((operation) => fits(operation.path, path)).map(({ method }) => method);
  if (!here.length) return new HttpProblem('missing', 'there is nothing at this path');
  return new HttpProblem('method-not-allowed', `the methods here are ${here.join(', ')}`, { allow: here.join(', ') });
}

function fits(pattern: string, path: string): boolean {
  const [wanted, given] = [pattern.split('/'), path.split('/')];
  return (
    wanted.length === given.length &&
    wanted.every((part, i) => (part.startsWith('{') ? given[i] !== '' : part === given[i]))
  );
}

function answerProblem(context: ServiceContext, error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const found = problemOf(error, context.redact, request.id);
  const document = documentOf(found.problem, found.detail, found.hint);
  if (document.status >= 500 && !(error instanceof HttpProblem)) {
    const message = error instanceof Error ? error.message : String(error);
    context.log.error({ request: request.id, err: context.redact(message) }, 'request failed');
  }
  // What is left of a body that nobody wants is not waited for.
  const unread = hasBody(request) && !request.raw.complete;
  if (unread) lingerUnread(request.raw);
  void reply
    .code(document.status)
    .headers({ ...found.headers, ...(unread ? { connection: 'close' } : {}) })
    .type('application/problem+json')
    .serializer(toJson)
    .send(document);
}

function logRequest(context: ServiceContext, request: FastifyRequest, reply: FastifyReply): void {
  const operation = operationOf(request)?.id ?? 'none';
  const ms = Math.round(reply.elapsedTime * 10) / 10;
  context.metrics.requests.inc({ operation, status: String(reply.statusCode) });
  context.metrics.requestSeconds.observe({ operation }, reply.elapsedTime / 1000);
  // Not the path: it may hold names that are nobody's business, and whatever strangers put there.
  context.log.info(
    {
      request: request.id,
      operation,
      method: request.method,
      status: reply.statusCode,
      ms,
      caller: request.caller?.name,
    },
    'request',
  );
}
