// SPDX-License-Identifier: Apache-2.0
//
// The other end of `ckpt serve`: requests over a Unix socket, loopback or TLS, and its problem documents as errors of this project.
import { readFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { CkptError, type ErrorKind } from '../format/errors.js';
import { isLoopback } from '../service/listen-address.js';
import { parseExactly } from './exact-json.js';

export interface RemoteOptions {
  /** http+unix://PATH, https://HOST[:PORT], or http://LOOPBACK:PORT. */
  readonly url: string;
  /** Bearer token; a private Unix socket needs none. */
  readonly token?: string;
  /** Certificates (PEM) to trust in place of the system's. */
  readonly caFile?: string;
  /** File of keys: what comes from the service has to be sealed by one of them, once there is one. */
  readonly keys?: string;
}

export interface RequestExtras {
  readonly method?: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly json?: unknown;
  readonly body?: Readable;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** What the kinds of problems mean to whoever called; a status that is not here is a failure. */
const kinds: Readonly<Record<number, ErrorKind>> = {
  400: 'usage',
  404: 'missing',
  405: 'unsupported',
  413: 'usage',
  415: 'usage',
  416: 'usage',
  422: 'unsupported',
};

interface Problem {
  readonly type?: string;
  readonly title?: string;
  readonly detail?: string;
  readonly hint?: string;
}

/** How long a connection may take to come about; streams may stand still as long as they like. */
const CONNECT_MS = 30_000;

export class RemoteClient {
  readonly #target: RequestOptions & { readonly secure: boolean };

  /** CkptError `usage` when the URL is not one, or would send the token in the clear. */
  constructor(private readonly options: RemoteOptions) {
    this.#target = targetOf(options);
  }

  get url(): string {
    return this.options.url;
  }

  /** An answer with a status of success, its body not yet read. CkptError. */
  async open(path: string, extras: RequestExtras = {}): Promise<IncomingMessage> {
    const { method = 'GET', query = {}, json, body, headers = {}, signal } = extras;
    const search = new URLSearchParams(
      Object.entries(query).flatMap(([key, value]) =>
        value === undefined ? [] : [[key, String(value)] as [string, string]],
      ),
    ).toString();
    const { secure, ...target } = this.#target;
    const text = json === undefined ? undefined : JSON.stringify(json);
    const { token } = this.options;
    const message = await new Promise<IncomingMessage>((resolve, reject) => {
      const asked = (secure ? httpsRequest : httpRequest)(
        {
          ...target,
          // A connection of its own: one that idles may be closed just when it is used again, and not every request may be said twice.
          agent: false,
          path: search ? `${path}?${search}` : path,
          method,
          headers: {
            ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
            ...(text === undefined ? {} : { 'content-type': 'application/json' }),
            ...headers,
          },
          ...(signal ? { signal } : {}),
        },
        resolve,
      );
      asked.setTimeout(CONNECT_MS, () => {
        if (asked.socket?.connecting !== false) asked.destroy(new Error('no connection comes about'));
      });
      // An answer may come before the body is through: it says why. What the body does after that is of no interest.
      let answered = false;
      asked.on('response', () => (answered = true));
      asked.on('error', (cause) => {
        if (!answered) reject(this.#unreachable(cause, signal));
      });
      if (body) {
        body.on('error', (cause) => asked.destroy(cause));
        body.pipe(asked);
      } else asked.end(text);
    });
    const status = message.statusCode ?? 0;
    if (status >= 200 && status <= 299) return message;
    throw await this.#problem(message, status);
  }

  /** The JSON of an answer; whole numbers too large for a double are bigint. CkptError. */
  async json<T>(path: string, extras: RequestExtras = {}): Promise<T> {
    const message = await this.open(path, extras);
    return parseExactly(await this.#text(message)) as T;
  }

  /**
   * The lines of an answer (application/x-ndjson), each as soon as it is there. An answer that is cut ends in an error; whether it is whole, its
   * last line says. CkptError.
   */
  async *lines<T>(path: string, extras: RequestExtras = {}): AsyncGenerator<T> {
    const message = await this.open(path, extras);
    const lines = createInterface({ input: message.setEncoding('utf8'), crlfDelay: Infinity });
    try {
      for await (const text of lines) {
        const line = parseExactly(text) as T | { readonly problem: LateProblem };
        if (isProblem(line)) throw this.#errorOf(line.problem, line.problem.status ?? 500);
        yield line;
      }
    } catch (cause) {
      if (cause instanceof CkptError) throw cause;
      if (extras.signal?.aborted) throw new CkptError('cancelled', 'interrupted', undefined, { cause });
      throw this.cut(cause);
    } finally {
      lines.close();
      message.destroy();
    }
    if (!message.complete) throw this.cut();
  }

  /** An answer did not come to its end. */
  cut(cause?: unknown): CkptError {
    return new CkptError('failed', `${this.url}: the answer was cut`, undefined, { cause });
  }

  async #text(message: IncomingMessage): Promise<string> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of message as AsyncIterable<Buffer>) chunks.push(chunk);
    } catch (cause) {
      throw this.cut(cause);
    }
    return Buffer.concat(chunks).toString();
  }

  #unreachable(cause: Error, signal: AbortSignal | undefined): CkptError {
    if (signal?.aborted) return new CkptError('cancelled', 'interrupted', undefined, { cause });
    if (cause instanceof CkptError) return cause;
    return new CkptError('failed', `${this.url}: ${cause.message}`, 'is ckpt serve running there?', { cause });
  }

  async #problem(message: IncomingMessage, status: number): Promise<CkptError> {
    let problem: Problem = {};
    try {
      problem = JSON.parse(await this.#text(message)) as Problem;
    } catch {
      // Not a service of ours, or cut: the status has to do.
    }
    return this.#errorOf(problem, status);
  }

  #errorOf(problem: Problem, status: number): CkptError {
    const name = problem.type?.replace('/v1/problems/', '');
    const kind = name === 'invalid-image' || name === 'damaged' ? 'damaged' : (kinds[status] ?? 'failed');
    const words = problem.detail ?? problem.title ?? `HTTP status ${String(status)}`;
    return new CkptError(kind, `${this.url}: ${words}`, problem.hint);
  }
}

/** A problem document in the last line of an answer that had begun. */
type LateProblem = Problem & { readonly status?: number };

function isProblem(line: unknown): line is { readonly problem: LateProblem } {
  return typeof line === 'object' && line !== null && 'problem' in line;
}

function targetOf({ url, token, caFile }: RemoteOptions): RequestOptions & { readonly secure: boolean } {
  const socket = /^http\+unix:\/\/(\/.*)$/.exec(url)?.[1];
  if (socket !== undefined) return { secure: false, socketPath: decodeURI(socket), host: 'localhost' };
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const known = parsed && (parsed.protocol === 'http:' || parsed.protocol === 'https:');
  if (!known || parsed.pathname !== '/' || parsed.search || parsed.hash) {
    throw new CkptError(
      'usage',
      `--remote: '${url}' is not the address of a service`,
      'http+unix:///PATH, https://HOST:PORT or http://127.0.0.1:PORT',
    );
  }
  if (parsed.username || parsed.password) {
    throw new CkptError(
      'usage',
      '--remote: a token does not go into the address',
      'CKPT_REMOTE_TOKEN, or --token-file',
    );
  }
  const host = parsed.hostname.replace(/^\[|\]$/g, '');
  const secure = parsed.protocol === 'https:';
  if (!secure && !isLoopback(host)) {
    throw new CkptError('usage', `--remote: plain http only to loopback, not to ${host}`, 'https://');
  }
  if (token === undefined) {
    throw new CkptError('usage', `--remote ${url} needs a token`, 'CKPT_REMOTE_TOKEN, or --token-file FILE');
  }
  const ca = caFile === undefined ? {} : { ca: readFileSync(caFile) };
  return { secure, host, port: parsed.port === '' ? (secure ? 443 : 80) : Number(parsed.port), ...ca };
}
