// SPDX-License-Identifier: Apache-2.0
//
// Images as the tests of damage need them: where each record begins, and repeatable ways to break them. A walker of its own, written
// from the specification: the reader under test does not get to say where its records are.
import { execFileSync } from 'node:child_process';

export interface RecordAt {
  /** Byte offset of the record's header. */
  readonly offset: number;
  /** Bytes of header, payload and raw bytes together. */
  readonly bytes: number;
  readonly type: number;
}

const V1_RAW = { THREAD: 102, VMA: 202, STR: 2, MM_CONTEXT: 203, TAIL: 5001, TAIL2: 5002 };
const HEADER_V1 = 8;
const HEADER_V2 = 16;
const PAGE = 4096;

/** The records of a whole image, in order. */
export function records(image: Buffer): RecordAt[] {
  return image.readUInt16LE(HEADER_V1 + 10) === 1 ? recordsV1(image) : recordsV2(image);
}

function recordsV1(image: Buffer): RecordAt[] {
  const found: RecordAt[] = [];
  let at = 0;
  let pagesAfterName = 0;
  for (;;) {
    const type = image.readInt16LE(at);
    const length = image.readInt16LE(at + 2);
    const payload = at + HEADER_V1;
    let raw = 0;
    if (type === V1_RAW.THREAD) raw = image.readInt16LE(payload + 2);
    if (type === V1_RAW.MM_CONTEXT) raw = image.readInt16LE(payload) * image.readInt16LE(payload + 2);
    if (type === V1_RAW.VMA) {
      const pages = image.readInt16LE(payload + 48);
      if (image.readInt16LE(payload + 50) > 0) pagesAfterName = pages;
      else raw = pages * (8 + PAGE);
    }
    if (type === V1_RAW.STR) raw = pagesAfterName * (8 + PAGE);
    const bytes = HEADER_V1 + length + raw;
    found.push({ offset: at, bytes, type });
    at += bytes;
    if (type === V1_RAW.TAIL) return found;
  }
}

function recordsV2(image: Buffer): RecordAt[] {
  const head = HEADER_V1 + image.readInt16LE(2);
  const found: RecordAt[] = [{ offset: 0, bytes: head, type: image.readInt16LE(0) }];
  let at = head;
  for (;;) {
    const type = image.readUInt32LE(at);
    const bytes = HEADER_V2 + image.readUInt32LE(at + 8);
    found.push({ offset: at, bytes, type });
    at += bytes;
    if (type === V1_RAW.TAIL2) return found;
  }
}

/** xorshift32: the same numbers from the same seed, for ever. */
export class Random {
  private state: number;

  constructor(readonly seed: number) {
    this.state = seed >>> 0 || 1;
  }

  /** 0 <= result < bound. */
  below(bound: number): number {
    this.state ^= this.state << 13;
    this.state >>>= 0;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    this.state >>>= 0;
    return Math.floor((this.state / 2 ** 32) * bound);
  }
}

/** Seed of this run: CKPT_TEST_SEED to replay one, printed by each test that draws from it. */
export const seed = Number(process.env['CKPT_TEST_SEED'] ?? Date.now() % 2 ** 31);

/** SHA-256 of a file, hex, by coreutils: no code of this project. */
export function sha256sum(path: string): string {
  return execFileSync('sha256sum', [path]).toString().slice(0, 64);
}
