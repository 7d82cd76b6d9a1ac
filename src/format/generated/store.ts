// SPDX-License-Identifier: Apache-2.0
// Generated from format/store.mjs by format/generate.mjs. Do not edit: npm run generate

function text(buffer: Buffer, at: number, bytes: number): string {
  const end = buffer.subarray(at, at + bytes).indexOf(0);
  return buffer.toString('latin1', at, at + (end < 0 ? bytes : end));
}

/** pack_header.version */
export const PACK_VERSION = 1;
/** a pack is closed before its frames pass this many stored bytes */
export const PACK_STORED_BYTES_MAX = 0x000dbba0;
/** or this many bytes of pages */
export const PACK_RAW_BYTES_MAX = 0x00800000;
/** PACK_RAW_BYTES_MAX in pages */
export const PACK_PAGES_MAX = 2048;
/** pages of one frame; the last frame of a pack may have fewer */
export const FRAME_PAGES = 8;
/** frame table: this bit says that the frame is stored as it is, not compressed */
export const FRAME_RAW = 0x80000000;
/** bytes of a page hash, a pack id, an image digest */
export const HASH_BYTES = 32;
/** page hashes are SHA-256 over the log's salt and the page */
export const HASH_SHA256 = 1;
/** page hashes are BLAKE3 of the page, keyed with the log's salt */
export const HASH_BLAKE3 = 2;
/** pack_header.codec */
export const CODEC_NONE = 0;
/** pack_header.codec */
export const CODEC_ZSTD = 1;
/** schema number of every event */
export const EVENT_SCHEMA = 2;
/** bytes of the value of a record or pages event */
export const EVENT_VALUE_BYTES_MAX = 0x00080000;
/** run kind: pages that are all zero */
export const RUN_ZERO = 0;
/** run kind: consecutive slots of a pack */
export const RUN_PACK = 1;
/** restart_plan.version */
export const PLAN_VERSION = 2;
/** plan_run.pack of pages that are all zero */
export const PLAN_ZERO = 0xffffffff;

/** Start of a pack file. Then: page directory (pages x 32 bytes of hash, slot 0 first), frame table (frames x u32 stored bytes, FRAME_RAW), frames, and 32 bytes of SHA-256 over all before them, which is the pack's id. */
export interface PackHeader {
  /** "ckptpack" */
  magic: string;
  /** PACK_VERSION */
  version: number;
  /** CODEC_ */
  codec: number;
  /** slots, 1..PACK_PAGES_MAX */
  pages: number;
  frames: number;
  /** FRAME_PAGES */
  framePages: number;
  /** of all frames */
  storedBytes: bigint;
  /** key that the frames are encrypted with; all zero: not encrypted */
  keyId: Buffer;
  /** random salt of the frames' key; all zero: not encrypted */
  salt: Buffer;
  /** the log whose hash and salt the page hashes use */
  logId: Buffer;
  /** id of the checkpoint whose stream wrote the pack */
  stream: string;
  /** pages x 4096 */
  rawBytes: bigint;
  /** 0 */
  reserved: bigint;
}
export const PACK_HEADER_BYTES = 128;
/** Reads a pack_header at a byte offset. RangeError when the buffer is too short. */
export function decodePackHeader(buffer: Buffer, at = 0): PackHeader {
  return {
    magic: text(buffer, at, 8),
    version: buffer.readUInt16LE(at + 8),
    codec: buffer.readUInt16LE(at + 10),
    pages: buffer.readUInt32LE(at + 12),
    frames: buffer.readUInt32LE(at + 16),
    framePages: buffer.readUInt32LE(at + 20),
    storedBytes: buffer.readBigUInt64LE(at + 24),
    keyId: buffer.subarray(at + 32, at + 48),
    salt: buffer.subarray(at + 48, at + 64),
    logId: buffer.subarray(at + 64, at + 80),
    stream: text(buffer, at + 80, 32),
    rawBytes: buffer.readBigUInt64LE(at + 112),
    reserved: buffer.readBigUInt64LE(at + 120),
  };
}
/** The 128 bytes of a pack_header; what is left out is zero. */
export function encodePackHeader(value: Partial<PackHeader>): Buffer {
  const buffer = Buffer.alloc(128);
  if (value.magic !== undefined) buffer.write(value.magic, 0, 8, 'latin1');
  buffer.writeUInt16LE(value.version ?? 0, 8);
  buffer.writeUInt16LE(value.codec ?? 0, 10);
  buffer.writeUInt32LE(value.pages ?? 0, 12);
  buffer.writeUInt32LE(value.frames ?? 0, 16);
  buffer.writeUInt32LE(value.framePages ?? 0, 20);
  buffer.writeBigUInt64LE(value.storedBytes ?? 0n, 24);
  value.keyId?.copy(buffer, 32, 0, 16);
  value.salt?.copy(buffer, 48, 0, 16);
  value.logId?.copy(buffer, 64, 0, 16);
  if (value.stream !== undefined) buffer.write(value.stream, 80, 32, 'latin1');
  buffer.writeBigUInt64LE(value.rawBytes ?? 0n, 112);
  buffer.writeBigUInt64LE(value.reserved ?? 0n, 120);
  return buffer;
}

/** Start of the value of a `pages` event. Then: packs x 32 bytes of pack id, and run_bytes of runs. */
export interface PagesEvent {
  /** pages in this event */
  pages: number;
  /** index of the first of them among the pages of its VMA (version 1) or PAGES record (version 2) */
  first: number;
  /** pages of that VMA or PAGES record */
  total: number;
  /** pack ids that follow */
  packs: number;
  runBytes: number;
  /** of pages */
  zeroPages: number;
  /** pages that this stream stored first */
  newPages: number;
  /** 0 */
  reserved: number;
}
export const PAGES_EVENT_BYTES = 32;
/** Reads a pages_event at a byte offset. RangeError when the buffer is too short. */
export function decodePagesEvent(buffer: Buffer, at = 0): PagesEvent {
  return {
    pages: buffer.readUInt32LE(at),
    first: buffer.readUInt32LE(at + 4),
    total: buffer.readUInt32LE(at + 8),
    packs: buffer.readUInt32LE(at + 12),
    runBytes: buffer.readUInt32LE(at + 16),
    zeroPages: buffer.readUInt32LE(at + 20),
    newPages: buffer.readUInt32LE(at + 24),
    reserved: buffer.readUInt32LE(at + 28),
  };
}
/** The 32 bytes of a pages_event; what is left out is zero. */
export function encodePagesEvent(value: Partial<PagesEvent>): Buffer {
  const buffer = Buffer.alloc(32);
  buffer.writeUInt32LE(value.pages ?? 0, 0);
  buffer.writeUInt32LE(value.first ?? 0, 4);
  buffer.writeUInt32LE(value.total ?? 0, 8);
  buffer.writeUInt32LE(value.packs ?? 0, 12);
  buffer.writeUInt32LE(value.runBytes ?? 0, 16);
  buffer.writeUInt32LE(value.zeroPages ?? 0, 20);
  buffer.writeUInt32LE(value.newPages ?? 0, 24);
  buffer.writeUInt32LE(value.reserved ?? 0, 28);
  return buffer;
}

/** Start of what a lazy restart works from; never stored, it goes from the store to ckpt-process in memory. Then: the image's records without the addresses and contents of pages (records_bytes, padded to 8), packs x 32 bytes of pack id, and runs x plan_run, ascending. */
export interface RestartPlan {
  /** "ckptplan" */
  magic: string;
  /** PLAN_VERSION */
  version: number;
  /** HASH_ of the page hashes */
  hash: number;
  /** of all that follows this struct */
  crc32c: number;
  recordsBytes: bigint;
  packs: number;
  runs: number;
  /** of all runs */
  pages: bigint;
  /** of the whole image */
  imageBytes: bigint;
  /** of the page hashes */
  salt: Buffer;
  /** its id */
  checkpoint: string;
  /** 0 */
  reserved2: bigint;
  /** 0 */
  reserved3: bigint;
}
export const RESTART_PLAN_BYTES = 128;
/** Reads a restart_plan at a byte offset. RangeError when the buffer is too short. */
export function decodeRestartPlan(buffer: Buffer, at = 0): RestartPlan {
  return {
    magic: text(buffer, at, 8),
    version: buffer.readUInt16LE(at + 8),
    hash: buffer.readUInt16LE(at + 10),
    crc32c: buffer.readUInt32LE(at + 12),
    recordsBytes: buffer.readBigUInt64LE(at + 16),
    packs: buffer.readUInt32LE(at + 24),
    runs: buffer.readUInt32LE(at + 28),
    pages: buffer.readBigUInt64LE(at + 32),
    imageBytes: buffer.readBigUInt64LE(at + 40),
    salt: buffer.subarray(at + 48, at + 80),
    checkpoint: text(buffer, at + 80, 32),
    reserved2: buffer.readBigUInt64LE(at + 112),
    reserved3: buffer.readBigUInt64LE(at + 120),
  };
}
/** The 128 bytes of a restart_plan; what is left out is zero. */
export function encodeRestartPlan(value: Partial<RestartPlan>): Buffer {
  const buffer = Buffer.alloc(128);
  if (value.magic !== undefined) buffer.write(value.magic, 0, 8, 'latin1');
  buffer.writeUInt16LE(value.version ?? 0, 8);
  buffer.writeUInt16LE(value.hash ?? 0, 10);
  buffer.writeUInt32LE(value.crc32c ?? 0, 12);
  buffer.writeBigUInt64LE(value.recordsBytes ?? 0n, 16);
  buffer.writeUInt32LE(value.packs ?? 0, 24);
  buffer.writeUInt32LE(value.runs ?? 0, 28);
  buffer.writeBigUInt64LE(value.pages ?? 0n, 32);
  buffer.writeBigUInt64LE(value.imageBytes ?? 0n, 40);
  value.salt?.copy(buffer, 48, 0, 32);
  if (value.checkpoint !== undefined) buffer.write(value.checkpoint, 80, 32, 'latin1');
  buffer.writeBigUInt64LE(value.reserved2 ?? 0n, 112);
  buffer.writeBigUInt64LE(value.reserved3 ?? 0n, 120);
  return buffer;
}

/** Pages at consecutive addresses: all zero, or in consecutive slots of one pack. */
export interface PlanRun {
  /** address / PAGE_BYTES */
  firstPage: bigint;
  count: number;
  /** index into the plan's pack ids, or PLAN_ZERO */
  pack: number;
  /** of the first page */
  slot: number;
  /** of the first page among all pages of the plan */
  ordinal: number;
}
export const PLAN_RUN_BYTES = 24;
/** Reads a plan_run at a byte offset. RangeError when the buffer is too short. */
export function decodePlanRun(buffer: Buffer, at = 0): PlanRun {
  return {
    firstPage: buffer.readBigUInt64LE(at),
    count: buffer.readUInt32LE(at + 8),
    pack: buffer.readUInt32LE(at + 12),
    slot: buffer.readUInt32LE(at + 16),
    ordinal: buffer.readUInt32LE(at + 20),
  };
}
/** The 24 bytes of a plan_run; what is left out is zero. */
export function encodePlanRun(value: Partial<PlanRun>): Buffer {
  const buffer = Buffer.alloc(24);
  buffer.writeBigUInt64LE(value.firstPage ?? 0n, 0);
  buffer.writeUInt32LE(value.count ?? 0, 8);
  buffer.writeUInt32LE(value.pack ?? 0, 12);
  buffer.writeUInt32LE(value.slot ?? 0, 16);
  buffer.writeUInt32LE(value.ordinal ?? 0, 20);
  return buffer;
}
