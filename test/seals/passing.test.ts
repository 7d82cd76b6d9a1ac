// SPDX-License-Identifier: Apache-2.0
//
// An image that comes from elsewhere and is not what was sealed: its end never arrives.
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadCodec } from '../../src/codec/native.js';
import { CkptError } from '../../src/format/errors.js';
import { digestImage } from '../../src/ingest/digest.js';
import { passSealed } from '../../src/remote/sealed-image.js';

const golden = new URL('../golden/mixed.img', import.meta.url).pathname;
const image = readFileSync(golden);
const codec = loadCodec();
const hashing = { hash: 'blake3', salt: '5a'.repeat(32) } as const;

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ckpt-pass-'));
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

async function digest(): Promise<string> {
  const fd = openSync(golden, 'r');
  try {
    return (await digestImage(fd, { codec, log: { opened: { ...hashing, logId: '00'.repeat(16) } } })).digest;
  } finally {
    closeSync(fd);
  }
}

/** Passes bytes on as a service would send them; what arrived, and the error. */
async function pass(bytes: Buffer, wanted: string, cut?: CkptError): Promise<{ arrived: Buffer; error: unknown }> {
  const path = join(dir, 'out');
  const fd = openSync(path, 'w');
  const fill = async (into: number): Promise<void> => {
    writeSync(into, bytes); // smaller than the pipe
    if (cut) throw cut;
  };
  const sealed = { checkpoint: 'ID', digest: wanted, hashing, isCarried: false };
  const error: unknown = await passSealed(codec, sealed, fd, fill).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  closeSync(fd);
  return { arrived: readFileSync(path), error };
}

describe('an image on its way', () => {
  it('arrives whole when it is what was sealed', async () => {
    const { arrived, error } = await pass(image, await digest());
    expect(error).toBeUndefined();
    expect(arrived.equals(image)).toBe(true);
  });

  it('does not arrive to its end when it is another image, or changed in one byte of a page', async () => {
    const changed = Buffer.from(image);
    changed[image.length >> 1]! ^= 1;
    for (const [bytes, wanted] of [
      [changed, await digest()],
      [image, 'ab'.repeat(32)],
    ] as const) {
      const { arrived, error } = await pass(bytes, wanted);
      expect(error).toMatchObject({ kind: 'damaged' });
      expect(arrived.length).toBeLessThan(image.length);
    }
  });

  it('that is torn or cut says so', async () => {
    const torn = await pass(image.subarray(0, 5000), await digest());
    expect(torn.error).toMatchObject({ kind: 'damaged' });
    const cut = new CkptError('failed', 'the image was cut after 5000 bytes');
    expect((await pass(image.subarray(0, 5000), await digest(), cut)).error).toBe(cut);
  });
});
