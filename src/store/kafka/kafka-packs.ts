// SPDX-License-Identifier: Apache-2.0
//
// Packs of a log on Kafka. The topic is the truth; on this machine they are files, kept like those of the embedded log, so that
// the codec reads them where they are. A pack is listed only after the topic has acknowledged it: otherwise this machine would
// rely on pages that no other can have.
import type { Statement } from 'better-sqlite3';
import { EmbeddedPacks } from '../embedded/pack-files.js';
import { guarded, StoreError } from '../errors.js';
import type { NewPack, PackBatch, PackStore } from '../log.js';
import type { Db } from '../sqlite.js';
import type { KafkaClient } from './client.js';
import { packMessage, packOf, packTombstone } from './pack-messages.js';
import { partitionOf } from './partition.js';
import { packMessages, unpackMessages } from './protocol.js';

/** Times that a message which is not what it must be is read again before that is believed. */
const REREADS = 2;

interface Placed {
  readonly pack: NewPack;
  readonly partition: number;
  readonly offset: number;
}

export class KafkaPacks implements PackStore {
  readonly dir: string;
  private readonly local: EmbeddedPacks;
  private readonly insertPlace: Statement<[number, number, string]>;
  private readonly isPlaced: Statement<[number, number], number>;
  private readonly placesOf: Statement<[string], { partition: number; offset: number }>;
  private readonly next: Statement<[number], number>;
  private readonly putNext: Statement<[number, number]>;

  constructor(
    private readonly db: Db,
    private readonly client: KafkaClient,
    private readonly place: string,
    storeDir: string,
    private readonly topicPartitions: number,
  ) {
    this.local = new EmbeddedPacks(db, `${storeDir}/kafka.db`, storeDir);
    this.dir = this.local.dir;
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
    const [placed, written] = await Promise.allSettled([this.send(packs), this.local.writeFiles(packs)]);
    if (placed.status === 'rejected') throw placed.reason;
    // The topic has them: when the files cannot be written here, that is said, and read() brings them later.
    if (written.status === 'rejected') throw written.reason;
    this.list(placed.value);
  }

  async *read(from: number): AsyncGenerator<PackBatch> {
    await this.materialize();
    yield* this.local.read(from);
  }

  async ensureLocal(ids: readonly string[]): Promise<void> {
    const missing = await this.local.missing(ids);
    if (missing.length > 0) await this.bring(new Set(missing));
    await this.local.ensureLocal(missing);
  }

  /** Tombstones, durable before anything is removed here; the topic gives its space back when it is compacted. */
  async remove(ids: readonly string[]): Promise<void> {
    const byPartition = new Map<number, string[]>();
    for (const id of ids) {
      const partition = partitionOf(id, this.topicPartitions);
      byPartition.set(partition, [...(byPartition.get(partition) ?? []), id]);
    }
    for (const [partition, some] of byPartition) {
      const messages = packMessages(some.map(packTombstone));
      await this.client.call('send', { topic: 'packs', partition, messages });
    }
    this.unlist(ids);
    await this.local.remove(ids);
  }

  /**
   * Files of packs that another machine has removed stay until somebody here collects: exports of this machine may be reading them.
   */
  sweep(mayGo: (id: string, stream: string | null) => boolean): Promise<number> {
    return this.local.sweep(mayGo);
  }

  private unlist(ids: readonly string[]): void {
    guarded('remove packs', `${this.dir}/../kafka.db`, () =>
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

  removeLeftovers(): void {
    this.local.removeLeftovers();
  }

  async partitions(): Promise<{ end: number; here: number }[]> {
    const ends = await this.client.call('ends', { topic: 'packs' });
    return ends.map((end, partition) => ({ end, here: this.skipPlaced(partition, this.next.get(partition) ?? 0) }));
  }

  private async send(packs: readonly NewPack[]): Promise<Placed[]> {
    const byPartition = new Map<number, NewPack[]>();
    for (const pack of packs) {
      const partition = partitionOf(pack.id, this.topicPartitions);
      byPartition.set(partition, [...(byPartition.get(partition) ?? []), pack]);
    }
    const sent = [...byPartition].map(async ([partition, some]) => {
      const messages = packMessages(some.map(packMessage));
      const offsets = await this.client.call('send', { topic: 'packs', partition, messages });
      return some.map((pack, index) => ({ pack, partition, offset: offsets[index] ?? -1 }));
    });
    const placed = new Map((await Promise.all(sent)).flat().map((one) => [one.pack, one]));
    return packs.flatMap((pack) => placed.get(pack) ?? []);
  }

  private list(placed: readonly Placed[]): void {
    guarded('register packs', `${this.dir}/../kafka.db`, () =>
      this.db
        .transaction(() => {
          this.local.register(placed.map(({ pack }) => pack));
          for (const { pack, partition, offset } of placed) this.insertPlace.run(partition, offset, pack.id);
        })
        .immediate(),
    );
  }

  /** Makes everything that the topic holds be here. */
  private async materialize(): Promise<void> {
    const ends = await this.client.call('ends', { topic: 'packs' });
    for (const [partition, end] of ends.entries()) {
      let next = this.skipPlaced(partition, this.next.get(partition) ?? 0);
      while (next < end) {
        const found = await this.fetch(partition, next, end);
        const gone = new Set(found.gone);
        const there = found.placed.filter(({ pack }) => !gone.has(pack.id));
        await this.local.writeFiles(there.map(({ pack }) => pack));
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
      guarded('read packs', this.place, () => this.putNext.run(partition, next));
    return next;
  }

  private async fetch(
    partition: number,
    from: number,
    end: number,
  ): Promise<{ placed: Placed[]; gone: string[]; next: number }> {
    for (let attempt = 0; ; attempt++) {
      const { messages, next } = await this.client.call('fetch', { topic: 'packs', partition, from, end });
      try {
        const placed: Placed[] = [];
        const gone: string[] = [];
        for (const message of unpackMessages(messages)) {
          const pack = packOf(message, partition, this.place);
          if (pack) placed.push({ pack, partition, offset: message.offset });
          else gone.push(message.key);
        }
        return { placed, gone, next };
      } catch (error) {
        if (attempt === REREADS || !(error instanceof StoreError) || error.reason !== 'damaged') throw error;
      }
    }
  }

  /** Files that have gone: from where they stood in the topic, or, when compaction has moved them, from wherever they stand. */
  private async bring(ids: Set<string>): Promise<void> {
    for (const id of [...ids]) {
      for (const { partition, offset } of this.placesOf.all(id)) {
        if (ids.has(id)) await this.bringFrom(partition, offset, offset + 1, ids);
      }
    }
    if (ids.size === 0) return;
    // To the end of each: behind a pack there may be its tombstone.
    const ends = await this.client.call('ends', { topic: 'packs' });
    const sought = new Set(ids);
    for (const [partition, end] of ends.entries()) {
      for (let next = 0; next < end;) {
        const found = await this.fetch(partition, next, end);
        await this.take(found.placed.filter(({ pack }) => sought.has(pack.id)));
        const gone = found.gone.filter((id) => sought.has(id));
        this.unlist(gone);
        await this.local.remove(gone);
        next = found.next;
      }
    }
  }

  private async take(placed: readonly Placed[]): Promise<void> {
    await this.local.writeFiles(placed.map(({ pack }) => pack));
    this.list(placed);
  }

  private async bringFrom(partition: number, from: number, end: number, ids: Set<string>): Promise<void> {
    for (let next = from; next < end && ids.size > 0;) {
      const found = await this.fetch(partition, next, end);
      const wanted = found.placed.filter(({ pack }) => ids.has(pack.id));
      await this.take(wanted);
      for (const { pack } of wanted) ids.delete(pack.id);
      next = found.next;
    }
  }
}
