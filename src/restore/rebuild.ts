// SPDX-License-Identifier: Apache-2.0
//
// Catalog and packs back to an image, bit for bit. Every page is checked against its hash before it is written, and the whole
// against the sealed digest and length; what does not agree is damage and is named.
import { CkptError } from '../format/errors.js';
import {
  isCodecError,
  type ByteRange,
  type Codec,
  type ImageWriter,
  type PageIdentity,
  type StreamEvent,
} from '../codec/native.js';

/** Something that stays as it is until it is released. */
export interface Hold {
  release(): void;
}

/** Where packs are brought when they are needed. */
export interface PackSupply {
  /** Packs that may be open at once. */
  readonly openPacksMax: number;
  /** Makes a pack be there until it is released. StoreError. */
  readonly hold: (pack: string) => Promise<Hold>;
}

/** A sealed image as the catalog gives it. */
export interface StoredImage {
  readonly id: string;
  readonly bytes: number;
  /** Hex. */
  readonly digest: string;
  /** `record` and `pages` events in stream order, in bounded batches. */
  readonly events: () => Iterable<readonly StreamEvent[]>;
  /** Changes whenever pages have moved to other packs. */
  readonly packsMoved: () => string;
  /** Makes them be there until they are released. */
  readonly prepare: () => Promise<Hold>;
  /** Brings them one by one, as they are needed, in place of prepare(). */
  readonly supply?: PackSupply;
  /** Checkpoints that use a pack. */
  readonly touching: (pack: string) => readonly string[];
}

export interface RebuildEnvironment {
  readonly codec: Codec;
  readonly identity: PageIdentity;
  readonly packsDir: string;
  readonly threads?: number;
  /** As for the codec's writer. */
  readonly frugal?: boolean;
  /** See WriterOptions. */
  readonly trustPacks?: boolean;
  /** Only these bytes; the whole image's digest is not checked then, every page written is. */
  readonly range?: ByteRange;
  readonly signal?: AbortSignal;
  readonly onProgress?: (bytesWritten: number) => void;
}

const PROGRESS_INTERVAL_MS = 100;

/**
 * Writes an image to a descriptor (-1: nowhere, only verified). CkptError `damaged` names the checkpoint, and the pack where one
 * is at fault; `failed` is I/O.
 */
export async function rebuildImage(image: StoredImage, fd: number, env: RebuildEnvironment): Promise<void> {
  await withWriter(image, { ...env, fd }, async (writer) => {
    for (const batch of image.events()) await writer.push(batch);
    const whole = await writer.finish();
    if (whole.bytes !== image.bytes || (!env.range && whole.digest !== image.digest)) {
      throw new CkptError(
        'damaged',
        `checkpoint ${image.id} does not rebuild to what was sealed: ${String(whole.bytes)} bytes, digest ${whole.digest}; ` +
          `sealed ${String(image.bytes)} bytes, digest ${image.digest}`,
        'ckpt rebuild makes the catalog anew from the log',
      );
    }
  });
}

export interface WriterEnvironment extends RebuildEnvironment {
  readonly fd: number;
  /** See WriterOptions. */
  readonly segments?: Float64Array;
}

/** Work with a writer whose packs are there, with progress, cancelled by the signal; errors as rebuildImage() has them. */
export async function withWriter<T>(
  image: StoredImage,
  env: WriterEnvironment,
  work: (writer: ImageWriter) => Promise<T>,
): Promise<T> {
  env.signal?.throwIfAborted();
  // Whoever trusts packs has seen them, and reads their directories only.
  const supply = env.trustPacks ? undefined : image.supply;
  const held = supply || env.trustPacks ? undefined : await image.prepare();
  const { fd, identity, packsDir, threads, range, segments } = env;
  let missed: Error | undefined;
  const bring = (pack: string): void => {
    supply?.hold(pack).then(
      (hold) => {
        // It opens the file, which then stays without being held.
        writer.brought(pack);
        hold.release();
      },
      (error: unknown) => {
        missed ??= error as Error;
        writer.close();
      },
    );
  };
  const writer = env.codec.openWriter({
    fd,
    identity,
    packsDir,
    ...(threads === undefined ? {} : { threads }),
    ...(range === undefined ? {} : { range }),
    ...(segments === undefined ? {} : { segments }),
    frugal: env.frugal ?? false,
    trustPacks: env.trustPacks ?? false,
    ...(supply ? { bring, openPacksMax: supply.openPacksMax } : {}),
  });
  const stop = (): void => writer.close();
  env.signal?.addEventListener('abort', stop, { once: true });
  const ticker = setInterval(() => env.onProgress?.(writer.bytesWritten), PROGRESS_INTERVAL_MS);
  try {
    return await work(writer);
  } catch (error) {
    throw missed && !env.signal?.aborted ? missed : explain(error, image, env.signal);
  } finally {
    held?.release();
    clearInterval(ticker);
    env.signal?.removeEventListener('abort', stop);
    writer.close();
  }
}

function explain(error: unknown, image: StoredImage, signal: AbortSignal | undefined): Error {
  if (signal?.aborted) return new CkptError('cancelled', 'interrupted', undefined, { cause: error });
  if (!isCodecError(error)) return error instanceof Error ? error : new Error(String(error));
  const line = `checkpoint ${image.id}: ${error.message}`;
  switch (error.kind) {
    case 'pack': {
      const users = error.pack === undefined ? [] : image.touching(error.pack);
      return new CkptError('damaged', `${line}; the pack touches ${users.join(', ')}`, undefined, { cause: error });
    }
    case 'event':
      return new CkptError('damaged', line, 'ckpt rebuild makes the catalog anew from the log', { cause: error });
    case 'image':
    case 'io':
    case 'cancelled':
      return new CkptError('failed', error.message, undefined, { cause: error });
  }
}
