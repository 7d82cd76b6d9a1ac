// SPDX-License-Identifier: Apache-2.0
//
// The store as it must look: what was ingested, byte for byte, and what was done to it since. One driver takes random steps on the
// store and on this, and compares. Everything comes from one seed, but for the order in which threads and processes get their turns.
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { expect } from 'vitest';
import { Ckpt } from '../../../src/ckpt.js';
import { CkptError } from '../../../src/format/errors.js';
import { catalogOfLog, type CollectReport, type Store } from '../../../src/store/index.js';
import { loadCodec } from '../../../src/codec/native.js';
import { Noise } from '../../support/noise.js';
import { pagedImage } from '../../support/paged-image.js';
import { CRASH, failAfter } from './faults.js';

/** Different pages there are; an image has some of them, so that images share pages and packs come to be partly used. */
const UNIVERSE = 300;
const IMAGE_PAGES_MAX = 60;
const KEPT_MAX = 15;
/** Header, directory and frame table of most packs here. */
const STRUCTURE_BYTES = 2048;
const NAMES = ['alpha', 'beta', 'gamma', null] as const;
const TAGS = ['first', 'good', 'v1'] as const;

interface Expected {
  readonly name: string | null;
  readonly sha: string;
  readonly image: Buffer;
  readonly tags: Set<string>;
}

export interface Counts {
  [step: string]: number;
}

export class Model {
  /** In memory where there is such a place: thousands of steps sync tens of thousands of times, and no power fails here. */
  readonly dir = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'ckpt-model-'));
  readonly storeDir = join(this.dir, 'store');
  readonly counts: Counts = {};
  readonly random: Noise;
  private readonly kept = new Map<string, Expected>();
  /** Long-lived openings with indexes of their own, that grow old. */
  private readonly open: Ckpt[] = [];
  private files = 0;

  constructor(readonly seed: number) {
    this.random = new Noise(seed);
    mkdirSync(this.storeDir, { recursive: true });
  }

  async start(): Promise<void> {
    for (let i = 0; i < 2; i++) this.open.push(await this.another());
  }

  async dispose(): Promise<void> {
    for (const ckpt of this.open.splice(0)) await ckpt.close();
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** One random step; it returns what it was. */
  async step(): Promise<string> {
    const [total, choices] = [this.weights.reduce((sum, [weight]) => sum + weight, 0), this.weights];
    let at = this.random.below(total);
    for (const [weight, name, run] of choices) {
      at -= weight;
      if (at >= 0) continue;
      this.count(name);
      await run.call(this);
      return name;
    }
    throw new Error('no step');
  }

  private readonly weights: readonly (readonly [number, string, () => Promise<void>])[] = [
    [24, 'ingest', this.ingest],
    [5, 'ingest of several', this.ingestSeveral],
    [5, 'torn ingest', this.tornIngest],
    [16, 'rm', this.remove],
    [4, 'tag', this.tag],
    [2, 'untag', this.untag],
    [14, 'export', this.export],
    [6, 'gc', this.collect],
    [3, 'gc without rewrite', this.collectOnly],
    [6, 'gc, ingest and exports at once', this.everythingAtOnce],
    [5, 'crash in an ingest', this.crashInIngest],
    [5, 'crash in gc', this.crashInCollect],
    [2, 'rebuild', this.rebuild],
    [2, 'verify', this.verify],
    [2, 'reopen', this.reopen],
    [2, 'damage, ingested again', this.damageAndIngest],
    [2, 'damage, repaired', this.damageAndRepair],
    [1, 'look', this.look],
    [2, 'everything removed', this.removeEverything],
  ];

  // ---- steps

  private async ingest(): Promise<void> {
    await this.ingestInto(this.any());
  }

  private async ingestInto(ckpt: Ckpt): Promise<void> {
    const image = this.image();
    const name = this.pick(NAMES);
    const ids = await this.withFile(image, (fd) => collectIds(ckpt.ingest(fd, { name })));
    this.expectIds(ids, 1);
    this.keep(ids[0] ?? '', name, image);
  }

  private async ingestSeveral(): Promise<void> {
    const images = Array.from({ length: 2 + this.random.below(3) }, () => this.image());
    const ids = await this.withFile(Buffer.concat(images), (fd) => collectIds(this.any().ingest(fd, { stream: true })));
    this.expectIds(ids, images.length);
    ids.forEach((id, i) => this.keep(id, null, images[i] ?? Buffer.alloc(0)));
  }

  private async tornIngest(): Promise<void> {
    const image = this.image();
    const torn = image.subarray(0, this.random.below(image.length));
    const ingesting = this.withFile(torn, (fd) => collectIds(this.any().ingest(fd)));
    await expect(ingesting, this.where).rejects.toMatchObject({ kind: 'damaged' });
  }

  private async remove(): Promise<void> {
    const id = this.anyId();
    if (id === undefined || (this.kept.size < KEPT_MAX && this.random.below(2) === 0)) return;
    await this.removeOne(id);
  }

  private async removeOne(id: string): Promise<void> {
    this.kept.delete(id);
    await this.any().remove(id);
  }

  private async tag(): Promise<void> {
    const id = this.anyId();
    if (id === undefined) return;
    const tag = this.pick(TAGS);
    await this.any().tag(id, tag);
    this.kept.get(id)?.tags.add(tag);
  }

  private async untag(): Promise<void> {
    const id = this.anyId();
    const tag = this.pick(TAGS);
    const tags = id === undefined ? undefined : this.kept.get(id)?.tags;
    if (id === undefined || !tags?.has(tag)) return;
    await this.any().untag(id, tag);
    tags.delete(tag);
  }

  private async export(): Promise<void> {
    const id = this.anyId();
    if (id !== undefined) await this.exportFrom(this.any(), id);
  }

  private async collect(): Promise<void> {
    this.collected(await this.any().collect());
  }

  /** What was said about packs is forgotten then, while others have the store open. Sometimes it crashes on the way there. */
  private async removeEverything(): Promise<void> {
    const forgotten = async (): Promise<number | undefined> => {
      await this.open[0]?.refresh();
      return this.open[0] && storeOf(this.open[0]).life.packsForgotten()?.offset;
    };
    const before = await forgotten();
    for (const id of [...this.kept.keys()]) await this.removeOne(id);
    if (this.random.below(2) === 0) await this.crashInCollect();
    await this.collect();
    if ((await forgotten()) !== before) this.count('packs forgotten');
    if (this.random.below(2) === 0) await this.rebuild();
    await this.ingest();
  }

  private collected({ rewritten_packs, deleted_packs, forgotten }: CollectReport): void {
    this.count('packs rewritten', rewritten_packs);
    this.count('packs deleted', deleted_packs);
    this.count('checkpoints forgotten', forgotten);
  }

  private async collectOnly(): Promise<void> {
    const ckpt = this.any();
    const preview = await ckpt.collect({ rewrite: false, dryRun: true });
    const done = await ckpt.collect({ rewrite: false });
    this.collected(done);
    // Nobody else is at work: what was said is what was done.
    expect(done, this.where).toEqual(preview);
  }

  /** Checkpoints go while they are exported: these exports may find them gone, the others may not. */
  private async everythingAtOnce(): Promise<void> {
    const ids = [...this.kept.keys()];
    const leaving = ids.length > 3 ? [this.pick(ids)] : [];
    const staying = ids.filter((id) => !leaving.includes(id));
    const [first, second] = [await this.another(), await this.another()];
    try {
      const reading = [
        ...leaving,
        ...Array.from({ length: 3 }, () => this.pick(staying)).filter((id) => id !== undefined),
      ];
      const exports = reading.map((id) => {
        const sha = this.kept.get(id)?.sha;
        const found = this.exportedSha(this.any(), id);
        return leaving.includes(id) ? orGone(found, sha) : found.then((one) => ({ one, sha }));
      });
      for (const id of leaving) this.kept.delete(id);
      const work = [
        ...leaving.map((id) => first.remove(id)),
        first.collect().then((report) => this.collected(report)),
        this.ingestInto(second),
        this.ingestInto(this.any()),
      ];
      await Promise.all(work);
      for (const { one, sha } of await Promise.all(exports)) expect(one, this.where).toBe(sha);
    } finally {
      await first.close();
      await second.close();
    }
  }

  private async crashInIngest(): Promise<void> {
    const image = this.image();
    const ckpt = await this.another();
    const before = new Set((await ckpt.list()).map(({ id }) => id));
    const crashed = failAfter(storeOf(ckpt), this.random.below(9));
    const ids = await this.withFile(image, (fd) => collectIds(ckpt.ingest(fd)).catch(this.onlyCrashes));
    await crashed.close();
    const added = (await this.idsNow()).filter((id) => !before.has(id));
    // Sealed, or nothing: what was answered is there, and what is there is whole.
    expect(added.length, this.where).toBeLessThanOrEqual(1);
    if (ids) expect(added, this.where).toEqual(ids);
    for (const id of added) this.keep(id, null, image);
  }

  private async crashInCollect(): Promise<void> {
    const ckpt = await this.another();
    const crashed = failAfter(storeOf(ckpt), this.random.below(12));
    const reading = this.anyId();
    const exporting = reading === undefined ? undefined : this.exportFrom(this.any(), reading);
    await ckpt.collect().catch(this.onlyCrashes);
    await exporting;
    await crashed.close();
  }

  private async rebuild(): Promise<void> {
    await this.any().rebuild();
    await this.look();
  }

  private async verify(): Promise<void> {
    const report = await this.any().verify();
    expect(report.damage, this.where).toEqual([]);
  }

  private async reopen(): Promise<void> {
    const old = this.open.splice(this.random.below(this.open.length), 1)[0];
    await old?.close();
    this.open.push(await this.another());
    await this.look();
  }

  /** A byte of a pack goes bad: what it touches is named, and whole again when the same pages have come once more. */
  private async damageAndIngest(): Promise<void> {
    const touched = await this.damage();
    if (!touched) return;
    for (const id of touched) {
      const { image } = this.kept.get(id) ?? {};
      if (!image) throw new Error(`${this.where}: verify names ${id}, which is not there`);
      const ids = await this.withFile(image, (fd) => collectIds(this.any().ingest(fd)));
      this.keep(ids[0] ?? '', null, image);
    }
    await this.verify();
    for (const id of touched) await this.exportFrom(this.any(), id);
    // As many as before, that runs do not grow.
    for (const id of touched) await this.removeOne(id);
  }

  /** What was not in the bad frame is saved; the rest is repaired by what comes later, or goes. */
  private async damageAndRepair(): Promise<void> {
    const touched = await this.damage();
    if (!touched) return;
    const report = await this.any().repair();
    expect(report.catalog_rebuilt, this.where).toBe(false);
    const left = new Set(report.left.damage.flatMap((one) => one.touches));
    for (const id of touched) {
      if (!left.has(id)) await this.exportFrom(this.any(), id);
    }
    this.count('checkpoints with lost pages', left.size);
    for (const id of left) {
      await expect(this.exportedSha(this.any(), id), this.where).rejects.toMatchObject({ kind: 'damaged' });
      await this.removeOne(id);
    }
    await this.any().repair();
    await this.verify();
  }

  /** Flips a bit of a pack. The checkpoints that verify names for it; null when there is no pack. */
  private async damage(): Promise<string[] | null> {
    const paths = this.packFiles();
    if (paths.length === 0) return null;
    const path = this.pick(paths);
    const id = basename(path, '.pack');
    const bytes = readFileSync(path);
    // As often in the few bytes that say where everything is as in pages.
    const at = this.random.below(this.random.below(2) === 0 ? bytes.length : Math.min(bytes.length, STRUCTURE_BYTES));
    bytes[at] = (bytes[at] ?? 0) ^ (1 << this.random.below(8));
    writeFileSync(path, bytes);
    const ckpt = this.any();
    const { damage } = await ckpt.verify();
    const users = storeOf(ckpt).catalog.usersOf(id);
    // One that nobody needs may be named, or be left for the collector.
    if (users.length > 0 || damage.length > 0) expect(damage, this.where).toMatchObject([{ what: `pack ${id}` }]);
    return users.map(({ checkpoint_id }) => checkpoint_id);
  }

  private packFiles(): string[] {
    const packs = join(this.storeDir, 'packs');
    if (!existsSync(packs)) return [];
    const names = readdirSync(packs, { recursive: true }).map(String);
    return names
      .filter((name) => name.endsWith('.pack'))
      .sort()
      .map((name) => join(packs, name));
  }

  /** What there is, with names and tags; and the catalog is that of the log. */
  async look(): Promise<void> {
    const ckpt = await this.another();
    try {
      const rows = await ckpt.list();
      const found = await Promise.all(rows.map(async ({ id, name }) => [id, name, await ckpt.tagsOf(id)]));
      const expected = [...this.kept].map(([id, { name, tags }]) => [id, name, [...tags].sort()]).sort();
      expect(found, this.where).toEqual(expected);
      const store = storeOf(ckpt);
      expect(store.catalogDigest(), this.where).toBe(await catalogOfLog(store.log, loadCodec()));
    } finally {
      await ckpt.close();
    }
  }

  /** Every checkpoint, bit for bit. */
  async exportAll(): Promise<void> {
    for (const id of this.kept.keys()) await this.exportFrom(this.any(), id);
  }

  async removeAll(): Promise<void> {
    for (const id of this.kept.keys()) await this.any().remove(id);
    this.kept.clear();
    await this.any().collect();
  }

  // ---- what the steps share

  get where(): string {
    return `seed ${this.seed}, steps ${JSON.stringify(this.counts)}`;
  }

  private readonly onlyCrashes = (error: unknown): undefined => {
    if (!(error as Error).message.includes(CRASH)) throw error;
    this.count('crashes');
  };

  private count(what: string, more = 1): void {
    this.counts[what] = (this.counts[what] ?? 0) + more;
  }

  private another(): Promise<Ckpt> {
    return Ckpt.open({ store: this.storeDir, access: 'create', threads: 2 });
  }

  private any(): Ckpt {
    return this.pick(this.open);
  }

  private pick<T>(from: readonly T[]): T {
    return from[this.random.below(from.length)] as T;
  }

  private anyId(): string | undefined {
    return this.kept.size ? this.pick([...this.kept.keys()]) : undefined;
  }

  private async idsNow(): Promise<string[]> {
    const ckpt = await this.another();
    try {
      return (await ckpt.list()).map(({ id }) => id);
    } finally {
      await ckpt.close();
    }
  }

  private image(): Buffer {
    const [first, count] = [this.random.below(UNIVERSE), this.random.below(IMAGE_PAGES_MAX)];
    const pages = Array.from({ length: count }, (_, i) =>
      this.random.below(5) === 0 ? this.random.below(UNIVERSE) : (first + i) % UNIVERSE,
    );
    return pagedImage(pages, this.random.below(4), 1 + this.random.below(4));
  }

  private keep(id: string, name: string | null, image: Buffer): void {
    this.kept.set(id, { name, sha: shaOf(image), image, tags: new Set() });
  }

  private expectIds(ids: readonly string[], count: number): void {
    expect(ids, this.where).toHaveLength(count);
  }

  private async exportFrom(ckpt: Ckpt, id: string): Promise<void> {
    expect(await this.exportedSha(ckpt, id), `${this.where}, checkpoint ${id}`).toBe(this.kept.get(id)?.sha);
  }

  private async exportedSha(ckpt: Ckpt, id: string): Promise<string> {
    const path = this.file();
    const fd = openSync(path, 'w+');
    try {
      await ckpt.export(id, fd);
      return shaOf(readFileSync(path));
    } finally {
      closeSync(fd);
      rmSync(path);
    }
  }

  private async withFile<T>(bytes: Buffer, work: (fd: number) => Promise<T>): Promise<T> {
    const path = this.file();
    writeFileSync(path, bytes);
    const fd = openSync(path, 'r');
    try {
      return await work(fd);
    } finally {
      closeSync(fd);
      rmSync(path);
    }
  }

  private file(): string {
    return join(this.dir, `file-${this.files++}`);
  }
}

export function storeOf(ckpt: Ckpt): Store {
  return (ckpt as unknown as { store: Store }).store;
}

function shaOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function collectIds(images: AsyncGenerator<{ readonly id: string }>): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of images) ids.push(id);
  return ids;
}

async function orGone(found: Promise<string>, sha: string | undefined): Promise<{ one: string; sha: string }> {
  try {
    return { one: await found, sha: sha ?? '' };
  } catch (error) {
    if (error instanceof CkptError && error.kind === 'missing') return { one: '', sha: '' };
    throw error;
  }
}
