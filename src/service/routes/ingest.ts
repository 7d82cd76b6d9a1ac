// SPDX-License-Identifier: Apache-2.0
//
// A body into the store. It goes through a pipe into the same reader as `ckpt ingest`; while the log is busy nothing is read from the
// client. Whoever breaks off leaves an aborted stream, which nobody sees.
import { closeSync } from 'node:fs';
import { once } from 'node:events';
import { Socket } from 'node:net';
import type { FastifyRequest } from 'fastify';
import type { IngestResult } from '../../ckpt.js';
import { CkptError } from '../../format/errors.js';
import { bodyChunks } from '../body.js';
import type { Operation, ServiceContext } from '../operation.js';
import { HttpProblem } from '../problems.js';
import { ingested } from '../schemas.js';
import { stoppingProblem, type Job } from '../work.js';
import { imageType } from './image.js';

export const ingest: Operation = {
  id: 'ingest',
  method: 'POST',
  path: '/v1/ingest',
  summary: 'Take in an image',
  description: 'The body is one image, streamed. It is in the store, durable and sealed, when the answer comes.',
  scope: 'write',
  query: { name: { type: 'string', minLength: 1, maxLength: 256, description: 'Name of the checkpoint.' } },
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
  const { ckpt, codec, events, limits } = context;
  const name = (request.query as { name?: string }).name ?? null;
  const { readFd, writeFd } = codec.pipe();
  const sink = new Socket({ fd: writeFd, readable: false, writable: true });
  sink.on('error', () => undefined); // the reader went first: it says why
  let bodyFailure: unknown;
  const gone = (): void => job.abort();
  request.raw.on('error', gone);
  const fed = feed(context, request, sink, job).catch((error: unknown) => {
    bodyFailure = error;
    job.abort(); // first this: a torn image would be called damaged
    sink.destroy();
  });
  try {
    const images = ckpt.ingest(readFd, {
      name,
      signal: job.signal,
      onProgress: (bytes) => events.progress({ what: 'ingest', request: request.id, name, bytes }),
    });
    for await (const image of images) {
      await fed; // it has read to the end of the body, or there would be no image
      return image;
    }
    throw new HttpProblem('invalid-image', 'the body is empty');
  } catch (error) {
    if (bodyFailure instanceof HttpProblem) throw bodyFailure;
    if (job.signal.aborted && context.work.stopping) throw stoppingProblem();
    if (bodyFailure !== undefined) throw new HttpProblem('bad-request', 'the body ended early; nothing was kept');
    if (error instanceof CkptError && error.kind === 'damaged') {
      throw new HttpProblem('invalid-image', context.redact(error.message));
    }
    throw error;
  } finally {
    job.abort();
    sink.destroy();
    await fed;
    request.raw.off('error', gone);
    closeSync(readFd);
  }

  async function feed(
    { metrics }: ServiceContext,
    { raw }: FastifyRequest,
    into: Socket,
    { signal }: Job,
  ): Promise<void> {
    const bodyLimits = {
      bytesMax: limits.ingestBytesMax,
      stallMs: limits.stallMs,
      bytesPerSecondMin: limits.bodyBytesPerSecondMin,
    };
    const stopped = new Promise<never>((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error('given up')), { once: true });
    });
    stopped.catch(() => undefined);
    const chunks = bodyChunks(raw, bodyLimits);
    for (;;) {
      const next = await Promise.race([chunks.next(), stopped]);
      if (next.done) break;
      metrics.ingestBytes.inc(next.value.length);
      if (!into.write(next.value)) await once(into, 'drain', { signal });
    }
    into.end();
  }
}
