// SPDX-License-Identifier: Apache-2.0
//
// Images between a service and a descriptor, whole or not at all.
import { createHash } from 'node:crypto';
import { fstatSync, ftruncateSync, write } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { CkptError } from '../format/errors.js';

const writeSome = promisify(write);

const PROGRESS_BYTES = 1 << 20;

/**
 * Writes the body of an image's answer to a descriptor. Resolves to its bytes only when the service said at the end that it sent all of it,
 * and it arrived as it was sent. `sparse`: zeros are left out of files. CkptError `damaged`, `failed` or `cancelled`.
 */
export async function receiveImage(
  message: IncomingMessage,
  fd: number,
  onProgress: ((bytes: number) => void) | undefined,
  signal: AbortSignal | undefined,
  sparse = false,
): Promise<number> {
  const digest = createHash('sha256');
  let bytes = 0;
  let reported = 0;
  const holes = sparse && fstatSync(fd).isFile();
  try {
    for await (const chunk of message as AsyncIterable<Buffer>) {
      signal?.throwIfAborted();
      digest.update(chunk);
      if (holes) await writeSparse(fd, chunk, bytes);
      else await writeAll(fd, chunk);
      bytes += chunk.length;
      if (bytes - reported < PROGRESS_BYTES) continue;
      reported = bytes;
      onProgress?.(bytes);
    }
    if (holes) ftruncateSync(fd, bytes);
  } catch (cause) {
    if (signal?.aborted) throw new CkptError('cancelled', 'interrupted', undefined, { cause });
    if ((cause as NodeJS.ErrnoException).syscall === 'write') {
      throw new CkptError('failed', `cannot write the image: ${(cause as Error).message}`, undefined, { cause });
    }
    const hint = "the service's log says why: a damaged store, or its end";
    throw new CkptError('failed', `the image was cut after ${String(bytes)} bytes`, hint, { cause });
  }
  const sent = message.trailers['content-digest'];
  if (sent !== `sha-256=:${digest.digest('base64')}:`) {
    throw new CkptError('damaged', 'the image did not arrive as it was sent');
  }
  return bytes;
}

const HOLE_BYTES = 4096;
const zeros = Buffer.alloc(HOLE_BYTES);

/** Blocks of zeros stay holes; the file's end is for the caller to set. */
async function writeSparse(fd: number, chunk: Buffer, position: number): Promise<void> {
  const isHole = (at: number): boolean =>
    (position + at) % HOLE_BYTES === 0 &&
    at + HOLE_BYTES <= chunk.length &&
    zeros.compare(chunk, at, at + HOLE_BYTES) === 0;
  for (let at = 0; at < chunk.length;) {
    let end = at;
    while (end < chunk.length && !isHole(end)) {
      end = Math.min(chunk.length, end + HOLE_BYTES - ((position + end) % HOLE_BYTES));
    }
    while (at < end) at += (await writeSome(fd, chunk, at, end - at, position + at)).bytesWritten;
    while (isHole(at)) at += HOLE_BYTES;
  }
}

const FULL_PIPE_MS = 2;

/** Waits where there is no room, also in a pipe that others have made non-blocking. */
export async function writeAll(fd: number, chunk: Buffer): Promise<void> {
  for (let at = 0; at < chunk.length;) {
    try {
      at += (await writeSome(fd, chunk, at)).bytesWritten;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      await sleep(FULL_PIPE_MS);
    }
  }
}
