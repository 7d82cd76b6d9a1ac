// SPDX-License-Identifier: Apache-2.0
//
// `ckpt serve` as a process of its own, and a plain HTTP client that sees everything of an answer, its trailers too.
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request, type IncomingHttpHeaders, type IncomingMessage, type RequestOptions } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestStore } from './cli.js';
import type { TestProcess } from './processes.js';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly trailers: NodeJS.Dict<string>;
  readonly body: Buffer;
  /** False: the connection was cut before the answer's end. */
  readonly whole: boolean;
}

export interface AskOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
  /** JSON body, with its type. */
  readonly json?: unknown;
  readonly token?: string;
}

/** Collects an answer to its end, or to where it was cut. */
export async function collect(message: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  await new Promise<void>((resolve) => {
    message.on('data', (chunk: Buffer) => chunks.push(chunk));
    message.on('error', () => undefined); // what was cut is said by `whole`
    message.on('close', resolve);
    message.resume(); // it may have been paused
  });
  const { statusCode, headers, trailers, complete } = message;
  return { status: statusCode ?? 0, headers, trailers, body: Buffer.concat(chunks), whole: complete };
}

/** A running service over one store, on a Unix socket; with `tcp` on a loopback port too. */
export class TestService {
  private readonly dir = mkdtempSync(join(tmpdir(), 'ckpt-service-'));
  readonly socket = join(this.dir, 'sock');
  readonly #agent = new Agent({ keepAlive: true });
  process!: TestProcess;
  /** http://127.0.0.1:PORT, when asked for. */
  url = '';

  private constructor() {}

  static async start(store: TestStore, ...options: string[]): Promise<TestService> {
    const service = new TestService();
    service.process = store.start(['serve', '--listen', `unix:${service.socket}`, ...options]);
    await service.process.out.wait(/^http\+unix:/);
    return service;
  }

  /** The same with a loopback port. */
  static async startWithTcp(store: TestStore, ...options: string[]): Promise<TestService> {
    const service = new TestService();
    service.process = store.start(['serve', '--listen', `unix:${service.socket}`, '127.0.0.1:0', ...options]);
    service.url = await service.process.out.wait(/^http:/);
    return service;
  }

  get remote(): string {
    return `http+unix://${this.socket}`;
  }

  get pid(): number {
    return this.process.pid;
  }

  /** Options of node:http for a request to the socket, or with a token to the port. */
  options(path: string, { method = 'GET', headers = {}, token, json }: AskOptions = {}): RequestOptions {
    const { hostname, port } = this.url ? new URL(this.url) : { hostname: '', port: '' };
    return {
      ...(token === undefined ? { socketPath: this.socket } : { hostname, port }),
      path,
      method,
      agent: this.#agent,
      headers: {
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
    };
  }

  /** A request and the beginning of its answer. */
  open(path: string, options: AskOptions = {}): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const asked = request(this.options(path, options), resolve);
      asked.on('error', reject);
      asked.end(options.json === undefined ? options.body : JSON.stringify(options.json));
    });
  }

  /** A request and its whole answer. `token: ''` asks over TCP without one. */
  async ask(path: string, options: AskOptions = {}): Promise<Answer> {
    return collect(await this.open(path, options));
  }

  /** Finished requests of an operation. */
  async count(operation: string): Promise<number> {
    const text = (await this.ask('/metrics')).body.toString();
    return [...text.matchAll(new RegExp(`^ckpt_http_requests_total\\{operation="${operation}",.*\\} (\\d+)$`, 'gm'))]
      .map(([, value]) => Number(value))
      .reduce((a, b) => a + b, 0);
  }

  async json<T = Record<string, unknown>>(path: string, options: AskOptions = {}): Promise<T> {
    const { status, body } = await this.ask(path, options);
    if (status < 200 || status > 299) throw new Error(`${path}: ${status} ${body.toString()}`);
    return JSON.parse(body.toString()) as T;
  }

  /** Takes an image in; its id. */
  async ingest(image: Buffer, query = ''): Promise<string> {
    const headers = { 'content-type': 'application/octet-stream' };
    return (await this.json<{ id: string }>(`/v1/ingest${query}`, { method: 'POST', headers, body: image })).id;
  }

  /** Ends it in order; its exit code. */
  async stop(): Promise<number | null> {
    this.#agent.destroy();
    const { code } = await this.process.kill('SIGTERM');
    return code;
  }

  remove(): void {
    this.#agent.destroy();
    rmSync(this.dir, { recursive: true, force: true });
  }
}
