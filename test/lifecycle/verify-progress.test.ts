// SPDX-License-Identifier: Apache-2.0
//
// verify says how far it has come also while it compares the catalog with the log, and can be stopped there.
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Ckpt } from '../../src/ckpt.js';
import { pagedImage } from '../support/paged-image.js';

const PAGES = 40;

let dir: string;
let ckpt: Ckpt;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'ckpt-verify-'));
  ckpt = await Ckpt.open({ store: join(dir, 'store'), access: 'create', threads: 2 });
  const path = join(dir, 'image');
  writeFileSync(path, pagedImage(Array.from({ length: PAGES }, (_, i) => i + 1)));
  const fd = openSync(path, 'r');
  for await (const { newPages } of ckpt.ingest(fd)) expect(newPages).toBe(PAGES);
  closeSync(fd);
});
afterEach(async () => {
  await ckpt.close();
  rmSync(dir, { recursive: true, force: true });
});

it('goes on rising after the packs', async () => {
  const reports: number[] = [];
  await ckpt.verify(undefined, { onProgress: (bytes) => reports.push(bytes) });
  expect(reports).toEqual([...reports].sort((a, b) => a - b));
  expect(reports[0]).toBe(PAGES * 4096);
  expect(reports.at(-1)).toBeGreaterThan(PAGES * 4096);
});

it('ends while it compares the catalog when it is told to', async () => {
  const stop = new AbortController();
  const onProgress = (bytes: number): void => {
    if (bytes >= PAGES * 4096) stop.abort(new Error('enough'));
  };
  await expect(ckpt.verify(undefined, { onProgress, signal: stop.signal })).rejects.toThrow('enough');
});
