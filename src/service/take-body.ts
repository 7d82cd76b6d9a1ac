// SPDX-License-Identifier: Apache-2.0
//
// A body on its way into a reader of images: through a pipe, and held up by it. Whoever breaks off leaves nothing behind that anybody sees.
import { closeSync } from 'node:fs';
import { once } from 'node:events';
import { Socket } from 'node:net';
import type { FastifyRequest } from 'fastify';
import { CkptError } from '../format/errors.js';
import { bodyChunks } from './body.js';
import type { ServiceContext } from './operation.js';
import { HttpProblem } from './problems.js';
import { stoppingProblem, type Job } from './work.js';

/**
 * What `read` makes of the descriptor from which the body comes. It has read all of it when it ends. HttpProblem: what is wrong with the body,
 * first of all.
 */
export async function* takeBody<T>(
  context: ServiceContext,
  request: FastifyRequest,
  job: Job,
  read: (fd: number, signal: AbortSignal) => AsyncIterable<T>,
): AsyncGenerator<T> {
  const { readFd, writeFd } = context.codec.pipe();
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
    yield* read(readFd, job.signal);
    await fed;
    if (bodyFailure !== undefined) throw bodyFailure as Error;
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
}

async function feed(
  { limits, metrics }: ServiceContext,
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
