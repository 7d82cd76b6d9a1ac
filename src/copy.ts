// SPDX-License-Identifier: Apache-2.0
//
// A checkpoint from one store into another: exported into a pipe, every page verified, and ingested from it. Hashes are salted by
// their log, so pages are hashed anew.
import { closeSync } from 'node:fs';
import type { Codec } from './codec/native.js';
import { CkptError } from './format/errors.js';
import { ingestImages, type IngestEnvironment, type IngestResult, type IngestSource } from './ingest/ingest.js';
import type { OriginSeals } from './store-seals.js';
import type { CheckpointRow } from './store/index.js';

/** Where a copy comes from. */
export interface CopyOrigin extends OriginSeals {
  /** Writes the image. */
  readonly fill: (fd: number) => Promise<void>;
  readonly tags: readonly string[];
}

/** What the copy keeps of the original beside the image. */
export function copySource(row: CheckpointRow, keepId: boolean): Omit<IngestSource, 'fd' | 'stream'> {
  return {
    origin: row.source === 'save' ? 'save' : 'ingest',
    name: row.name,
    ...(keepId ? { id: row.id } : {}),
    ...(row.created_at === null ? {} : { createdAt: row.created_at }),
    frozenMs: () => Promise.resolve(row.frozen_ms),
  };
}

/** `fill` writes the image. The copy is sealed only when it was written to its end. */
export async function ingestCopy(
  codec: Codec,
  fill: (fd: number) => Promise<void>,
  source: Omit<IngestSource, 'fd' | 'stream'>,
  env: IngestEnvironment,
): Promise<IngestResult> {
  const { readFd, writeFd } = codec.pipe();
  let open = true;
  const filled = fill(writeFd).finally(() => closeSync(writeFd));
  filled.catch(() => undefined); // reported below
  try {
    const images = ingestImages({ ...source, fd: readFd, stream: false, beforeSeal: () => filled }, env);
    for await (const image of images) return image;
    throw new CkptError('failed', 'the copy came without an image');
  } catch (error) {
    // A damaged original says more than the torn copy that it made.
    closeReading();
    const cause = await filled.catch((reason: unknown) => reason);
    throw cause instanceof CkptError && cause.kind === 'damaged' ? cause : error;
  } finally {
    closeReading();
  }

  function closeReading(): void {
    if (open) closeSync(readFd);
    open = false;
  }
}
