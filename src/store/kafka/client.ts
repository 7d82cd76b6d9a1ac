// SPDX-License-Identifier: Apache-2.0
//
// The store's side of the thread that talks to Kafka.
import { Worker } from 'node:worker_threads';
import { StoreError } from '../errors.js';
import type { CallName, Calls, Parcel, Reply, Request, WorkerData } from './protocol.js';
import { kafkaPlace, type KafkaSettings } from './url.js';

const CLOSE_MS = 2000;

interface Waiting {
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
}

/** A worker is JavaScript, also where a test runner loads this file as TypeScript. */
const program = new URL(
  import.meta.url.endsWith('.ts') ? '../../../dist/store/kafka/worker.js' : './worker.js',
  import.meta.url,
);

export class KafkaClient {
  private readonly worker: Worker;
  private readonly waiting = new Map<number, Waiting>();
  private readonly place: string;
  private calls = 0;
  private ended: Error | undefined;

  constructor(settings: KafkaSettings) {
    this.place = kafkaPlace(settings);
    this.worker = new Worker(program, { workerData: { settings } satisfies WorkerData, stdout: true, stderr: true });
    // Nothing of the library's own words reaches the terminal; what went wrong is in the answers.
    this.worker.stdout.resume();
    this.worker.stderr.resume();
    this.worker.on('message', (reply: Reply) => this.take(reply));
    this.worker.on('error', (error) => this.fail(error));
    this.worker.on('exit', () => this.fail(new Error('the connection is closed')));
    // Only what is awaited keeps the process alive.
    this.worker.unref();
  }

  /** StoreError. */
  async call<N extends CallName>(name: N, args: Calls[N]['args']): Promise<Calls[N]['result']> {
    const parcel = (args as { messages?: Parcel }).messages;
    return this.request<Calls[N]['result']>(name, args, parcel ? [parcel.bytes.buffer as ArrayBuffer] : []);
  }

  async close(): Promise<void> {
    if (!this.ended) {
      let timer: NodeJS.Timeout | undefined;
      const patience = new Promise((resolve) => {
        timer = setTimeout(resolve, CLOSE_MS);
      });
      await Promise.race([this.request<unknown>('close', undefined, []).catch(() => undefined), patience]);
      clearTimeout(timer);
    }
    await this.worker.terminate();
  }

  private request<T>(name: Request['name'], args: unknown, transfer: ArrayBuffer[]): Promise<T> {
    if (this.ended) return Promise.reject(this.ended);
    const id = ++this.calls;
    return new Promise<T>((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.ref();
      this.worker.postMessage({ id, name, args } satisfies Request, transfer);
    });
  }

  private take({ id, result, error }: Reply): void {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    if (this.waiting.size === 0) this.worker.unref();
    if (error) waiting?.reject(new StoreError(error));
    else waiting?.resolve(result as never);
  }

  private fail(cause: Error): void {
    this.ended ??= new StoreError({
      reason: 'failed',
      operation: 'use',
      place: this.place,
      problem: cause.message,
      cause,
    });
    for (const { reject } of this.waiting.values()) reject(this.ended);
    this.waiting.clear();
  }
}
