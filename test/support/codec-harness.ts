// SPDX-License-Identifier: Apache-2.0
//
// The codec without a log: images go in, packs to files, events to memory, and come out again.
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  type ImageSummary,
  loadCodec,
  packPath,
  type PageIdentity,
  type PageIndex,
  type ReaderOptions,
  type StreamEvent,
} from '../../src/codec/native.js';
import type { PageHash } from '../../src/format/events.js';

export interface IngestedImage {
  readonly events: StreamEvent[];
  readonly packs: string[];
  readonly summary: ImageSummary;
}

export class CodecHarness {
  readonly codec = loadCodec();
  readonly dir = mkdtempSync(join(tmpdir(), 'ckpt-codec-'));
  readonly packsDir = join(this.dir, 'packs');
  readonly identity: PageIdentity;
  readonly logId = randomBytes(16);
  index: PageIndex = this.codec.openIndex(this.packsDir);
  #files = 0;

  constructor(hash: PageHash = 'blake3') {
    this.identity = { hash, salt: randomBytes(32) };
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }

  file(): string {
    return join(this.dir, `file-${this.#files++}`);
  }

  readerOptions(fd: number, changes: Partial<ReaderOptions> = {}): ReaderOptions {
    return { fd, identity: this.identity, logId: this.logId, index: this.index, stream: false, ...changes };
  }

  /** The images of a descriptor, one without `stream: true`. */
  async ingestFd(fd: number, changes: Partial<ReaderOptions> = {}): Promise<IngestedImage[]> {
    const reader = this.codec.openReader(this.readerOptions(fd, changes));
    const images: IngestedImage[] = [];
    try {
      while (await reader.begin(`image-${images.length}`)) {
        const events: StreamEvent[] = [];
        const packs: string[] = [];
        let summary: ImageSummary | undefined;
        while (!summary) {
          const batch = await reader.next();
          for (const pack of batch.packs) {
            const path = packPath(this.packsDir, pack.id);
            mkdirSync(dirname(path), { recursive: true });
            writeFileSync(path, pack.bytes);
            packs.push(pack.id);
          }
          events.push(...batch.events);
          summary = batch.image;
        }
        images.push({ events, packs, summary });
      }
    } finally {
      reader.close();
    }
    return images;
  }

  async ingest(image: Buffer, changes: Partial<ReaderOptions> = {}): Promise<IngestedImage> {
    const path = this.file();
    writeFileSync(path, image);
    const fd = openSync(path, 'r');
    try {
      const [first] = await this.ingestFd(fd, changes);
      if (!first) throw new Error('no image');
      return first;
    } finally {
      closeSync(fd);
      rmSync(path);
    }
  }

  /** The image of its events. */
  async rebuild(events: readonly StreamEvent[]): Promise<{ image: Buffer; digest: string; pages: number }> {
    const path = this.file();
    const fd = openSync(path, 'w');
    const writer = this.codec.openWriter({ fd, identity: this.identity, packsDir: this.packsDir });
    try {
      for (let at = 0; at < events.length; at += 7) await writer.push(events.slice(at, at + 7));
      const { bytes, digest, pages } = await writer.finish();
      const image = readFileSync(path);
      if (bytes !== image.length) throw new Error(`${bytes} bytes said, ${image.length} written`);
      return { image, digest, pages };
    } finally {
      writer.close();
      closeSync(fd);
      rmSync(path);
    }
  }
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
