// SPDX-License-Identifier: Apache-2.0
//
// What every use of the image reader shares: its options from a log, progress and cancellation, and errors in words.
import { CkptError } from '../format/errors.js';
import { isCodecError, pageIdentity, type ImageReader, type PageIdentity } from '../codec/native.js';
import type { EventLog } from '../store/log.js';

const PROGRESS_INTERVAL_MS = 100;

export interface ReadingOptions {
  readonly level?: number;
  readonly threads?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (bytesRead: number) => void;
}

/** What the reader has to know of a log. */
export type SaltedLog = { readonly opened: Pick<EventLog['opened'], 'hash' | 'salt' | 'logId'> };

/** The part of the reader's options that the log and the settings decide. */
export function readerOptions(
  log: SaltedLog,
  { level, threads }: ReadingOptions,
): { identity: PageIdentity; logId: Buffer; level?: number; threads?: number } {
  return {
    identity: pageIdentity(log.opened),
    logId: Buffer.from(log.opened.logId, 'hex'),
    ...(level === undefined ? {} : { level }),
    ...(threads === undefined ? {} : { threads }),
  };
}

/** While a reader works: the signal closes it, and progress is reported. The function returned ends that and closes the reader. */
export function watch(reader: ImageReader, options: ReadingOptions): () => void {
  const stop = (): void => reader.close();
  options.signal?.addEventListener('abort', stop, { once: true });
  const ticker = setInterval(() => options.onProgress?.(reader.bytesRead), PROGRESS_INTERVAL_MS);
  return () => {
    clearInterval(ticker);
    options.signal?.removeEventListener('abort', stop);
    reader.close();
  };
}

/** One line for people: what was wrong with the image, and where. */
export function explain(error: unknown, signal: AbortSignal | undefined): Error {
  if (signal?.aborted) return new CkptError('cancelled', 'interrupted; nothing was kept', undefined, { cause: error });
  if (!isCodecError(error)) return error instanceof Error ? error : new Error(String(error));
  const kind = error.kind === 'image' || error.kind === 'pack' ? 'damaged' : 'failed';
  return new CkptError(kind, error.message, undefined, { cause: error });
}
