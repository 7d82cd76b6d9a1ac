// SPDX-License-Identifier: Apache-2.0
//
// A load of ingests, and what must hold after whatever happened to them.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { loadCodec } from '../../../src/codec/native.js';
import { rebuildImage } from '../../../src/restore/rebuild.js';
import { storedImage } from '../../../src/stored-image.js';
import { verifyStore } from '../../../src/verify.js';
import { buildImage, plainShape, rowOfPages } from '../../support/image-generator.js';
import { digestOf, runCkpt, startCkpt, withFreshCatalog, type Running } from './ckpt.js';

/** Pages of an image: large enough for some batches and packs. */
const PAGES = 1500;

export class Load {
  /** Acknowledged checkpoints, and the digest of what was given. */
  readonly acknowledged = new Map<string, string>();
  readonly failures: string[] = [];
  private stopped = false;
  private made = 0;
  private readonly running = new Set<Running>();

  constructor(
    private readonly dir: string,
    private readonly url: string,
    private readonly seed: number,
  ) {}

  /** One machine that ingests one image after the other, until stop(). */
  async ingest(machine: string): Promise<void> {
    while (!this.stopped) {
      const number = ++this.made;
      const mappings = [rowOfPages(PAGES, 'noise', 'text', 'repeated', 'noise')];
      const { bytes } = buildImage(plainShape(2, { seed: this.seed + number, mappings }));
      const file = join(this.dir, `${number}.img`);
      writeFileSync(file, bytes);
      const running = startCkpt(join(this.dir, machine), this.url, 'ingest', file, '--name', `n${number}`);
      this.running.add(running);
      const { code, stdout, stderr } = await running.ended;
      this.running.delete(running);
      if (code === 0) this.acknowledged.set(stdout.toString().trim(), digestOf(bytes));
      else this.failures.push(stderr.trim());
    }
  }

  /** A machine that does nothing but project. */
  async project(machine: string): Promise<void> {
    while (!this.stopped) {
      const running = startCkpt(join(this.dir, machine), this.url, 'ls');
      this.running.add(running);
      await running.ended;
      this.running.delete(running);
    }
  }

  /** Ends one of the processes that run now. */
  kill(random: (bound: number) => number): void {
    const all = [...this.running];
    all[random(all.length)]?.child.kill('SIGKILL');
  }

  stop(): void {
    this.stopped = true;
  }
}

/** Everything acknowledged is there, bit for bit, once; nothing is half visible; verify is clean; catalogs are equal. */
export async function expectNothingLost(load: Load, url: string, machines: readonly string[]): Promise<void> {
  const codec = loadCodec();
  const digest = await withFreshCatalog(url, async (store) => {
    await store.abortStale();
    await store.catchUp();
    const rows = store.catalog.list();
    const ids = rows.map((row) => row.id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of load.acknowledged.keys()) expect(ids, `acknowledged ${id}`).toContain(id);
    const names = rows.filter((row) => load.acknowledged.has(row.id)).map((row) => row.name);
    expect(new Set(names).size).toBe(names.length);
    expect(store.catalog.list({ states: ['damaged'] })).toEqual([]);
    const env = { codec, salt: Buffer.from(store.log.opened.salt, 'hex'), packsDir: store.log.packs.dir };
    expect((await verifyStore(store, env)).damage).toEqual([]);
    for (const row of rows) await rebuildImage(storedImage(store, row.id), -1, env);
    return store.catalogDigest();
  });
  expect(await withFreshCatalog(url, async (store) => store.catalogDigest())).toBe(digest);
  for (const machine of machines) {
    for (const [id, wanted] of load.acknowledged) {
      const { code, stdout, stderr } = await runCkpt(machine, url, 'export', id);
      expect(code, stderr).toBe(0);
      expect(digestOf(stdout), id).toBe(wanted);
    }
    expect(await runCkpt(machine, url, 'verify')).toMatchObject({ code: 0 });
  }
}
