// SPDX-License-Identifier: Apache-2.0
//
// The log on Kafka: topic PREFIX.images holds the events, PREFIX.packs the packs. A checkpoint's events are in the partition that
// the murmur2 hash of its id chooses. Events of one append that fit into one batch (1 MB) are there all or none; of a larger
// append a crash may leave the first batches, which no reader takes for more than the beginning of a stream.
//
// Reading goes through the partitions one after the other, so that the order of events is the same for everybody.
import { existsSync } from 'node:fs';
import type { EventMessage, LogOpened, PageHash } from '../../format/events.js';
import { makeDirectory } from '../directories.js';
import { StoreError, storeError } from '../errors.js';
import type { EventLog, LogBatch, LogPosition } from '../log.js';
import { bootId } from '../../machine/identity.js';
import { giveBack, openDatabase, type Db } from '../sqlite.js';
import { cacheSchema, skipPositionsOfOtherBoots } from './cache-schema.js';
import { KafkaClient } from './client.js';
import { eventMessage, loggedEvent } from './event-messages.js';
import { KafkaPacks } from './kafka-packs.js';
import { PacksTopic } from './packs-topic.js';
import { partitionOf } from './partition.js';
import { packMessages, unpackMessages, type OpenedTopics } from './protocol.js';
import { kafkaPlace, parseKafkaUrl, topicOf, type KafkaSettings } from './url.js';

export interface KafkaLogOptions {
  readonly url: string;
  /** The store's directory: its cache of packs. Made when the log is there. */
  readonly dir: string;
  /** Make the topics when they are not there. */
  readonly create: boolean;
  /** What a log that is made knows its pages by. */
  readonly pageHash?: PageHash;
}

/** Opens a log on Kafka; null when it is not there and was not to be made. StoreError; CkptError `usage` for the URL. */
export async function openKafkaLog(options: KafkaLogOptions): Promise<KafkaLog | null> {
  const settings = parseKafkaUrl(options.url);
  const place = kafkaPlace(settings);
  refuseOtherStore(options.dir, place);
  const client = new KafkaClient(settings);
  try {
    const opened = await client.call('open', { create: options.create, pageHash: options.pageHash });
    if (!opened) {
      await client.close();
      return null;
    }
    const cache = openCache(options.dir, place, opened.opened);
    const packs = new KafkaPacks(
      cache,
      new PacksTopic(client, place, opened.packPartitions),
      options.dir,
      settings.packsBytesMax,
    );
    if (options.create || settings.packsBytesMax !== null) packs.removeLeftovers();
    return new KafkaLog(client, cache, place, packs, opened, settings);
  } catch (cause) {
    await client.close();
    throw storeError('open', place, cause);
  }
}

function refuseOtherStore(dir: string, place: string): void {
  if (!existsSync(`${dir}/log.db`)) return;
  throw new StoreError({
    reason: 'failed',
    operation: 'open',
    place: dir,
    problem: `holds a log of its own, and cannot be the cache of ${place}`,
    hint: 'give another --store with this --log',
  });
}

function openCache(dir: string, place: string, opened: LogOpened): Db {
  makeDirectory(dir);
  const path = `${dir}/kafka.db`;
  const db = openDatabase(path, cacheSchema);
  db.prepare("INSERT OR IGNORE INTO meta (name, value) VALUES ('log_id', ?)").run(opened.logId);
  const known = db.prepare("SELECT value FROM meta WHERE name = 'log_id'").pluck().get();
  if (known === opened.logId) {
    skipPositionsOfOtherBoots(db, bootId());
    return db;
  }
  db.close();
  throw new StoreError({
    reason: 'failed',
    operation: 'open',
    place: path,
    problem: `is the cache of log ${String(known)}, and ${place} is log ${opened.logId}`,
    hint: 'give another --store with this --log',
  });
}

export class KafkaLog implements EventLog {
  readonly kind = 'kafka';
  readonly topics: { readonly events: string; readonly packs: string };
  readonly opened: LogOpened;
  private readonly spread: number;

  constructor(
    private readonly client: KafkaClient,
    private readonly cache: Db,
    readonly place: string,
    readonly packs: KafkaPacks,
    { opened, spread }: OpenedTopics,
    settings: KafkaSettings,
  ) {
    this.topics = { events: topicOf(settings, 'images'), packs: topicOf(settings, 'packs') };
    this.opened = opened;
    this.spread = spread;
  }

  end(): Promise<LogPosition> {
    return this.client.call('ends', { topic: 'images' });
  }

  async append(events: readonly EventMessage[]): Promise<void> {
    const first = events[0];
    if (!first) return;
    const { checkpoint } = first;
    if (events.some((event) => event.checkpoint !== checkpoint)) throw new RangeError('an append is of one checkpoint');
    const messages = packMessages(events.map(eventMessage));
    await this.client.call('send', { topic: 'images', partition: partitionOf(checkpoint, this.spread), messages });
  }

  async *read(from: LogPosition, to?: LogPosition): AsyncGenerator<LogBatch> {
    const ends = await this.end();
    const next = ends.map((_, partition) => from[partition] ?? 0);
    for (const [partition, last] of ends.entries()) {
      const end = Math.min(to?.[partition] ?? (to ? 0 : Infinity), last);
      while ((next[partition] ?? 0) < end) {
        const args = { topic: 'images', partition, from: next[partition] ?? 0, end } as const;
        const { messages, next: reached } = await this.client.call('fetch', args);
        next[partition] = reached;
        const events = unpackMessages(messages).map((message) => loggedEvent(message, partition, this.place));
        if (events.length > 0 || reached === end) yield { events, next: [...next] };
      }
    }
  }

  /** The images topic is kept for ever. */
  async shrink(): Promise<void> {
    giveBack(this.cache);
  }

  async close(): Promise<void> {
    await this.client.close();
    this.cache.close();
  }
}
