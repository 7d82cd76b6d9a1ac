// SPDX-License-Identifier: Apache-2.0
//
// Answers of any length in bounded memory: a line of JSON for each thing (application/x-ndjson), as they are found. What goes wrong after the
// first line is a last line `{"problem": ...}` with the problem document; a service that ends in the middle cuts the connection.
import { once } from 'node:events';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { toJson } from '../json.js';
import type { ResponseDescription, ServiceContext } from './operation.js';
import { documentOf, problemOf } from './problems.js';
import { text } from './schemas.js';
import { takeOver } from './take-over.js';
import type { Job, WorkKind } from './work.js';

export const linesType = 'application/x-ndjson';

/** The answer of an operation that sends lines. */
export function linesResponse(description: string): ResponseDescription {
  return { description, type: linesType, schema: text };
}

/** Resolves when all is sent, or cut. Rejects while nothing is sent yet. HttpProblem `busy`, `stopping`, and what `lines` throws. */
export async function sendLines(
  context: ServiceContext,
  request: FastifyRequest,
  reply: FastifyReply,
  kind: WorkKind,
  lines: (job: Job) => AsyncIterable<unknown>,
): Promise<void> {
  const job = context.work.begin(kind);
  const answer = reply.raw;
  const client = { isGone: false };
  const clientGone = (): void => {
    client.isGone = true;
    job.abort();
  };
  answer.on('close', clientGone);
  answer.socket?.setTimeout(context.limits.stallMs, clientGone);
  try {
    for await (const line of lines(job)) {
      job.signal.throwIfAborted();
      if (!answer.headersSent) {
        takeOver(reply);
        answer.writeHead(200, { 'content-type': linesType, 'cache-control': 'no-store' });
      }
      if (!answer.write(`${toJson(line)}\n`)) await once(answer, 'drain', { signal: job.signal });
    }
    if (!answer.headersSent) {
      takeOver(reply);
      answer.writeHead(200, { 'content-type': linesType, 'cache-control': 'no-store' });
    }
    answer.end();
    if (!answer.writableFinished) await once(answer, 'finish', { signal: job.signal });
  } catch (error) {
    if (!answer.headersSent) throw error;
    context.log.warn({ request: request.id, err: context.redact((error as Error).message) }, 'answer ended early');
    if (client.isGone || context.work.stopping) {
      answer.destroy();
      return;
    }
    const { problem, detail, hint } = problemOf(error, context.redact, request.id);
    answer.end(`${toJson({ problem: documentOf(problem, detail, hint) })}\n`);
  } finally {
    answer.off('close', clientGone);
    answer.socket?.setTimeout(0);
    job.end();
  }
}
