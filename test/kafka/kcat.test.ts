// SPDX-License-Identifier: Apache-2.0
//
// The topics as a foreign client sees them: kcat, and nothing of this project but the writer.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { buildImage, plainShape, rowOfPages } from '../support/image-generator.js';
import { runCkpt } from './support/ckpt.js';
import { consume, hasKcat, imageOf, isPack } from './support/foreign-reader.js';
import { newDirectory, newPrefix, removeDirectory, urlOf } from './support/topics.js';

const golden = (name: string): string => fileURLToPath(new URL(`../golden/${name}`, import.meta.url));

describe.skipIf(!hasKcat())('kcat', () => {
  let dir: string;
  let prefix: string;
  beforeEach(() => {
    dir = newDirectory();
    prefix = newPrefix();
  });
  afterEach(() => removeDirectory(dir));

  const ingest = (name: string): Promise<string> => ingestFile(golden(name));
  const ingestFile = async (path: string): Promise<string> => {
    const { code, stdout, stderr } = await runCkpt(join(dir, 'store'), urlOf(prefix), 'ingest', path);
    expect(code, stderr).toBe(0);
    return stdout.toString().trim();
  };

  it('reads the headers, and record values that are the image', async () => {
    const id = await ingest('no-pages.img');
    const messages = consume(inject('kafka'), `${prefix}.images`);
    const stream = messages.filter((message) => message.headers['checkpoint'] === id);
    for (const { key, headers } of stream) expect([key, headers['schema']]).toEqual([id, '2']);
    expect(stream.map(({ headers }) => Number(headers['seq']))).toEqual(stream.map((_, index) => index));
    expect(stream[0]?.headers['type']).toBe('opened');
    expect(stream.at(-1)?.headers['type']).toBe('sealed');
    const records = stream.filter(({ headers }) => headers['type'] === 'record').map(({ value }) => value);
    expect(Buffer.concat(records).equals(readFileSync(golden('no-pages.img')))).toBe(true);
    expect(JSON.parse(stream.at(-1)?.value.toString() ?? '')).toMatchObject({ formatVersion: 1, pages: 0 });
    const opened = messages.find(({ headers }) => headers['type'] === 'log-opened');
    expect(JSON.parse(opened?.value.toString() ?? '')).toMatchObject({ hash: 'blake3', keyId: null });
  });

  it('reads the records around the pages, and packs whose digest is their key', async () => {
    const id = await ingest('mixed.img');
    const image = readFileSync(golden('mixed.img'));
    const stream = consume(inject('kafka'), `${prefix}.images`).filter(
      (message) => message.headers['checkpoint'] === id,
    );
    let at = 0;
    for (const { headers, value } of stream) {
      if (headers['type'] !== 'record') continue;
      at = image.indexOf(value, at);
      expect(at, `record ${headers['seq']}`).toBeGreaterThanOrEqual(0);
      at += value.length;
    }
    expect(at).toBe(image.length);
    const packs = consume(inject('kafka'), `${prefix}.packs`);
    expect(packs.length).toBeGreaterThan(0);
    for (const pack of packs) {
      const { headers, value } = pack;
      expect(headers).toMatchObject({ type: 'pack', checkpoint: id, schema: '2' });
      expect(isPack(pack)).toBe(true);
      expect(value.toString('latin1', 0, 8)).toBe('ckptpack');
    }
  });

  it('and the layouts that are documented give every image back, bit for bit', async () => {
    const generated = [1, 2].map((version) => {
      const mappings = [rowOfPages(700, 'noise', 'text', 'zero', 'repeated'), rowOfPages(5, 'text')];
      const path = join(dir, `v${version}.img`);
      writeFileSync(path, buildImage(plainShape(version as 1 | 2, { seed: 11 + version, mappings })).bytes);
      return path;
    });
    const paths = [...['no-pages.img', 'one-page.img', 'ldt-tls.img', 'mixed.img'].map(golden), ...generated];
    const ids = new Map<string, string>();
    for (const path of paths) ids.set(path, await ingestFile(path));
    const [images, packs] = [consume(inject('kafka'), `${prefix}.images`), consume(inject('kafka'), `${prefix}.packs`)];
    for (const [path, id] of ids) expect(imageOf(id, images, packs).equals(readFileSync(path)), path).toBe(true);
  });
});
