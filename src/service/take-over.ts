// SPDX-License-Identifier: Apache-2.0
import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';

/** The answer itself, for who streams it; headers that were set on the reply are set. From here on errors are the caller's. */
export function takeOver(reply: FastifyReply): ServerResponse {
  reply.hijack();
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) reply.raw.setHeader(name, value);
  }
  return reply.raw;
}
