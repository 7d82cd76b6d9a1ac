// SPDX-License-Identifier: Apache-2.0
//
// Images between a service and a descriptor, whole or not at all.
import { createHash } from 'node:crypto';
import { write } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { CkptError } from '../format/errors.js';

const writeSome = promisify(write);

const PROGRESS_BYTES = 1 << 20;

/**
 * Writes the body of an image's answer to a descriptor. Resolves only when the service said at the end that it sent all of it, and it
 * arrived as it was sent. CkptError `damaged`, `failed` or `cancelled`.
 */
export async function receiveImage(
  message: IncomingMessage,
  fd: number,
  onProgress: ((bytes: number) => void) | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  const digest = createHash('sha256');
  let bytes = 0;
  let reported = 0;
  try {
    for await (const chunk of message as AsyncIterable<Buffer>) {
      signal?.throwIfAborted();
      digest.update(chunk);
      await writeAll(fd, chunk);
      bytes += chunk.length;
      if (bytes - reported < PROGRESS_BYTES) continue;
      reported = bytes;
      onProgress?.(bytes);
    }
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
}

/** Waits where there is no room. */
export async function writeAll(fd: number, chunk: Buffer): Promise<void> {
  for (let at = 0; at < chunk.length;) at += (await writeSome(fd, chunk, at)).bytesWritten;
}
