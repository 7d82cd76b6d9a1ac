// SPDX-License-Identifier: Apache-2.0
//
// What must hold after whatever happened to a load.
import { createHash } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { Ckpt } from '../../../src/ckpt.js';
import { withFreshCatalog } from './ckpt.js';
import type { Load } from './load.js';

/**
 * Everything acknowledged is there, once, and everything that is there exports bit for bit from each of these machines and from one that
 * had nothing: nothing is half visible; verify is clean; two catalogs made of the topics are equal, and equal to those of the machines. Returns the events that
 * stand in the topics twice, which readers had to drop.
 */
export async function expectNothingLost(load: Load, machines: readonly string[], note = ''): Promise<number> {
  const { url } = load;
  const fresh = mkdtempSync(join(load.dir, 'fresh-'));
  await expectMachine(fresh, load, note);
  const digest = await withFreshCatalog(url, async (store) => store.catalogDigest());
  const doubles = await withFreshCatalog(url, async (store) => {
    expect(store.catalogDigest(), note).toBe(digest);
    const seen = new Set<string>();
    let twice = 0;
    for await (const { events } of store.log.read([])) {
      for (const { checkpoint, seq } of events) {
        if (seq < 0) continue;
        const name = `${checkpoint} ${seq}`;
        if (seen.has(name)) twice++;
        seen.add(name);
      }
    }
    return twice;
  });
  for (const machine of machines) await expectMachine(load.machine(machine), load, `${note}, machine ${machine}`);
  rmSync(fresh, { recursive: true, force: true });
  return doubles;
}

async function expectMachine(dir: string, load: Load, note: string): Promise<void> {
  // `create`: as a writer would, so that streams of dead writers are fenced.
  const ckpt = await Ckpt.open({ store: dir, log: load.url, access: 'create' });
  try {
    const { damage } = await ckpt.verify();
    expect(damage, note).toEqual([]);
    const rows = await ckpt.list();
    const ids = rows.map((row) => row.id);
    expect(new Set(ids).size, note).toBe(ids.length);
    const names = rows.map((row) => row.name);
    expect(new Set(names).size, note).toBe(names.length);
    for (const id of load.acknowledged.keys()) expect(ids, `${note}: acknowledged ${id}`).toContain(id);
    // Also what nobody was told of is there whole, or not at all; and there is no more of it than commands that failed.
    expect(ids.length - load.acknowledged.size, note).toBeLessThanOrEqual(load.failures.length);
    for (const { id, name } of rows) {
      const digest = await exported(ckpt, id, dir);
      expect(digest, `${note}: ${id}`).toBe(load.given.get(name ?? ''));
      expect(digest, `${note}: ${id}`).toBe(load.acknowledged.get(id) ?? digest);
    }
  } finally {
    await ckpt.close();
  }
}

async function exported(ckpt: Ckpt, id: string, dir: string): Promise<string> {
  const path = join(dir, 'exported.img');
  const fd = openSync(path, 'w+');
  try {
    await ckpt.export(id, fd);
    const digest = createHash('sha256');
    const piece = Buffer.alloc(1 << 20);
    for (let at = 0, got = 1; got > 0; at += got) {
      got = readSync(fd, piece, 0, piece.length, at);
      digest.update(piece.subarray(0, got));
    }
    return digest.digest('hex');
  } finally {
    closeSync(fd);
    rmSync(path);
  }
}
