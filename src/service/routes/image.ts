// SPDX-License-Identifier: Apache-2.0
//
// An image as a stream, or a range of it, and the core made of it.
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { CheckpointRow } from '../../ckpt.js';
import { findCheckpoint } from '../lookup.js';
import type { Operation } from '../operation.js';
import { HttpProblem } from '../problems.js';
import { namesTag, parseRange } from '../range.js';
import { checkpointArgument, text } from '../schemas.js';
import { sendBytes } from '../send-bytes.js';

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
    const range = wanted === 'whole' ? undefined : wanted;
    await sendBytes(context, reply, {
      what: 'image',
      id: row.id,
      request: request.id,
      status: range ? 206 : 200,
      headers: {
        ...headersOf(row),
        'content-type': imageType,
        ...(range
          ? { 'content-range': `bytes ${String(range.first)}-${String(range.end - 1)}/${String(row.image_bytes)}` }
          : {}),
      },
      trailers: range ? {} : { [digestHeader]: row.image_digest ?? '' },
      produce: (fd, signal) => context.ckpt.export(row.id, fd, { signal, frugal: true, ...(range ? { range } : {}) }),
    });
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

export const getCore: Operation = {
  id: 'getCore',
  method: 'GET',
  path: '/v1/checkpoints/{id}/core',
  summary: 'A checkpoint as an ELF core file, for debuggers',
  description:
    'Streamed and cut like an image; Content-Digest in the trailer. Memory that is not in the image is zeros.',
  scope: 'read',
  parameters,
  responses: { 200: { description: 'The core', type: imageType, schema: { type: 'string' } } },
  problems: ['missing', 'unsupported', 'damaged', 'busy'],
  run: async (context, request, reply) => {
    const { id } = await findCheckpoint(context, (request.params as { id: string }).id);
    await sendBytes(context, reply, {
      what: 'core',
      id,
      request: request.id,
      status: 200,
      headers: { 'content-type': imageType, 'cache-control': 'private, no-cache' },
      trailers: {},
      produce: async (fd, signal) => {
        await context.ckpt.core(id, fd, { signal });
      },
    });
    return undefined;
  },
};
