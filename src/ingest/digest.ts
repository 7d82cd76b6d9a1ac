// SPDX-License-Identifier: Apache-2.0
import type { Codec, ImageSummary } from '../codec/native.js';
import { explain, readerOptions, watch, type SaltedLog } from './reading.js';

export interface DigestEnvironment {
  readonly codec: Codec;
  /** The log whose hash and salt count. */
  readonly log: SaltedLog;
  readonly threads?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (bytesRead: number) => void;
}

/** Reads one image and says what it comes to, digest included; nothing is kept. */
export async function digestImage(fd: number, env: DigestEnvironment): Promise<ImageSummary> {
  const reader = env.codec.openReader({ ...readerOptions(env.log, env), fd, index: null, stream: false });
  const end = watch(reader, env);
  try {
    await reader.begin('');
    for (;;) {
      const { image } = await reader.next();
      if (image) return image;
    }
  } catch (error) {
    throw explain(error, env.signal);
  } finally {
    end();
  }
}
