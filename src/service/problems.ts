// SPDX-License-Identifier: Apache-2.0
//
// Everything that can go wrong over HTTP, as RFC 9457 problem documents. What a problem says is for strangers: no path of the store,
// nothing of an image's memory, no stack; the rest stands in the service's log, under the number of the request.
import { CkptError } from '../format/errors.js';

interface ProblemType {
  readonly status: number;
  readonly title: string;
}

/** All there are; `type` of a document is /v1/problems/NAME. Names never change their meaning. */
export const problemTypes = {
  'bad-request': { status: 400, title: 'The request is not valid' },
  unauthorized: { status: 401, title: 'A valid token is needed' },
  forbidden: { status: 403, title: 'The token does not allow this' },
  missing: { status: 404, title: 'There is no such thing' },
  'method-not-allowed': { status: 405, title: 'The method is not one of this resource' },
  'too-slow': { status: 408, title: 'The request came too slowly' },
  conflict: { status: 409, title: 'It cannot be done as things are' },
  'too-large': { status: 413, title: 'The request is too large' },
  'unsupported-media-type': { status: 415, title: 'The body has a type that is not known here' },
  'range-not-satisfiable': { status: 416, title: 'The range lies outside of the image' },
  'invalid-image': { status: 422, title: 'The body is not a valid image' },
  unrestorable: { status: 422, title: 'No task can be made from this image' },
  unsupported: { status: 422, title: 'This machine cannot do that' },
  'query-cut-off': { status: 422, title: 'The query took more than it may' },
  'rate-limited': { status: 429, title: 'Too many requests' },
  'headers-too-large': { status: 431, title: 'The headers are too large' },
  failed: { status: 500, title: 'It failed' },
  damaged: { status: 500, title: 'The image or the store is damaged' },
  busy: { status: 503, title: 'As much as may be is being done already' },
  stopping: { status: 503, title: 'The service is stopping' },
} as const satisfies Readonly<Record<string, ProblemType>>;

export type ProblemName = keyof typeof problemTypes;

/** The document. */
export interface ProblemDocument {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
  readonly hint?: string;
}

/** A refusal on purpose, with the words for the client. */
export class HttpProblem extends Error {
  constructor(
    readonly problem: ProblemName,
    /** One line for strangers. */
    readonly detail: string,
    readonly headers: Readonly<Record<string, string>> = {},
    readonly hint?: string,
  ) {
    super(detail);
  }
}

export function documentOf(name: ProblemName, detail?: string, hint?: string): ProblemDocument {
  const { title, status } = problemTypes[name];
  return {
    type: `/v1/problems/${name}`,
    title,
    status,
    ...(detail === undefined ? {} : { detail }),
    ...(hint === undefined ? {} : { hint }),
  };
}

/** Errors of fastify's own that say something about the request. */
const fastifyProblems: Readonly<Record<string, ProblemName>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported-media-type',
  FST_ERR_CTP_EMPTY_TYPE: 'unsupported-media-type',
  FST_ERR_CTP_BODY_TOO_LARGE: 'too-large',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'bad-request',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'bad-request',
  FST_ERR_VALIDATION: 'bad-request',
  FST_ERR_BAD_URL: 'bad-request',
  FST_ERR_MAX_PARAM_LENGTH: 'bad-request',
};

interface MaybeFastifyError {
  readonly code?: unknown;
  readonly validation?: unknown;
}

/** Takes the paths of the store out of a text. */
export type Redaction = (text: string) => string;

const TEXT_MAX = 500;

export function redaction(...secrets: readonly string[]): Redaction {
  const wanted = [...new Set(secrets)].filter((text) => text.length > 1).sort((a, b) => b.length - a.length);
  return (text) => {
    const hidden = wanted.reduce((rest, secret) => rest.replaceAll(secret, '(store)'), text);
    return hidden.length > TEXT_MAX ? `${hidden.slice(0, TEXT_MAX)}...` : hidden;
  };
}

/** Any error as a problem. `failed` and unknown errors say nothing of themselves. */
export function problemOf(error: unknown, redact: Redaction, requestId: string): HttpProblem {
  if (error instanceof HttpProblem) return error;
  if (error instanceof CkptError) return problemOfCkpt(error, redact, requestId);
  const { code, validation } = error as MaybeFastifyError;
  const known = typeof code === 'string' ? fastifyProblems[code] : undefined;
  if (known) return new HttpProblem(known, redact((error as Error).message));
  if (validation) return new HttpProblem('bad-request', redact((error as Error).message));
  return internal(requestId);
}

function internal(requestId: string): HttpProblem {
  return new HttpProblem('failed', `the service's log says why, under request ${requestId}`);
}

function problemOfCkpt(error: CkptError, redact: Redaction, requestId: string): HttpProblem {
  const problem = (name: ProblemName): HttpProblem =>
    new HttpProblem(name, redact(error.message), {}, error.hint === undefined ? undefined : redact(error.hint));
  switch (error.kind) {
    case 'usage':
      return problem('bad-request');
    case 'missing':
      return problem('missing');
    case 'damaged':
      return problem('damaged');
    case 'unsupported':
      return problem('unsupported');
    case 'cancelled':
      return new HttpProblem('stopping', 'the work was cancelled; nothing half is left');
    case 'failed':
      return internal(requestId);
  }
}
