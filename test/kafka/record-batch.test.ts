// SPDX-License-Identifier: Apache-2.0
//
// Record batches as this driver writes them, read by kafkajs's decoder and summed up by its checksum.
import { createRequire } from 'node:module';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { loadCodec } from '../../src/codec/native.js';
import type { TopicMessage } from '../../src/store/kafka/protocol.js';
import { recordBatch } from '../../src/store/kafka/record-batch.js';

const require = createRequire(import.meta.url);
const Decoder = require('kafkajs/src/protocol/decoder') as new (bytes: Buffer) => object;
const decodeBatch = require('kafkajs/src/protocol/recordBatch/v0/decoder') as (decoder: object) => Promise<{
  lastOffsetDelta: number;
  firstTimestamp: string;
  records: { offset: string; key: Buffer; value: Buffer | null; headers: Record<string, Buffer> }[];
}>;
const crc32cOfKafkajs = require('kafkajs/src/protocol/recordBatch/crc32C') as (bytes: Buffer) => number;

const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  // Sizes about the edges of a varint.
  fc.constantFrom(63, 64, 8191, 8192, 1_048_576).map((length) => new Uint8Array(length).fill(length)),
);
const message: fc.Arbitrary<TopicMessage> = fc.record({
  key: text,
  headers: fc.dictionary(
    text.filter((name) => !(name in {})),
    text,
    { maxKeys: 6 },
  ),
  value: fc.option(bytes.map((value) => Buffer.from(value))),
});

it('say the same to another reader', async () => {
  const codec = loadCodec();
  await fc.assert(
    fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 8 }), fc.nat(), async (messages, time) => {
      const batch = Buffer.concat(recordBatch(messages, time, (crc, piece) => codec.crc32c(crc, piece)));
      expect(batch.readInt32BE(8)).toBe(batch.length - 12);
      expect(batch.readUInt32BE(17)).toBe(crc32cOfKafkajs(batch.subarray(21)) >>> 0);
      const decoded = await decodeBatch(new Decoder(batch));
      expect(decoded.lastOffsetDelta).toBe(messages.length - 1);
      expect(Number(decoded.firstTimestamp)).toBe(time);
      expect(decoded.records.map(({ offset }) => Number(offset))).toEqual(messages.map((_, index) => index));
      for (const [index, { key, value, headers }] of decoded.records.entries()) {
        const sent = messages[index];
        expect(key.toString()).toBe(sent?.key);
        expect(value === null ? null : Buffer.compare(value, sent?.value ?? Buffer.of(1))).toBe(sent?.value ? 0 : null);
        expect(Object.fromEntries(Object.entries(headers).map(([name, one]) => [name, one.toString()]))).toEqual(
          sent?.headers,
        );
      }
    }),
    { numRuns: 200 },
  );
});
