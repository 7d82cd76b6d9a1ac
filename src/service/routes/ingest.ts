// SPDX-License-Identifier: Apache-2.0
//
// Bodies into the store. They go through a pipe into the same reader as `ckpt ingest`; while the log is busy nothing is read from the
// client. Whoever breaks off leaves an aborted stream, which nobody sees.
import type { FastifyRequest } from 'fastify';
import type { Ckpt, IngestResult } from '../../ckpt.js';
import type { Operation, ServiceContext } from '../operation.js';
import { HttpProblem } from '../problems.js';
import { count, digest, ingested, object } from '../schemas.js';
import { linesResponse, sendLines } from '../send-lines.js';
import { takeBody } from '../take-body.js';
import type { Job } from '../work.js';
import { imageType } from './image.js';

const query = { name: { type: 'string', minLength: 1, maxLength: 256, description: 'Name of the checkpoint.' } };

export const ingest: Operation = {
  id: 'ingest',
  method: 'POST',
  path: '/v1/ingest',
  summary: 'Take in an image',
  description: 'The body is one image, streamed. It is in the store, durable and sealed, when the answer comes.',
  scope: 'write',
  query,
  body: { types: [imageType], required: true },
  responses: {
    201: {
      description: 'It is in the store',
      type: 'application/json',
      schema: ingested,
      headers: { location: 'The checkpoint.' },
    },
  },
  problems: ['invalid-image', 'busy'],
  run: async (context, request, reply) => {
    const job = context.work.begin('ingest');
    try {
      const image = await take(context, request, job);
      context.metrics.ingests.inc({ result: 'sealed' });
      void reply.code(201).header('location', `/v1/checkpoints/${image.id}`);
      return ingestedJson(image);
    } catch (error) {
      context.metrics.ingests.inc({ result: 'refused' });
      // What is left of the body is not read any more.
      void reply.header('connection', 'close');
      throw error;
    } finally {
      job.end();
    }
  },
};

async function take(context: ServiceContext, request: FastifyRequest, job: Job): Promise<IngestResult> {
  let first: IngestResult | undefined;
  for await (const image of images(context, request, job, false)) first ??= image;
  if (!first) throw new HttpProblem('invalid-image', 'the body is empty');
  return first;
}

function images(
  context: ServiceContext,
  request: FastifyRequest,
  job: Job,
  stream: boolean,
): AsyncGenerator<IngestResult> {
  const { ckpt, events } = context;
  const name = (request.query as { name?: string }).name ?? null;
  const onProgress = (bytes: number): void => events.progress({ what: 'ingest', request: request.id, name, bytes });
  return takeBody(context, request, job, (fd, signal) => ckpt.ingest(fd, { name, stream, signal, onProgress }));
}

function ingestedJson(image: IngestResult): Record<string, unknown> {
  return {
    id: image.id,
    name: image.name,
    image_bytes: image.bytes,
    pages: image.pages,
    zero_pages: image.zeroPages,
    new_pages: image.newPages,
    stored_bytes: image.storedBytes,
    image_digest: image.digest,
  };
}

export const ingestStream: Operation = {
  id: 'ingestStream',
  method: 'POST',
  path: '/v1/ingest/stream',
  summary: 'Take in images back to back',
  description:
    'The body is images, one behind the other; each is in the store, durable and sealed, when its line comes, which may be long before the ' +
    'body ends. A line has the fields that the answer to one image has; a last line `{"problem": ...}` says why the rest was refused. No body is no images.',
  scope: 'write',
  query,
  body: { types: [imageType], required: false },
  responses: { 200: linesResponse('The images, a line each') },
  problems: ['invalid-image', 'busy'],
  run: async (context, request, reply) => {
    try {
      await sendLines(context, request, reply, 'ingest', async function* (job) {
        for await (const image of images(context, request, job, true)) {
          context.metrics.ingests.inc({ result: 'sealed' });
          yield ingestedJson(image);
        }
      });
    } catch (error) {
      context.metrics.ingests.inc({ result: 'refused' });
      void reply.header('connection', 'close');
      throw error;
    }
    return undefined;
  },
};

export const digestImage: Operation = {
  id: 'digestImage',
  method: 'POST',
  path: '/v1/digest',
  summary: 'The digest that an image would have here',
  description: 'The body is one image. Nothing of it is kept.',
  scope: 'read',
  body: { types: [imageType], required: true },
  responses: {
    200: {
      description: 'It',
      type: 'application/json',
      schema: object({ image_digest: digest, image_bytes: count, pages: count }),
    },
  },
  problems: ['invalid-image', 'busy'],
  run: async (context, request, reply) => {
    const job = context.work.begin('ingest');
    try {
      const read = async function* (
        fd: number,
        signal: AbortSignal,
      ): AsyncGenerator<Awaited<ReturnType<Ckpt['digest']>>> {
        yield await context.ckpt.digest(fd, { signal });
      };
      let found: Awaited<ReturnType<Ckpt['digest']>> | undefined;
      for await (const image of takeBody(context, request, job, read)) found = image;
      if (!found) throw new HttpProblem('invalid-image', 'the body is empty');
      return { image_digest: found.digest, image_bytes: found.bytes, pages: found.pages };
    } catch (error) {
      void reply.header('connection', 'close');
      throw error;
    } finally {
      job.end();
    }
  },
};
