// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, readdirSync, readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { blake3 } from '@noble/hashes/blake3.js';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { packPath } from '../../src/codec/native.js';
import { type PageHash, pageHashes } from '../../src/format/events.js';
import { CodecHarness, type IngestedImage, sha256 } from '../support/codec-harness.js';
import {
  anyImageShape,
  buildImage,
  type GeneratedImage,
  parameters,
  plainShape,
  rowOfPages,
} from '../support/image-generator.js';

const golden = new URL('../golden/', import.meta.url);
let harness: CodecHarness;
beforeAll(() => {
  harness = new CodecHarness();
});
afterAll(() => harness.remove());

/** What every image must show, whatever its shape. */
async function expectRoundTrip(image: Buffer, ingested: IngestedImage, of = harness): Promise<void> {
  const rebuilt = await of.rebuild(ingested.events);
  expect(sha256(rebuilt.image)).toBe(sha256(image));
  expect(rebuilt.digest).toBe(ingested.summary.digest);
  expect(rebuilt.pages).toBe(ingested.summary.pages);
  expect(ingested.summary.bytes).toBe(image.length);
  for (const event of ingested.events) expect(event.value.length).toBeLessThanOrEqual(512 << 10);
  for (const id of ingested.packs) await of.codec.verifyPack(packPath(of.packsDir, id), id, of.identity);
}

function expectCounts(generated: GeneratedImage, ingested: IngestedImage): void {
  expect(ingested.summary).toMatchObject({
    formatVersion: generated.version,
    records: generated.records,
    pages: generated.pages,
    zeroPages: generated.zeroPages,
  });
}

describe('golden images', () => {
  for (const name of readdirSync(golden).filter((file) => file.endsWith('.img'))) {
    it(name, async () => {
      const image = readFileSync(new URL(name, golden));
      const facts = JSON.parse(readFileSync(new URL(name.replace('.img', '.json'), golden), 'utf8')) as Record<
        string,
        number
      >;
      const ingested = await harness.ingest(image);
      expect(ingested.summary).toMatchObject({
        records: facts['records'],
        pages: facts['pages'],
        zeroPages: facts['zero'],
      });
      await expectRoundTrip(image, ingested);
    });
  }

  it('hold as many distinct pages as an independent count says', async () => {
    harness.index = harness.codec.openIndex(harness.packsDir);
    const facts = JSON.parse(readFileSync(new URL('mixed.json', golden), 'utf8')) as { unique: number };
    const first = await harness.ingest(readFileSync(new URL('mixed.img', golden)));
    expect(first.summary.newPages).toBe(facts.unique);
  });
});

describe('generated images', () => {
  it.each(pageHashes)('come back bit for bit, and store nothing the second time: %s', async (hash) => {
    const own = new CodecHarness(hash);
    onTestFinished(() => own.remove());
    await fc.assert(
      fc.asyncProperty(anyImageShape(), async (shape) => {
        own.index = own.codec.openIndex(own.packsDir);
        const generated = buildImage(shape);
        const first = await own.ingest(generated.bytes);
        expectCounts(generated, first);
        expect(first.summary.newPages).toBe(generated.distinctPages);
        await expectRoundTrip(generated.bytes, first, own);
        // Into an index that was loaded from the packs' files.
        own.index = own.codec.openIndex(own.packsDir);
        await own.index.load(first.packs);
        expect(own.index.pages).toBe(generated.distinctPages);
        const second = await own.ingest(generated.bytes);
        expect(second.summary).toMatchObject({
          newPages: 0,
          newPacks: 0,
          storedBytes: 0,
          digest: first.summary.digest,
        });
        await expectRoundTrip(generated.bytes, second, own);
        // Without an index: only the digest.
        const third = await own.ingest(generated.bytes, { index: null });
        expect(third.summary.digest).toBe(first.summary.digest);
        expect(third.events).toEqual([]);
      }),
      parameters(40),
    );
  });

  for (const version of [1, 2] as const) {
    it(`version ${version} with 32,767 pages in a mapping`, async () => {
      harness.index = harness.codec.openIndex(harness.packsDir);
      const generated = buildImage(
        plainShape(version, { mappings: [rowOfPages(32_767, 'noise', 'zero', 'text', 'repeated')] }),
      );
      const ingested = await harness.ingest(generated.bytes);
      expectCounts(generated, ingested);
      await expectRoundTrip(generated.bytes, ingested);
    });
  }

  it('with 20,000 mappings of a page', async () => {
    harness.index = harness.codec.openIndex(harness.packsDir);
    const mappings = Array.from({ length: 20_000 }, (_, i) => rowOfPages(1, i % 3 ? 'zero' : 'text'));
    const generated = buildImage(plainShape(1, { mappings }));
    const ingested = await harness.ingest(generated.bytes);
    expectCounts(generated, ingested);
    await expectRoundTrip(generated.bytes, ingested);
  });
});

describe('a pipe', () => {
  it('may bring the bytes in pieces of any size', async () => {
    const image = readFileSync(new URL('mixed.img', golden));
    const { readFd, writeFd } = harness.codec.pipe();
    // A byte a write for the records, then ever larger pieces.
    const script = `const fs=require('fs');const b=fs.readFileSync(process.argv[1]);let at=0,n=1;while(at<b.length){at+=fs.writeSync(3,b,at,Math.min(n,b.length-at));if(at>6000)n=Math.min(n*2,9999)}`;
    const child = spawn(process.execPath, ['-e', script, new URL('mixed.img', golden).pathname], {
      stdio: ['ignore', 'inherit', 'inherit', writeFd],
    });
    closeSync(writeFd);
    const [ingested] = await harness.ingestFd(readFd);
    closeSync(readFd);
    if (child.exitCode === null) await once(child, 'exit');
    if (!ingested) throw new Error('no image');
    await expectRoundTrip(image, ingested);
  });

  it('may bring images back to back', async () => {
    const images = [1, 2, 1, 2].map(
      (version, i) =>
        buildImage(plainShape(version as 1 | 2, { seed: i, mappings: [rowOfPages(300 * i, 'noise', 'repeated')] }))
          .bytes,
    );
    const path = harness.file();
    const { writeFileSync, openSync } = await import('node:fs');
    writeFileSync(path, Buffer.concat(images));
    const fd = openSync(path, 'r');
    const ingested = await harness.ingestFd(fd, { stream: true });
    closeSync(fd);
    expect(ingested.length).toBe(4);
    for (const [i, one] of ingested.entries()) await expectRoundTrip(images[i] ?? Buffer.alloc(0), one);
  });
});

describe('identity', () => {
  /** Implementations that are not ours. */
  const oracles: Readonly<Record<PageHash, (salt: Buffer, page: Buffer) => Buffer>> = {
    blake3: (salt, page) => Buffer.from(blake3(page, { key: salt })),
    sha256: (salt, page) => createHash('sha256').update(salt).update(page).digest(),
  };

  it.each(pageHashes)("of a page is its log's: %s", (hash) => {
    const bytes = fc.uint8Array({ minLength: 4096, maxLength: 4096 });
    fc.assert(
      fc.property(bytes, fc.uint8Array({ minLength: 32, maxLength: 32 }), (content, key) => {
        const [page, salt] = [Buffer.from(content), Buffer.from(key)];
        expect(harness.codec.pageHash(page, { hash, salt })).toEqual(oracles[hash](salt, page));
      }),
      parameters(100),
    );
  });

  it('of an image is SHA-256 over salt and image with hashes in the place of contents', async () => {
    const image = readFileSync(new URL('one-page.img', golden));
    const { summary } = await harness.ingest(image);
    // The page is the only one; it stands before MM_CONTEXT (12 bytes), THREAD (38), CPU (712) and TAIL (20).
    const at = image.length - (12 + 38 + 712 + 20) - 4096;
    const hash = harness.codec.pageHash(image.subarray(at, at + 4096), harness.identity);
    const digest = createHash('sha256')
      .update(harness.identity.salt)
      .update(image.subarray(0, at))
      .update(hash)
      .update(image.subarray(at + 4096));
    expect(summary.digest).toBe(digest.digest('hex'));
  });
});
