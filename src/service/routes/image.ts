// SPDX-License-Identifier: Apache-2.0
//
// An image as a stream. The rebuilder writes it into a pipe; what the client does not take stays in the pipe and holds up this
// image's rebuilder alone. An image that turns out damaged halfway ends in a cut connection, never in a whole answer: the
// chunked encoding has no end then, which every client sees.
import { createHash } from 'node:crypto';
import { closeSync } from 'node:fs';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { CheckpointRow } from '../../ckpt.js';
import type { ByteRange } from '../../codec/native.js';
import { findCheckpoint } from '../lookup.js';
import type { Operation, ServiceContext } from '../operation.js';
import { HttpProblem } from '../problems.js';
import { namesTag, parseRange } from '../range.js';
import { checkpointArgument, text } from '../schemas.js';
import { takeOver } from '../take-over.js';
import type { Job } from '../work.js';

export const imageType = 'application/octet-stream';
/** The image's own digest, hex: what `sealed` says, and at the stream's end what was really sent. */
export const digestHeader = 'ckpt-image-digest';

const path = '/v1/checkpoints/{id}/image';
const parameters = { id: checkpointArgument };
const query = {
  seal: {
    type: 'string',
    enum: ['required', 'any'],
    description: 'Where the service has keys: `any` gives an image that nobody known to it stands for too.',
  },
};
const headers = {
  range: { ...text, description: 'One range of bytes; several are answered with the whole image.' },
  'if-range': { ...text, description: 'The range is meant only while the image has this ETag.' },
  'if-none-match': { ...text, description: 'Nothing is sent when the image has one of these ETags.' },
};
const answerHeaders = {
  etag: 'The image digest, in quotes.',
  'accept-ranges': 'bytes',
  [digestHeader]: 'The image digest, hex; once more in the trailer, as it was computed over what was sent.',
};

export const imageHead: Operation = {
  id: 'headImage',
  method: 'HEAD',
  path,
  summary: 'How long an image is, and its digest',
  scope: 'read',
  parameters,
  headers: { 'if-none-match': headers['if-none-match'] },
  responses: {
    200: { description: 'It is there', headers: { ...answerHeaders, 'content-length': 'Bytes of the image.' } },
    304: { description: 'It is what If-None-Match says' },
  },
  problems: ['missing'],
  run: async (context, request, reply) => {
    const row = await findCheckpoint(context, (request.params as { id: string }).id);
    if (unchanged(row, request, reply)) return undefined;
    void reply.headers({ ...headersOf(row), 'content-type': imageType, 'content-length': String(row.image_bytes) });
    return reply.send();
  },
};

export const imageGet: Operation = {
  id: 'getImage',
  method: 'GET',
  path,
  summary: 'An image, bit for bit',
  description:
    'Streamed as fast as the client takes it; every page is verified before it is sent. The trailer Ckpt-Image-Digest says that all ' +
    'of the image was sent and agreed with what was sealed; Content-Digest (RFC 9530) is the SHA-256 of what was sent. When the ' +
    'image proves damaged on the way, the connection is cut before the end of the chunked encoding.',
  scope: 'read',
  parameters,
  query,
  headers,
  responses: {
    200: { description: 'The whole image', type: imageType, schema: { type: 'string' }, headers: answerHeaders },
    206: {
      description: 'A range of it',
      type: imageType,
      schema: { type: 'string' },
      headers: { ...answerHeaders, 'content-range': 'Which bytes, of how many.' },
    },
    304: { description: 'It is what If-None-Match says' },
  },
  problems: ['missing', 'range-not-satisfiable', 'unsupported', 'damaged', 'busy'],
  run: async (context, request, reply) => {
    const row = await findCheckpoint(context, (request.params as { id: string }).id);
    if (unchanged(row, request, reply)) return undefined;
    if ((request.query as { seal?: string }).seal !== 'any') await context.ckpt.requireSeal(row.id);
    const ifRange = request.headers['if-range'];
    const wanted =
      ifRange === undefined || ifRange === tagOf(row) ? parseRange(request.headers.range, row.image_bytes) : 'whole';
    if (wanted === 'outside') {
      const contentRange = `bytes */${String(row.image_bytes)}`;
      throw new HttpProblem('range-not-satisfiable', `the image has ${String(row.image_bytes)} bytes`, {
        'content-range': contentRange,
      });
    }
    await new ImageStream(context, row, wanted === 'whole' ? undefined : wanted, request.id).send(reply);
    return undefined;
  },
};

function tagOf(row: CheckpointRow): string {
  return `"${row.image_digest ?? ''}"`;
}

function headersOf(row: CheckpointRow): Record<string, string> {
  return {
    etag: tagOf(row),
    'accept-ranges': 'bytes',
    // The image of an id never changes; whether one may still see it is asked anew each time.
    'cache-control': 'private, no-cache',
    [digestHeader]: row.image_digest ?? '',
  };
}

function unchanged(row: CheckpointRow, request: FastifyRequest, reply: FastifyReply): boolean {
  if (!namesTag(request.headers['if-none-match'], tagOf(row))) return false;
  void reply.code(304).headers(headersOf(row)).send();
  return true;
}

/** One image, or a range of it, on its way to one client. */
class ImageStream {
  readonly #job: Job;

  constructor(
    private readonly context: ServiceContext,
    private readonly row: CheckpointRow,
    private readonly range: ByteRange | undefined,
    private readonly request: string,
  ) {
    this.#job = context.work.begin('image');
  }

  async send(reply: FastifyReply): Promise<void> {
    const { ckpt, codec, limits } = this.context;
    const { signal } = this.#job;
    const answer = reply.raw;
    const clientGone = (): void => this.#job.abort();
    const { readFd, writeFd } = codec.pipe();
    const source = new Socket({ fd: readFd, readable: true, writable: false });
    source.on('error', clientGone);
    answer.on('close', clientGone);
    // A reader that stands still for long is given up: it holds a pipe and some memory.
    answer.socket?.setTimeout(limits.stallMs, clientGone);
    const failures: Error[] = [];
    const exported = ckpt
      .export(this.row.id, writeFd, { signal, frugal: true, ...(this.range ? { range: this.range } : {}) })
      .catch((error: unknown) => {
        failures.push(error as Error);
      })
      .finally(() => closeSync(writeFd));
    try {
      await Promise.race([once(source, 'readable'), exported]);
      for (const failure of failures) throw failure; // before anything was sent: an answer like any other
      takeOver(reply);
      answer.writeHead(this.range ? 206 : 200, this.#headers());
      const sent = await this.#copy(source, answer);
      await exported;
      for (const failure of failures) throw failure;
      answer.addTrailers({
        ...(this.range ? {} : { [digestHeader]: this.row.image_digest ?? '' }),
        'content-digest': `sha-256=:${sent}:`,
      });
      answer.end();
      // Until the last words are with the kernel: whoever stops takes a connection whose answer has ended for one that idles.
      if (!answer.writableFinished) await once(answer, 'finish', { signal });
    } catch (error) {
      if (!answer.headersSent) throw error;
      this.context.log.warn(
        { request: this.request, checkpoint: this.row.id, err: this.context.redact((error as Error).message) },
        signal.aborted ? 'image stream given up' : 'image stream cut',
      );
      answer.destroy();
    } finally {
      this.#job.abort();
      source.destroy();
      await exported;
      answer.off('close', clientGone);
      answer.socket?.setTimeout(0);
      this.#job.end();
    }
  }

  #headers(): Record<string, string> {
    const { row, range } = this;
    return {
      ...headersOf(row),
      'content-type': imageType,
      trailer: range ? 'content-digest' : `${digestHeader}, content-digest`,
      ...(range
        ? { 'content-range': `bytes ${String(range.first)}-${String(range.end - 1)}/${String(row.image_bytes)}` }
        : {}),
    };
  }

  /** Base64 SHA-256 of what was sent. */
  async #copy(source: Socket, answer: ServerResponse): Promise<string> {
    const { signal } = this.#job;
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
        events.progress({ what: 'image', request: this.request, id: this.row.id, bytes });
      }
    }
    signal.throwIfAborted();
    return digest.digest('base64');
  }
}

const PROGRESS_BYTES = 16 << 20;
