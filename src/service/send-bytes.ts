// SPDX-License-Identifier: Apache-2.0
//
// Bytes that the store writes into a pipe, on their way to one client. What the client does not take stays in the pipe and holds up this
// writer alone. What turns out damaged halfway ends in a cut connection, never in a whole answer: the chunked encoding has no end then,
// which every client sees.
import { createHash } from 'node:crypto';
import { closeSync } from 'node:fs';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { FastifyReply } from 'fastify';
import type { ServiceContext } from './operation.js';
import { takeOver } from './take-over.js';
import type { Job } from './work.js';

export interface BytesOut {
  /** For words and progress. */
  readonly what: 'image' | 'core';
  /** The checkpoint. */
  readonly id: string;
  /** The request's number. */
  readonly request: string;
  readonly status: 200 | 206;
  readonly headers: Readonly<Record<string, string>>;
  /** Beside Content-Digest (RFC 9530), which is the SHA-256 of what was sent. */
  readonly trailers: Readonly<Record<string, string>>;
  /** Writes all of it to a descriptor, which is closed here. */
  readonly produce: (fd: number, signal: AbortSignal) => Promise<void>;
}

/** Resolves when it is sent, or cut. Rejects while nothing is sent yet. HttpProblem `busy`, `stopping`, and what `produce` throws. */
export async function sendBytes(context: ServiceContext, reply: FastifyReply, out: BytesOut): Promise<void> {
  await new BytesStream(context, out, context.work.begin('image')).send(reply);
}

class BytesStream {
  constructor(
    private readonly context: ServiceContext,
    private readonly out: BytesOut,
    private readonly job: Job,
  ) {}

  async send(reply: FastifyReply): Promise<void> {
    const { out } = this;
    const { codec, limits } = this.context;
    const { signal } = this.job;
    const answer = reply.raw;
    const clientGone = (): void => this.job.abort();
    const { readFd, writeFd } = codec.pipe();
    const source = new Socket({ fd: readFd, readable: true, writable: false });
    source.on('error', clientGone);
    answer.on('close', clientGone);
    // A reader that stands still for long is given up: it holds a pipe and some memory.
    answer.socket?.setTimeout(limits.stallMs, clientGone);
    const failures: Error[] = [];
    const produced = out
      .produce(writeFd, signal)
      .catch((error: unknown) => {
        failures.push(error as Error);
      })
      .finally(() => closeSync(writeFd));
    try {
      await Promise.race([once(source, 'readable'), produced]);
      for (const failure of failures) throw failure; // before anything was sent: an answer like any other
      takeOver(reply);
      answer.writeHead(out.status, {
        ...out.headers,
        trailer: [...Object.keys(out.trailers), 'content-digest'].join(', '),
      });
      const sent = await this.#copy(source, answer);
      await produced;
      for (const failure of failures) throw failure;
      answer.addTrailers({ ...out.trailers, 'content-digest': `sha-256=:${sent}:` });
      answer.end();
      // Until the last words are with the kernel: whoever stops takes a connection whose answer has ended for one that idles.
      if (!answer.writableFinished) await once(answer, 'finish', { signal });
    } catch (error) {
      if (!answer.headersSent) throw error;
      this.context.log.warn(
        { request: out.request, checkpoint: out.id, err: this.context.redact((error as Error).message) },
        `${out.what} stream ${signal.aborted ? 'given up' : 'cut'}`,
      );
      answer.destroy();
    } finally {
      this.job.abort();
      source.destroy();
      await produced;
      answer.off('close', clientGone);
      answer.socket?.setTimeout(0);
      this.job.end();
    }
  }

  /** Base64 SHA-256 of what was sent. */
  async #copy(source: Socket, answer: ServerResponse): Promise<string> {
    const { signal } = this.job;
    const { metrics, events } = this.context;
    const digest = createHash('sha256');
    let bytes = 0;
    let reported = 0;
    for await (const chunk of source as AsyncIterable<Buffer>) {
      signal.throwIfAborted();
      digest.update(chunk);
      bytes += chunk.length;
      metrics.imageBytes.inc(chunk.length);
      if (!answer.write(chunk)) await once(answer, 'drain', { signal });
      if (bytes - reported >= PROGRESS_BYTES) {
        reported = bytes;
        events.progress({ what: this.out.what, request: this.out.request, id: this.out.id, bytes });
      }
    }
    signal.throwIfAborted();
    return digest.digest('base64');
  }
}

const PROGRESS_BYTES = 16 << 20;
