// SPDX-License-Identifier: Apache-2.0
//
// Bounded memory, readers that are not asked, and being closed at any time.
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CodecError } from '../../src/codec/native.js';
import { CodecHarness } from '../support/codec-harness.js';
import { buildImage, plainShape, rowOfPages } from '../support/image-generator.js';

const addon = fileURLToPath(new URL('../../build/Release/ckpt_codec.node', import.meta.url));
let harness: CodecHarness;
let bigPath: string;
beforeAll(() => {
  harness = new CodecHarness();
  bigPath = harness.file();
  const rows = Array.from({ length: 3 }, () => rowOfPages(20_000, 'noise'));
  writeFileSync(bigPath, buildImage(plainShape(1, { mappings: rows })).bytes);
});
afterAll(() => harness.remove());

/** A process that writes the file into a descriptor, over and over. */
function pump(path: string, fd: number, times: number) {
  return spawn('sh', ['-c', `for i in $(seq ${times}); do cat "$0" || exit 1; done`, path], {
    stdio: ['ignore', fd, 'ignore'],
  });
}

describe('a reader', () => {
  it('that is not asked stops reading', async () => {
    const { readFd, writeFd } = harness.codec.pipe();
    const child = pump(bigPath, writeFd, 1);
    closeSync(writeFd);
    const reader = harness.codec.openReader(harness.readerOptions(readFd));
    await reader.begin('x');
    let before = -1;
    while (reader.bytesRead !== before) {
      before = reader.bytesRead;
      await sleep(300);
    }
    expect(before).toBeLessThan(64 << 20);
    reader.close();
    closeSync(readFd);
    child.kill();
  });

  it('rejects a pending next() when it is closed, even while the pipe is silent', async () => {
    const { readFd, writeFd } = harness.codec.pipe();
    const reader = harness.codec.openReader(harness.readerOptions(readFd));
    const begun = reader.begin('x').catch((error: unknown) => error as CodecError);
    await sleep(20);
    const at = performance.now();
    reader.close();
    expect(await begun).toMatchObject({ kind: 'cancelled' });
    expect(performance.now() - at).toBeLessThan(1000);
    reader.close();
    await expect(reader.next()).rejects.toMatchObject({ kind: 'cancelled' });
    closeSync(readFd);
    closeSync(writeFd);
  });

  it('and what it hands over take bounded memory, whatever the size', () => {
    // In a process of its own, so that what is measured is the reader: 735 MB of pages that do not compress.
    const script = `
      const fs = require('fs'); const c = require(${JSON.stringify(addon)});
      const { readFd, writeFd } = c.pipe();
      const child = require('child_process').spawn('sh', ['-c', 'for i in 1 2 3; do cat "$0"; done', ${JSON.stringify(bigPath)}], { stdio: ['ignore', writeFd, 'inherit'] });
      fs.closeSync(writeFd);
      const rss = () => Number(/VmHWM:\\s+(\\d+)/.exec(fs.readFileSync('/proc/self/status', 'latin1'))[1]) / 1024;
      (async () => {
        const index = c.openIndex('/nonexistent');
        const before = rss();
        const reader = c.openReader({ fd: readFd, identity: { hash: 'blake3', salt: Buffer.alloc(32, 1) }, logId: Buffer.alloc(16), index, stream: true });
        let images = 0;
        while (await reader.begin('image')) {
          for (let image; !image;) { const batch = await reader.next(); image = batch.image; }
          images++;
        }
        reader.close();
        console.log(JSON.stringify({ images, grown: rss() - before, index: index.bytes / 1048576 }));
      })();`;
    const result = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
    expect(result.stderr).toBe('');
    const told = JSON.parse(result.stdout) as { images: number; grown: number; index: number };
    expect(told.images).toBe(3);
    expect(told.grown - told.index).toBeLessThan(128);
  });
});

describe('a writer', () => {
  it('ends with EPIPE when its reader is gone', async () => {
    const { events } = await harness.ingest(readFileSync(bigPath));
    const { readFd, writeFd } = harness.codec.pipe();
    closeSync(readFd);
    const writer = harness.codec.openWriter({ fd: writeFd, identity: harness.identity, packsDir: harness.packsDir });
    const ended = (async () => {
      await writer.push(events);
      await writer.finish();
    })();
    await expect(ended).rejects.toMatchObject({ kind: 'io', errno: 'EPIPE' });
    writer.close();
    closeSync(writeFd);
  });

  it('can be closed while nobody reads', async () => {
    harness.index = harness.codec.openIndex(harness.packsDir);
    const { events } = await harness.ingest(readFileSync(bigPath));
    const { readFd, writeFd } = harness.codec.pipe();
    const writer = harness.codec.openWriter({ fd: writeFd, identity: harness.identity, packsDir: harness.packsDir });
    await writer.push(events);
    const finished = writer.finish().catch((error: unknown) => error as CodecError);
    await sleep(50);
    writer.close();
    expect(await finished).toMatchObject({ kind: 'cancelled' });
    closeSync(readFd);
    closeSync(writeFd);
  });
});

describe('an environment that ends', () => {
  const busy = `
    const c = require(${JSON.stringify(addon)}); const fs = require('fs');
    const fd = fs.openSync(${JSON.stringify('BIG')}, 'r');
    const reader = c.openReader({ fd, identity: { hash: 'blake3', salt: Buffer.alloc(32) }, logId: Buffer.alloc(16), index: c.openIndex('/nonexistent'), stream: false });
    const silent = c.pipe();
    const waiting = c.openReader({ fd: silent.readFd, identity: { hash: 'blake3', salt: Buffer.alloc(32) }, logId: Buffer.alloc(16), index: null, stream: false });
    waiting.begin('x').catch(() => {});
    reader.begin('x').then(() => reader.next()).then(() => FINISH).catch(() => {});`;

  it('as a worker takes its threads along', async () => {
    for (let round = 0; round < 5; round++) {
      const worker = new Worker(
        busy.replace('BIG', bigPath).replace('FINISH', 'require("worker_threads").parentPort.postMessage(1)'),
        { eval: true },
      );
      await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
      await worker.terminate();
    }
  });

  it('as a process neither hangs nor crashes', () => {
    for (const end of [
      'process.exit(7)',
      '(process.exitCode = 7, process.emit("x"), setTimeout(() => process.exit(), 5))',
    ]) {
      const result = spawnSync(process.execPath, ['-e', busy.replace('BIG', bigPath).replace('FINISH', end)], {
        timeout: 20_000,
      });
      expect([result.status, result.signal]).toEqual([7, null]);
    }
  });

  it('by itself once nothing is pending, though a reader was never closed', () => {
    const script = busy
      .replace('BIG', bigPath)
      .replace("waiting.begin('x').catch(() => {});", '')
      .replace('FINISH', '0');
    const result = spawnSync(process.execPath, ['-e', script], { timeout: 20_000 });
    expect([result.status, result.signal, result.stderr.toString()]).toEqual([0, null, '']);
  });
});

describe('misuse', () => {
  it('throws at once', () => {
    const fd = openSync('/dev/null', 'r');
    const options = harness.readerOptions(fd);
    expect(() => harness.codec.openReader({ ...options, identity: { hash: 'blake3', salt: Buffer.alloc(3) } })).toThrow(
      TypeError,
    );
    expect(() => harness.codec.openReader({ ...options, threads: 0 })).toThrow(RangeError);
    expect(() => harness.codec.pageHash(Buffer.alloc(5), harness.identity)).toThrow(TypeError);
    expect(() => harness.codec.openIndex(harness.packsDir).load(['nonsense'])).toThrow(TypeError);
    closeSync(fd);
  });
});
