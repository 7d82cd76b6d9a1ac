// SPDX-License-Identifier: Apache-2.0
//
// Who asks, and whether they may. Looked at before anything else of a request, its route and its body included, so that a stranger
// learns nothing but that a token is needed.
import type { FastifyRequest } from 'fastify';
import type { Caller, Operation } from './operation.js';
import { HttpProblem } from './problems.js';
import { RateLimit } from './rate-limit.js';
import { scopes, type TokenVerifier } from './tokens.js';
import type { Limits } from './limits.js';
import type { Metrics } from './metrics.js';

/** Whoever may open a socket with mode 0600 is its owner, or root: they could read the store's files as well. */
const owner: Caller = { name: 'socket', scopes };

export class Access {
  readonly #rates = new RateLimit();

  constructor(
    private readonly tokens: TokenVerifier,
    private readonly limits: Limits,
    private readonly metrics: Metrics,
  ) {}

  /** The caller of a request. HttpProblem `unauthorized` or `rate-limited`. */
  identify(request: FastifyRequest, privateSocket: boolean): Caller {
    const header = request.headers.authorization;
    if (header === undefined && privateSocket) return owner;
    const from = request.raw.socket.remoteAddress ?? 'socket';
    const token = /^Bearer +([\x21-\x7e]+) *$/i.exec(header ?? '')?.[1];
    const found = header === undefined ? 'missing' : token === undefined ? 'unknown' : this.tokens.check(token);
    if (typeof found === 'string') {
      // Guessing is hopeless; this keeps it from being a load.
      this.#take(`refused ${from}`, this.limits.refusalsPerSecond);
      this.metrics.refusals.inc({ reason: found });
      const words = {
        missing: 'there is no bearer token',
        unknown: 'the token is not known',
        expired: 'the token has expired',
      };
      const challenge = found === 'missing' ? 'Bearer realm="ckpt"' : 'Bearer realm="ckpt", error="invalid_token"';
      throw new HttpProblem(
        'unauthorized',
        words[found],
        { 'www-authenticate': challenge },
        'ckpt token add makes one',
      );
    }
    this.#take(`token ${found.id}`, found.rate ?? this.limits.requestsPerSecond);
    return { name: `token ${found.id} (${found.name})`, scopes: found.scopes };
  }

  #take(key: string, perSecond: number): void {
    const seconds = this.#rates.take(key, perSecond);
    if (seconds === 0) return;
    this.metrics.refusals.inc({ reason: 'rate' });
    const retry = { 'retry-after': String(seconds) };
    throw new HttpProblem('rate-limited', `at most ${String(perSecond)} requests a second`, retry);
  }

  /** HttpProblem `forbidden`. */
  allow(caller: Caller, { scope }: Operation): void {
    if (scope === null || caller.scopes.includes(scope)) return;
    this.metrics.refusals.inc({ reason: 'scope' });
    throw new HttpProblem('forbidden', `the token lacks the scope ${scope}`, {
      'www-authenticate': `Bearer realm="ckpt", error="insufficient_scope", scope="${scope}"`,
    });
  }
}
