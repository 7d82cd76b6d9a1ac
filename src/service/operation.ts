// SPDX-License-Identifier: Apache-2.0
//
// One operation of the service: its route, what it takes and gives as JSON schemas, who may, and the code. Routes, validation and the
// OpenAPI document are all made from these, so that none can say what another does not.
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { Ckpt } from '../ckpt.js';
import type { Codec } from '../codec/native.js';
import type { EventHub } from './event-hub.js';
import type { Limits } from './limits.js';
import type { Metrics } from './metrics.js';
import type { ProblemName, Redaction } from './problems.js';
import type { Scope } from './tokens.js';
import type { WorkInProgress } from './work.js';

/** A JSON schema of dialect 2020-12. */
export interface Schema {
  readonly [keyword: string]: unknown;
}

/** What operations work with. */
export interface ServiceContext {
  readonly ckpt: Ckpt;
  readonly codec: Codec;
  readonly log: Logger;
  readonly limits: Limits;
  readonly metrics: Metrics;
  readonly work: WorkInProgress;
  readonly events: EventHub;
  readonly redact: Redaction;
  /** The OpenAPI document. */
  readonly document: () => unknown;
}

export interface ResponseDescription {
  readonly description: string;
  /** Media type and schema; none: no body. Text and bytes have a schema of type string. */
  readonly type?: string;
  readonly schema?: Schema;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Operation {
  /** operationId. */
  readonly id: string;
  readonly method: 'GET' | 'HEAD' | 'POST' | 'DELETE';
  /** With parameters in braces. */
  readonly path: string;
  readonly summary: string;
  readonly description?: string;
  /** null: any valid token will do. */
  readonly scope: Scope | null;
  readonly parameters?: Readonly<Record<string, Schema>>;
  /** Parameters of the query; all may be left out. */
  readonly query?: Readonly<Record<string, Schema>>;
  readonly headers?: Readonly<Record<string, Schema>>;
  readonly body?: { readonly types: readonly string[]; readonly schema?: Schema; readonly required: boolean };
  readonly responses: Readonly<Record<number, ResponseDescription>>;
  /** Beside those that every operation may answer. */
  readonly problems?: readonly ProblemName[];
  /** What it returns is sent as JSON; undefined: it has answered by itself. */
  run(context: ServiceContext, request: FastifyRequest, reply: FastifyReply): Promise<unknown>;
}

/** Who asks, as far as the service knows. */
export interface Caller {
  /** `token ID (NAME)`, or `socket`: whoever may open the private Unix socket. */
  readonly name: string;
  readonly scopes: readonly Scope[];
}

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller | undefined;
  }
}
