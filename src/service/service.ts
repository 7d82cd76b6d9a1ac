// SPDX-License-Identifier: Apache-2.0
//
// The running service: an application on its sockets, and its end in order. Work begins only while it runs; when it stops, the sockets
// close first, running work may finish within the grace time, and what is cut then is cut so that its client can see it.
import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { Ckpt } from '../ckpt.js';
import { loadCodec } from '../codec/native.js';
import { CkptError } from '../format/errors.js';
import { Access } from './access.js';
import { buildApplication } from './application.js';
import { EventHub } from './event-hub.js';
import type { Limits } from './limits.js';
import type { ListenAddress } from './listen-address.js';
import { openListener, type Listener, type TlsFiles } from './listener.js';
import { Metrics } from './metrics.js';
import { openApiDocument } from './openapi.js';
import type { ServiceContext } from './operation.js';
import { operations } from './operations.js';
import { redaction } from './problems.js';
import { TokenVerifier } from './tokens.js';
import { WorkInProgress } from './work.js';

export interface ServiceOptions {
  /** Stays the caller's; it is not closed here. */
  readonly ckpt: Ckpt;
  readonly log: Logger;
  readonly limits: Limits;
  readonly addresses: readonly ListenAddress[];
  readonly tls?: TlsFiles;
}

/** Verifications and collections that run or wait for their turn. */
const KEEPING_MAX = 16;

export class Service {
  private constructor(
    private readonly app: FastifyInstance,
    private readonly context: ServiceContext,
    /** Where it listens. */
    readonly listeners: readonly Listener[],
  ) {}

  /** Resolves when it listens everywhere. CkptError; nothing listens then. */
  static async start(options: ServiceOptions): Promise<Service> {
    const { ckpt, log, limits } = options;
    const work = new WorkInProgress({
      image: limits.imagesMax,
      ingest: limits.ingestsMax,
      restart: limits.restartsMax,
      sql: limits.queriesMax,
      keeping: KEEPING_MAX,
    });
    const events = new EventHub();
    const metrics = new Metrics(work, () => events.size);
    const dir = resolve(ckpt.dir);
    const redact = redaction(ckpt.dir, dir, realpathSync(dir));
    const document = openApiDocument(operations);
    const context: ServiceContext = {
      ckpt,
      codec: loadCodec(),
      log,
      limits,
      metrics,
      work,
      events,
      redact,
      document: () => document,
    };
    const tokens = new TokenVerifier(dir);
    const listeners: Listener[] = [];
    const isPrivate = (request: FastifyRequest): boolean => {
      const { server } = request.raw.socket as unknown as { readonly server?: unknown };
      return listeners.some((listener) => listener.server === server && listener.private);
    };
    const app = await buildApplication({ context, access: new Access(tokens, limits, metrics), isPrivate });
    const service = new Service(app, context, listeners);
    try {
      for (const address of options.addresses) {
        listeners.push(
          await openListener({
            address,
            tls: options.tls,
            limits,
            handler: (request, response) => app.routing(request, response),
          }),
        );
      }
      ckpt.warmUp();
      if (!listeners.length) throw new CkptError('usage', 'there is nothing to listen on');
    } catch (error) {
      await service.stop();
      throw error;
    }
    return service;
  }

  /** Takes no new work, lets running work finish or cuts it, and closes. Resolves when all is quiet. */
  async stop(): Promise<void> {
    const { work, events, limits } = this.context;
    const closed = this.listeners.map(({ server }) => new Promise<void>((resolve) => server.close(() => resolve())));
    const idle = work.stop(limits.graceMs);
    events.stop();
    for (const { server } of this.listeners) server.closeIdleConnections();
    await idle;
    // Answers on their way may leave; connections that only wait are closed.
    for (const { server } of this.listeners) server.closeIdleConnections();
    const rest = setTimeout(() => {
      for (const { server } of this.listeners) server.closeAllConnections();
    }, LAST_WORDS_MS);
    await Promise.all(closed);
    clearTimeout(rest);
    await this.app.close();
  }
}

/** For answers that are written but not yet taken when all work has ended. */
const LAST_WORDS_MS = 1000;
