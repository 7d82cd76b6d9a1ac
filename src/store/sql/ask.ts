// SPDX-License-Identifier: Apache-2.0
//
// A query in a process of its own, which is killed when it takes too long, needs too much memory, or is not wanted any more.
// better-sqlite3 keeps its thread until a row is found, so nothing less than a process can be stopped.
import { spawn, type ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { deserialize } from 'node:v8';
import type { SqlValue } from '../catalog/sql.js';
import { StoreError } from '../errors.js';
import {
  FRAME_LENGTH_BYTES,
  FRAMES_FD,
  QUERY_FILE_BYTES_MAX,
  QUERY_MEMORY_BYTES_MAX,
  type SqlMessage,
  type SqlRequest,
} from './protocol.js';

/** A process is JavaScript, also where a test runner loads this file as TypeScript. */
const program = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../../../dist/store/sql/child.js' : './child.js', import.meta.url),
);

/**
 * Only RLIMIT_DATA counts what a process has and not what V8 has put aside; a shell is the one way to set it from here. POSIX counts -f in
 * blocks of 512 bytes.
 */
const limited = 'ulimit -d "$1" 2>/dev/null; ulimit -f "$2" 2>/dev/null; shift 2; exec "$@"';

export const QUERY_TIMEOUT_MS = 60_000;

export interface AskOptions {
  /** Milliseconds that the query itself may take, not counting the time in which nobody asks for rows. 0: as long as it likes. */
  readonly timeoutMs?: number;
  /** Bytes that a temporary file of the query may come to. */
  readonly fileBytesMax?: number;
}

export interface SqlAnswer {
  /** Names of the columns, in order; they may repeat. */
  readonly columns: readonly string[];
  /** Batches of rows as they are found; leaving the iteration ends the query. StoreError `query` or `failed`. */
  readonly batches: AsyncIterableIterator<readonly (readonly SqlValue[])[]>;
}

/** Resolves when the first row is about to be looked for. StoreError `query` when the statement is not valid or does not only read. */
export async function askSql(request: SqlRequest, options: AskOptions = {}): Promise<SqlAnswer> {
  const { timeoutMs = QUERY_TIMEOUT_MS, fileBytesMax = QUERY_FILE_BYTES_MAX } = options;
  const process = new QueryProcess(request, timeoutMs, fileBytesMax);
  try {
    const first = await process.next();
    if (first.kind !== 'columns') throw new Error(`a query began with ${first.kind}`);
    return { columns: first.columns, batches: batchesOf(process) };
  } catch (error) {
    process.kill();
    throw error;
  }
}

async function* batchesOf(process: QueryProcess): AsyncGenerator<readonly (readonly SqlValue[])[]> {
  try {
    for (;;) {
      const message = await process.next();
      if (message.kind === 'end') return;
      if (message.kind === 'rows') yield message.rows;
    }
  } finally {
    process.kill();
  }
}

class QueryProcess {
  private readonly child: ChildProcess;
  private readonly frames: AsyncIterator<Buffer>;
  private readonly exit: Promise<string>;
  private stderr = '';
  private readonly received: Buffer[] = [];
  private receivedBytes = 0;
  private leftMs: number;

  constructor(
    request: SqlRequest,
    private readonly timeoutMs: number,
    fileBytesMax: number,
  ) {
    this.leftMs = timeoutMs;
    const limits = [QUERY_MEMORY_BYTES_MAX / 1024, Math.floor(fileBytesMax / 512)].map(String);
    const child = spawn('/bin/sh', ['-c', limited, 'sh', ...limits, process.execPath, program], {
      stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    this.exit = new Promise((resolve) => {
      child.on('error', (error) => resolve(error.message));
      child.on('exit', (code, signal) => resolve(signal ?? `exit code ${String(code)}`));
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr = (this.stderr + text).slice(0, 4096);
    });
    // Its end is seen on the descriptor of the frames.
    child.stdin?.on('error', () => undefined);
    child.stdin?.write(`${JSON.stringify(request)}\n`);
    this.frames = (child.stdio[FRAMES_FD] as Readable)[Symbol.asyncIterator]();
  }

  /** The next message. An `error` is thrown as a StoreError, and so is an end without one. */
  async next(): Promise<SqlMessage> {
    for (;;) {
      const message = this.takeFrame();
      if (message?.kind === 'error') throw new StoreError(message.error);
      if (message) return message;
      const chunk = await this.withinTime(this.frames.next());
      if (chunk.done) throw await this.died();
      this.received.push(chunk.value);
      this.receivedBytes += chunk.value.length;
    }
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }

  private takeFrame(): SqlMessage | undefined {
    const length = this.firstBytes(FRAME_LENGTH_BYTES);
    if (!length) return undefined;
    const end = FRAME_LENGTH_BYTES + length.readUInt32LE(0);
    const frame = this.firstBytes(end);
    if (!frame) return undefined;
    this.received[0] = frame.subarray(end);
    this.receivedBytes -= end;
    return deserialize(frame.subarray(FRAME_LENGTH_BYTES, end)) as SqlMessage;
  }

  /** What was received, in one piece, once it has so many bytes. */
  private firstBytes(bytes: number): Buffer | undefined {
    if (this.receivedBytes < bytes) return undefined;
    const [first] = this.received;
    if (first && first.length >= bytes) return first;
    const whole = Buffer.concat(this.received);
    this.received.splice(0, Infinity, whole);
    return whole;
  }

  private async withinTime<T>(work: Promise<T>): Promise<T> {
    if (this.timeoutMs === 0) return work;
    const started = performance.now();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(this.cutOff()), Math.max(0, this.leftMs));
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
      this.leftMs -= performance.now() - started;
    }
  }

  private cutOff(): StoreError {
    return new StoreError({
      reason: 'failed',
      operation: 'sql',
      place: 'query',
      problem: `cut off after ${this.timeoutMs / 1000} s`,
      hint: 'ckpt sql --timeout SECONDS allows more, 0 as long as it takes',
    });
  }

  private async died(): Promise<StoreError> {
    const end = await this.exit;
    const words = this.stderr.includes('heap') || end === 'SIGABRT' || end === 'exit code 134';
    const problem = words
      ? `needs more than ${QUERY_MEMORY_BYTES_MAX >> 20} MiB of memory`
      : `its process ended early (${end}) ${this.stderr.split('\n')[0] ?? ''}`.trim();
    return new StoreError({ reason: 'failed', operation: 'sql', place: 'query', problem });
  }
}
