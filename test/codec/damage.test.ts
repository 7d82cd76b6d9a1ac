// SPDX-License-Identifier: Apache-2.0
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CodecError, isCodecError, packPath } from '../../src/codec/native.js';
import { CodecHarness } from '../support/codec-harness.js';
import {
  buildImage,
  parameters,
  plainShape,
  rowOfPages,
  version1Shape,
  version2Shape,
} from '../support/image-generator.js';

let harness: CodecHarness;
beforeAll(() => {
  harness = new CodecHarness();
});
afterAll(() => harness.remove());

async function failure(promise: Promise<unknown>): Promise<CodecError> {
  const error: unknown = await promise.then(
    () => new Error('it succeeded'),
    (reason: unknown) => reason,
  );
  if (!isCodecError(error)) throw error;
  return error;
}

describe('a damaged image', () => {
  it('is refused at every record boundary, by name and offset', async () => {
    const shapes = [
      plainShape(1, {
        mappings: [rowOfPages(3, 'noise'), { pathBytes: 9, pages: ['text'], holes: [1] }],
        ldt: 2,
        tls: 1,
      }),
      plainShape(2, {
        mappings: [rowOfPages(3, 'noise'), { pathBytes: 9, pages: ['text'], holes: [1] }],
        ldt: 2,
        tls: 1,
        files: 2,
        unknown: [{ type: 7000, bytes: 50, before: 6 }],
      }),
    ];
    for (const shape of shapes) {
      const image = buildImage(shape);
      for (const at of image.recordOffsets) {
        const error = await failure(harness.ingest(image.bytes.subarray(0, at)));
        expect(error).toMatchObject({ code: 'CKPT_CODEC', kind: 'image', offset: at });
        expect(error.message).toContain(`byte ${at}`);
        expect(error.record).toMatch(/\(\d+\)/);
      }
    }
  });

  it('is refused when cut anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(version1Shape(), version2Shape()),
        fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
        async (shape, part) => {
          const image = buildImage(shape);
          const cut = Math.floor(image.bytes.length * part);
          const error = await failure(harness.ingest(image.bytes.subarray(0, cut)));
          expect(error.kind).toBe('image');
          // The record in which the end came: the last that begins at or before the cut.
          const begun = image.recordOffsets.filter((offset) => offset <= cut);
          expect(begun).toContain(error.offset);
        },
      ),
      parameters(40),
    );
  });

  it('of version 2 is refused when any byte was changed', async () => {
    await fc.assert(
      fc.asyncProperty(version2Shape(), fc.nat(), fc.integer({ min: 1, max: 255 }), async (shape, where, change) => {
        const { bytes } = buildImage(shape);
        const at = where % bytes.length;
        bytes[at] = (bytes[at] ?? 0) ^ change;
        // The tail's own flags, id and reserved words say nothing.
        if (at >= bytes.length - 56) return;
        const error = await failure(harness.ingest(bytes));
        expect(error.kind).toBe('image');
        expect(error.offset).toBeLessThanOrEqual(bytes.length);
      }),
      parameters(40),
    );
  });

  it('is refused when bytes follow its tail', async () => {
    const { bytes } = buildImage(plainShape(1));
    const error = await failure(harness.ingest(Buffer.concat([bytes, Buffer.alloc(1)])));
    expect(error).toMatchObject({ kind: 'image', offset: bytes.length });
  });

  it('is refused when it is empty, or no image at all', async () => {
    expect(await failure(harness.ingest(Buffer.alloc(0)))).toMatchObject({
      kind: 'image',
      offset: 0,
      record: 'HEAD (1)',
    });
    expect(
      await failure(harness.ingest(Buffer.from('#!/bin/sh\necho this is a script, not an image\n'))),
    ).toMatchObject({ kind: 'image', offset: 0 });
  });
});

describe('a damaged pack', () => {
  const shape = plainShape(1, { mappings: [rowOfPages(600, 'noise', 'text')] });

  it('is found by verifyPack and by the writer, and named', async () => {
    const image = buildImage(shape);
    harness.index = harness.codec.openIndex(harness.packsDir);
    const { events, packs } = await harness.ingest(image.bytes);
    expect(packs.length).toBeGreaterThan(1);
    for (const id of packs) {
      const path = packPath(harness.packsDir, id);
      const good = readFileSync(path);
      // In the middle: the contents of a frame.
      const bad = Buffer.from(good);
      const at = Math.floor(bad.length * 0.6);
      bad[at] = (bad[at] ?? 0) ^ 0x40;
      writeFileSync(path, bad);
      expect(await failure(harness.codec.verifyPack(path, id, harness.identity))).toMatchObject({
        kind: 'pack',
        pack: id,
      });
      expect(await failure(harness.rebuild(events))).toMatchObject({ kind: 'pack', pack: id });
      writeFileSync(path, good.subarray(0, good.length - 10));
      expect(await failure(harness.rebuild(events))).toMatchObject({ kind: 'pack', pack: id });
      rmSync(path);
      expect(await failure(harness.rebuild(events))).toMatchObject({ kind: 'pack', pack: id });
      expect(await failure(harness.codec.openIndex(harness.packsDir).load([id]))).toMatchObject({
        kind: 'pack',
        pack: id,
      });
      writeFileSync(path, good);
    }
    expect((await harness.rebuild(events)).image.equals(image.bytes)).toBe(true);
  });

  it('made by another salt, or another hash, is not taken for a good one', async () => {
    const { packs } = await harness.ingest(buildImage({ ...shape, seed: 99 }).bytes);
    const [id] = packs;
    if (!id) throw new Error('no pack');
    expect(
      await failure(
        harness.codec.verifyPack(packPath(harness.packsDir, id), id, { ...harness.identity, salt: Buffer.alloc(32) }),
      ),
    ).toMatchObject({ kind: 'pack' });
  });
});

describe('malformed events', () => {
  it('are refused', async () => {
    const image = buildImage(plainShape(1, { mappings: [rowOfPages(50, 'noise', 'zero')] }));
    const { events } = await harness.ingest(image.bytes);
    const pages = events.findIndex((event) => event.type === 'pages');
    const value = events[pages]?.value ?? Buffer.alloc(0);
    expect(harness.codec.pagesInfo(value)).toMatchObject({ pages: 50, first: 0, total: 50, zeroPages: 25 });
    expect(() => harness.codec.pagesInfo(value.subarray(0, value.length - 1))).toThrow(/malformed event/);
    const replaced = (bytes: Buffer): Promise<unknown> =>
      harness.rebuild(events.map((event, i) => (i === pages ? { type: 'pages' as const, value: bytes } : event)));
    expect((await failure(replaced(value.subarray(1)))).kind).toBe('event');
    const inRun = [
      ...events.slice(0, pages),
      { type: 'pages' as const, value: half(value) },
      ...events.slice(pages + 1),
    ];
    expect((await failure(harness.rebuild(inRun))).kind).toBe('event');
  });

  /** The event, saying that its run of pages goes on. */
  function half(value: Buffer): Buffer {
    const copy = Buffer.from(value);
    copy.writeUInt32LE(100, 8);
    return copy;
  }
});
