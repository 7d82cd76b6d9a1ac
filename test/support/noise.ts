// SPDX-License-Identifier: Apache-2.0
//
// Bytes that look random and are the same for the same seed.
import type { PageKind } from './image-generator.js';

export class Noise {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed ^ 0x9e3779b9) >>> 0;
  }

  /** 32 bits (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  below(limit: number): number {
    return this.next() % limit;
  }

  fill(buffer: Buffer): Buffer {
    let at = 0;
    for (; at + 4 <= buffer.length; at += 4) buffer.writeUInt32LE(this.next(), at);
    for (; at < buffer.length; at++) buffer[at] = this.next() & 255;
    return buffer;
  }

  bytes(count: number): Buffer {
    return this.fill(Buffer.alloc(count));
  }

  /** A path of so many bytes, its NUL included. */
  path(count: number): Buffer {
    const path = Buffer.alloc(count, 'x');
    path[0] = 0x2f;
    for (let i = 1; i < count - 1; i++) path[i] = 0x61 + this.below(26);
    path[count - 1] = 0;
    return path;
  }

  /** Never all zero; the first 64 bytes tell different contents apart. */
  fillPage(kind: Exclude<PageKind, 'zero'>, page: Buffer): void {
    if (kind === 'repeated') {
      new Noise(this.below(8)).fill(page);
    } else if (kind === 'text') {
      page.fill('a word of text, ');
      page.writeUInt32LE(this.next(), 0);
      page.writeUInt32LE(this.next(), 4);
    } else {
      this.fill(page);
    }
  }
}
