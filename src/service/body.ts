// SPDX-License-Identifier: Apache-2.0
//
// Bodies of requests, as they come: bounded in bytes, and in how slowly they may come. A client that stands still, or that sends a
// byte now and then to keep its place, is given up; time in which the service itself is busy does not count against it.
import type { IncomingMessage } from 'node:http';
import { HttpProblem } from './problems.js';

export interface BodyLimits {
  readonly bytesMax: number;
  /** Milliseconds that it may stand still. */
  readonly stallMs: number;
  /** What it has to bring on average while it is waited for, beyond stallMs. */
  readonly bytesPerSecondMin: number;
}

const LATE = Symbol('late');

/** The chunks of a body. HttpProblem `too-large` or `too-slow`; Error when the client has gone. */
export async function* bodyChunks(message: IncomingMessage, limits: BodyLimits): AsyncGenerator<Buffer> {
  const announced = Number(message.headers['content-length'] ?? 0);
  if (announced > limits.bytesMax) throw tooLarge(limits);
  const chunks = message.iterator({ destroyOnReturn: false })[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let bytes = 0;
  let waitedMs = 0;
  for (;;) {
    const allowedMs = Math.min(limits.stallMs, limits.stallMs + (bytes / limits.bytesPerSecondMin) * 1000 - waitedMs);
    const started = performance.now();
    const next = await within(chunks.next(), allowedMs);
    waitedMs += performance.now() - started;
    if (next === LATE) throw new HttpProblem('too-slow', 'the body came too slowly', { connection: 'close' });
    if (next.done) return;
    bytes += next.value.length;
    if (bytes > limits.bytesMax) throw tooLarge(limits);
    yield next.value;
  }
}

function tooLarge({ bytesMax }: BodyLimits): HttpProblem {
  return new HttpProblem('too-large', `the body may have ${String(bytesMax)} bytes`, { connection: 'close' });
}

async function within<T>(promise: Promise<T>, ms: number): Promise<T | typeof LATE> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<typeof LATE>((resolve) => {
    timer = setTimeout(resolve, Math.max(1, ms), LATE);
  });
  promise.catch(() => undefined); // when it is late, nobody else looks
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** How long a client may take to read an answer that came before its body was through. */
const LINGER_MS = 2000;

/**
 * For a body that is not read to its end. A connection that is closed while more comes is reset, and a client that still writes learns only
 * of that, and not the answer. So after the answer only this side's end is closed, and the rest when the client hangs up, or soon;
 * what comes until then is thrown away.
 */
export function lingerUnread(message: IncomingMessage): void {
  const { socket } = message;
  socket.destroySoon = () => {
    socket.end();
    message.removeAllListeners('readable');
    message.resume();
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once('close', () => clearTimeout(timer));
  };
}

/** A small body, whole. */
export async function wholeBody(message: IncomingMessage, limits: BodyLimits): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of bodyChunks(message, limits)) chunks.push(chunk);
  return Buffer.concat(chunks);
}
