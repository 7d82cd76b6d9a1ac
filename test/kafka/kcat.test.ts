// SPDX-License-Identifier: Apache-2.0
//
// The topics as a foreign client sees them: kcat, and nothing of this project but the writer.
import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { runCkpt } from './support/ckpt.js';
import { newDirectory, newPrefix, removeDirectory, urlOf } from './support/topics.js';

const golden = (name: string): string => fileURLToPath(new URL(`../golden/${name}`, import.meta.url));

function hasKcat(): boolean {
  try {
    execFileSync('kcat', ['-V'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

interface Message {
  readonly key: string;
  readonly headers: Record<string, string>;
  readonly value: Buffer;
}

function consume(topic: string): Message[] {
  const args = ['-b', inject('kafka'), '-C', '-e', '-q', '-t', topic, '-o', 'beginning', '-f', '%k\t%h\t%S\n%s'];
  const out = execFileSync('kcat', args, { maxBuffer: 1 << 28 });
  const messages: Message[] = [];
  for (let at = 0; at < out.length;) {
    const line = out.indexOf('\n', at);
    const [key = '', headers = '', bytes = ''] = out.toString('utf8', at, line).split('\t');
    at = line + 1 + Number(bytes);
    const pairs = headers.split(',').map((pair) => pair.split('=') as [string, string]);
    messages.push({ key, headers: Object.fromEntries(pairs), value: out.subarray(line + 1, at) });
  }
  return messages;
}

describe.skipIf(!hasKcat())('kcat', () => {
  let dir: string;
  let prefix: string;
  beforeEach(() => {
    dir = newDirectory();
    prefix = newPrefix();
  });
  afterEach(() => removeDirectory(dir));

  const ingest = async (name: string): Promise<string> => {
    const { code, stdout, stderr } = await runCkpt(join(dir, 'store'), urlOf(prefix), 'ingest', golden(name));
    expect(code, stderr).toBe(0);
    return stdout.toString().trim();
  };

  it('reads the headers, and record values that are the image', async () => {
    const id = await ingest('no-pages.img');
    const messages = consume(`${prefix}.images`);
    const stream = messages.filter((message) => message.headers['checkpoint'] === id);
    for (const { key, headers } of stream) expect([key, headers['schema']]).toEqual([id, '1']);
    expect(stream.map(({ headers }) => Number(headers['seq']))).toEqual(stream.map((_, index) => index));
    expect(stream[0]?.headers['type']).toBe('opened');
    expect(stream.at(-1)?.headers['type']).toBe('sealed');
    const records = stream.filter(({ headers }) => headers['type'] === 'record').map(({ value }) => value);
    expect(Buffer.concat(records).equals(readFileSync(golden('no-pages.img')))).toBe(true);
    expect(JSON.parse(stream.at(-1)?.value.toString() ?? '')).toMatchObject({ formatVersion: 1, pages: 0 });
    const opened = messages.find(({ headers }) => headers['type'] === 'log-opened');
    expect(JSON.parse(opened?.value.toString() ?? '')).toMatchObject({ hash: 'sha256', keyId: null });
  });

  it('reads the records around the pages, and packs whose digest is their key', async () => {
    const id = await ingest('mixed.img');
    const image = readFileSync(golden('mixed.img'));
    const stream = consume(`${prefix}.images`).filter((message) => message.headers['checkpoint'] === id);
    let at = 0;
    for (const { headers, value } of stream) {
      if (headers['type'] !== 'record') continue;
      at = image.indexOf(value, at);
      expect(at, `record ${headers['seq']}`).toBeGreaterThanOrEqual(0);
      at += value.length;
    }
    expect(at).toBe(image.length);
    const packs = consume(`${prefix}.packs`);
    expect(packs.length).toBeGreaterThan(0);
    for (const { key, headers, value } of packs) {
      expect(headers).toMatchObject({ type: 'pack', checkpoint: id, schema: '1' });
      expect(createHash('sha256').update(value.subarray(0, -32)).digest('hex')).toBe(key);
      expect(value.toString('latin1', 0, 8)).toBe('ckptpack');
    }
  });
});
