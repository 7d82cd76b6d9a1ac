// SPDX-License-Identifier: Apache-2.0
//
// Packs of a log on Kafka. The topic is the truth; on this machine they are files, kept like those of the embedded log, so that
// the codec reads them where they are. A pack is listed only after the topic has acknowledged it: otherwise this machine would
// rely on pages that no other can have.
//
// With a budget only heads are kept (pack-heads.ts); a pack's file is brought from its place in the topic when somebody needs it, and
// goes again when others need the room (pack-budget.ts).
import type { Statement } from 'better-sqlite3';
import { closeSync, fstatSync, readFileSync } from 'node:fs';
import { packPath } from '../../codec/native.js';
import { EmbeddedPacks } from '../embedded/pack-files.js';
import { errorCode, guarded, StoreError } from '../errors.js';
import { nothingHeld, type LocalPacks, type NewPack, type PackBatch, type PackHold, type PackStore } from '../log.js';
import type { Db } from '../sqlite.js';
import { PackBudget } from './pack-budget.js';
import { PackHeads } from './pack-heads.js';
import type { PacksTopic, Placed } from './packs-topic.js';

/** Packs brought at once. */
const BROUGHT_AT_ONCE = 4;
/** Times that a pack is brought again which others made room with before it could be held. */
const BRING_ATTEMPTS = 50;

export class KafkaPacks implements PackStore {
  readonly dir: string;
  readonly headsDir: string;
  readonly bytesMax: number | null;
  private readonly files: EmbeddedPacks;
  private readonly heads: PackHeads;
  private readonly budget: PackBudget | null;
  private readonly cache: string;
  /** Packs that this process is just bringing. */
  private readonly bringing = new Map<string, Promise<void>>();
  private isSettled = false;
  private readonly insertPlace: Statement<[number, number, string]>;
  private readonly isPlaced: Statement<[number, number], number>;
  private readonly placesOf: Statement<[string], { partition: number; offset: number }>;
  private readonly next: Statement<[number], number>;
  private readonly putNext: Statement<[number, number]>;

  /** `bytesMax`: what the files of packs may take here; null: all of them are kept. */
  constructor(
    private readonly db: Db,
    private readonly topic: PacksTopic,
    storeDir: string,
    bytesMax: number | null,
  ) {
    this.cache = `${storeDir}/kafka.db`;
    this.bytesMax = bytesMax;
    this.files = new EmbeddedPacks(db, this.cache, storeDir);
    this.dir = this.files.dir;
    this.heads = new PackHeads(`${storeDir}/heads`);
    this.budget = bytesMax === null ? null : new PackBudget(db, this.cache, this.dir, bytesMax);
    this.headsDir = this.budget ? this.heads.dir : this.dir;
    this.insertPlace = db.prepare('INSERT OR REPLACE INTO pack_place (partition, offset, id) VALUES (?, ?, ?)');
    this.isPlaced = db
      .prepare('SELECT 1 FROM pack_place WHERE partition = ? AND offset = ?')
      .pluck() as typeof this.isPlaced;
    this.placesOf = db.prepare('SELECT partition, offset FROM pack_place WHERE id = ? ORDER BY offset DESC');
    this.next = db.prepare('SELECT next FROM pack_next WHERE partition = ?').pluck() as typeof this.next;
    this.putNext = db.prepare(
      'INSERT INTO pack_next (partition, next) VALUES (?, ?) ON CONFLICT DO UPDATE SET next = max(next, excluded.next)',
    );
  }

  async put(packs: readonly NewPack[]): Promise<void> {
    if (packs.length === 0) return;
    const [placed, written] = await Promise.allSettled([this.topic.send(packs), this.keep(packs)]);
    if (placed.status === 'rejected') throw placed.reason;
    // The topic has them: when the files cannot be written here, that is said, and read() brings them later.
    if (written.status === 'rejected') throw written.reason;
    this.list(placed.value);
  }

  async *read(from: number): AsyncGenerator<PackBatch> {
    await this.settle();
    await this.project();
    // Whoever starts from the beginning wants everything that is derived from packs.
    if (from === 0 && this.budget) await this.makeHeads();
    yield* this.files.read(from);
  }

  async ensureLocal(ids: readonly string[]): Promise<PackHold> {
    const { budget } = this;
    if (budget) return this.hold(budget, ids);
    const missing = await this.files.folder.missing(ids);
    if (missing.length > 0) await this.bring(new Set(missing));
    await this.files.ensureLocal(missing);
    return nothingHeld;
  }

  /** Tombstones, durable before anything is removed here; the topic gives its space back when it is compacted. */
  async remove(ids: readonly string[]): Promise<void> {
    await this.topic.sendTombstones(ids);
    this.unlist(ids);
    await this.removeFiles(ids);
  }

  /**
   * Files of packs that another machine has removed stay until somebody here collects: exports of this machine may be reading them.
   */
  async sweep(mayGo: (id: string, stream: string | null) => boolean): Promise<number> {
    const isListed = this.db.prepare('SELECT 1 FROM pack WHERE id = ?').pluck();
    await this.heads.folder.sweep((id, stream) => isListed.get(id) === undefined && mayGo(id, stream()));
    const swept = await this.files.sweep(mayGo);
    this.budget?.adopt(this.files.folder.ids());
    return swept;
  }

  removeLeftovers(): void {
    this.files.removeLeftovers();
    this.heads.folder.removeLeftovers();
    this.budget?.trim();
  }

  local(): LocalPacks {
    return this.budget?.local() ?? { packs: 0, bytes: 0 };
  }

  async partitions(): Promise<{ end: number; here: number }[]> {
    const ends = await this.topic.ends();
    return ends.map((end, partition) => ({ end, here: this.skipPlaced(partition, this.next.get(partition) ?? 0) }));
  }

  // ---- the list, and what is kept of every pack

  private keep(packs: readonly NewPack[]): Promise<void> {
    return this.budget ? this.heads.write(packs) : this.files.folder.write(packs);
  }

  private list(placed: readonly Placed[]): void {
    guarded('register packs', this.cache, () =>
      this.db
        .transaction(() => {
          this.files.register(placed.map(({ pack }) => pack));
          for (const { pack, partition, offset } of placed) this.insertPlace.run(partition, offset, pack.id);
        })
        .immediate(),
    );
  }

  private unlist(ids: readonly string[]): void {
    guarded('remove packs', this.cache, () =>
      this.db
        .transaction(() => {
          for (const id of ids) {
            this.db.prepare('DELETE FROM pack WHERE id = ?').run(id);
            this.db.prepare('DELETE FROM pack_place WHERE id = ?').run(id);
          }
        })
        .immediate(),
    );
  }

  private async removeFiles(ids: readonly string[]): Promise<void> {
    await this.files.remove(ids);
    await this.heads.folder.remove(ids);
    this.budget?.drop(ids);
  }

  /** Lists everything that the topic holds, and keeps what has to be here of it. */
  private async project(): Promise<void> {
    const ends = await this.topic.ends();
    for (const [partition, end] of ends.entries()) {
      let next = this.skipPlaced(partition, this.next.get(partition) ?? 0);
      while (next < end) {
        const found = await this.topic.fetch(partition, next, end);
        const gone = new Set(found.gone);
        const there = found.placed.filter(({ pack }) => !gone.has(pack.id));
        await this.keep(there.map(({ pack }) => pack));
        this.list(there);
        this.unlist(found.gone);
        next = this.skipPlaced(partition, found.next);
      }
    }
  }

  /** What this machine put itself need not be read back. */
  private skipPlaced(partition: number, from: number): number {
    let next = from;
    while (this.isPlaced.get(partition, next) !== undefined) next++;
    if (next > (this.next.get(partition) ?? 0))
      guarded('read packs', this.cache, () => this.putNext.run(partition, next));
    return next;
  }

  /** After the setting was changed: what it wants to be here is brought, what it does not goes. */
  private async settle(): Promise<void> {
    if (this.isSettled) return;
    const known = this.db.prepare("SELECT value FROM meta WHERE name = 'packs'").pluck().get() ?? 'all';
    const wanted = this.budget ? 'on-demand' : 'all';
    if (known !== wanted) {
      if (this.budget) {
        await this.makeHeads();
        this.budget.adopt(this.files.folder.ids());
      } else {
        await this.ensureLocal(this.listed());
        this.db.prepare('DELETE FROM pack_local').run();
      }
      const put = "INSERT INTO meta (name, value) VALUES ('packs', ?) ON CONFLICT DO UPDATE SET value = excluded.value";
      guarded('settle packs', this.cache, () => this.db.prepare(put).run(wanted));
    }
    this.isSettled = true;
  }

  private listed(): string[] {
    return this.db.prepare('SELECT id FROM pack ORDER BY position').pluck().all() as string[];
  }

  /** Heads that are not there: from the packs that are here, else from the topic. */
  private async makeHeads(): Promise<void> {
    await atOnce(BROUGHT_AT_ONCE, await this.heads.folder.missing(this.listed()), async (id) => {
      const bytes = fileIfThere(packPath(this.dir, id));
      if (bytes) await this.heads.write([{ id, bytes }]);
      else await this.bring(new Set([id]));
    });
  }

  // ---- bringing

  private async hold(budget: PackBudget, ids: readonly string[]): Promise<PackHold> {
    const held: number[] = [];
    const release = (): void => {
      if (held.length === 0) return;
      for (const fd of held.splice(0)) closeSync(fd);
      budget.trim();
    };
    try {
      await atOnce(BROUGHT_AT_ONCE, ids, async (id) => {
        held.push(await this.holdOne(budget, id));
      });
    } catch (error) {
      release();
      throw error;
    }
    return { release };
  }

  private async holdOne(budget: PackBudget, id: string): Promise<number> {
    for (let attempt = 0; attempt < BRING_ATTEMPTS; attempt++) {
      const fd = budget.hold(id);
      if (fd !== null) {
        if (await this.heads.agrees(id, fd)) {
          budget.use([{ id, bytes: bytesOf(fd) }]);
          return fd;
        }
        // One of the two is not what it was. The topic knows.
        closeSync(fd);
        await this.files.folder.remove([id]);
        await this.heads.folder.remove([id]);
      }
      await this.bringOnce(id);
    }
    const problem = `others make room with pack ${id} as soon as it is there`;
    const hint = 'give packs-bytes-max a larger value';
    throw new StoreError({ reason: 'failed', operation: 'bring a pack', place: this.dir, problem, hint });
  }

  /** Throws when it cannot be had. */
  private bringOnce(id: string): Promise<void> {
    let under = this.bringing.get(id);
    if (!under) {
      const wanted = new Set([id]);
      under = this.bring(wanted)
        .then(() => {
          if (wanted.size > 0) throw this.files.folder.missingError([id]);
        })
        .finally(() => this.bringing.delete(id));
      this.bringing.set(id, under);
    }
    return under;
  }

  /**
   * Files from where they stand in the topic, or, when compaction has moved them, from wherever they stand. What was found is taken out of
   * `ids`.
   */
  private async bring(ids: Set<string>): Promise<void> {
    for (const id of [...ids]) {
      for (const { partition, offset } of this.placesOf.all(id)) {
        if (ids.has(id)) await this.bringFrom(partition, offset, ids);
      }
    }
    if (ids.size === 0) return;
    // To the end of each: behind a pack there may be its tombstone.
    const sought = new Set(ids);
    for (const [partition, end] of (await this.topic.ends()).entries()) {
      for (let next = 0; next < end;) {
        const found = await this.topic.fetch(partition, next, end);
        const wanted = found.placed.filter(({ pack }) => sought.has(pack.id));
        await this.take(wanted);
        for (const { pack } of wanted) ids.delete(pack.id);
        const gone = found.gone.filter((id) => sought.has(id));
        this.unlist(gone);
        await this.removeFiles(gone);
        for (const id of gone) ids.add(id);
        next = found.next;
      }
    }
  }

  private async bringFrom(partition: number, offset: number, ids: Set<string>): Promise<void> {
    for (let next = offset; next <= offset && ids.size > 0;) {
      const found = await this.topic.fetch(partition, next, offset + 1, true);
      const wanted = found.placed.filter(({ pack }) => ids.has(pack.id));
      await this.take(wanted);
      for (const { pack } of wanted) ids.delete(pack.id);
      next = found.next;
    }
  }

  private async take(placed: readonly Placed[]): Promise<void> {
    const packs = placed.map(({ pack }) => pack);
    const counted = packs.map(({ id, storedBytes }) => ({ id, bytes: storedBytes }));
    if (this.budget) {
      await this.heads.write(packs);
      this.budget.use(counted);
    }
    await this.files.folder.write(packs);
    // Somebody may have made room with the row before there was a file.
    this.budget?.use(counted);
    this.list(placed);
  }
}

function bytesOf(fd: number): number {
  return fstatSync(fd).size;
}

function fileIfThere(path: string): Buffer | null {
  try {
    return readFileSync(path);
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return null;
    throw cause;
  }
}

/** Works through things, so many at a time; the first error when all that was begun has ended. */
async function atOnce<T>(count: number, things: readonly T[], work: (thing: T) => Promise<void>): Promise<void> {
  const waiting = [...things].reverse();
  const worker = async (): Promise<void> => {
    for (let thing = waiting.pop(); thing !== undefined; thing = waiting.pop()) await work(thing);
  };
  const ended = await Promise.allSettled(Array.from({ length: Math.min(count, things.length) }, worker));
  const failed = ended.find((one) => one.status === 'rejected');
  if (failed) throw failed.reason;
}
