// SPDX-License-Identifier: Apache-2.0
//
// Messages as one record batch of Kafka (magic 2), in pieces that follow each other. The values are not copied, and the checksum is the
// codec's: kafkajs would copy every byte four times and sum it up in JavaScript, which costs more than everything else about
// sending a pack.
//
//   batch   baseOffset i64 | length i32 | partitionLeaderEpoch i32 | magic i8 | crc u32 | attributes i16 | lastOffsetDelta i32 |
//           firstTimestamp i64 | maxTimestamp i64 | producerId i64 | producerEpoch i16 | baseSequence i32 | count i32 | record ...
//   record  length | attributes i8 | timestampDelta | offsetDelta | key | value | count of headers | (name, value) ...
//
// Lengths and deltas of a record are zigzag varints; a null has length -1. The crc is a CRC-32C from attributes on.
import type { Codec } from '../../codec/native.js';
import type { TopicMessage } from './protocol.js';

const HEAD_BYTES = 61;
/** Where the checksum stands, and where what it covers begins. */
const CRC_AT = 17;
const COVERED_FROM = 21;
/** `length` counts what comes after it. */
const LENGTH_COVERS_FROM = 12;
const MAGIC = 2;

/** The batch, written at a time in milliseconds. */
export function recordBatch(messages: readonly TopicMessage[], time: number, crc32c: Codec['crc32c']): Buffer[] {
  const head = Buffer.alloc(HEAD_BYTES);
  const pieces = [head, ...messages.flatMap(record)];
  const bytes = bytesOf(pieces);
  head.writeInt32BE(bytes - LENGTH_COVERS_FROM, 8);
  head.writeInt32BE(-1, 12);
  head.writeInt8(MAGIC, 16);
  head.writeInt32BE(messages.length - 1, 23);
  head.writeBigInt64BE(BigInt(time), 27);
  head.writeBigInt64BE(BigInt(time), 35);
  head.writeBigInt64BE(-1n, 43);
  head.writeInt16BE(-1, 51);
  head.writeInt32BE(-1, 53);
  head.writeInt32BE(messages.length, 57);
  let crc = crc32c(0, head.subarray(COVERED_FROM));
  for (const piece of pieces.slice(1)) crc = crc32c(crc, piece);
  head.writeUInt32BE(crc, CRC_AT);
  return pieces;
}

export function bytesOf(pieces: readonly Buffer[]): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}

function record({ key, headers, value }: TopicMessage, offset: number): Buffer[] {
  const before = [Buffer.of(0), varint(0), varint(offset), ...sized(Buffer.from(key))];
  before.push(varint(value ? value.length : -1));
  const names = Object.entries(headers);
  const after = [varint(names.length)];
  for (const [name, text] of names) after.push(...sized(Buffer.from(name)), ...sized(Buffer.from(text)));
  const length = varint(bytesOf(before) + (value?.length ?? 0) + bytesOf(after));
  return [Buffer.concat([length, ...before]), ...(value ? [value] : []), Buffer.concat(after)];
}

function sized(bytes: Buffer): Buffer[] {
  return [varint(bytes.length), bytes];
}

/** Of a number below 2^31. */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.from([...bytes, rest]);
}
