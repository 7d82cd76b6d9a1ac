// SPDX-License-Identifier: Apache-2.0
//
// The packs topic as this machine sees it: packs go to the partition that their id chooses; what is read is checked against its id.
import { StoreError } from '../errors.js';
import type { NewPack } from '../log.js';
import type { KafkaClient } from './client.js';
import { packMessage, packOf, packTombstone } from './pack-messages.js';
import { partitionOf } from './partition.js';
import { packMessages, unpackMessages } from './protocol.js';

/** Times that a message which is not what it must be is read again before that is believed. */
const REREADS = 2;

export interface Placed {
  readonly pack: NewPack;
  readonly partition: number;
  readonly offset: number;
}

/** A stretch of a partition. */
export interface Stretch {
  readonly placed: readonly Placed[];
  /** Ids of packs whose tombstone stands there. */
  readonly gone: readonly string[];
  /** Offset to go on from. */
  readonly next: number;
}

export class PacksTopic {
  constructor(
    private readonly client: KafkaClient,
    readonly place: string,
    private readonly partitions: number,
  ) {}

  /** Offset after the last message of each partition. StoreError. */
  ends(): Promise<number[]> {
    return this.client.call('ends', { topic: 'packs' });
  }

  /** Durable when it resolves. StoreError. */
  async send(packs: readonly NewPack[]): Promise<Placed[]> {
    const sent = [...this.byPartition(packs, ({ id }) => id)].map(async ([partition, some]) => {
      const messages = packMessages(some.map(packMessage));
      const offsets = await this.client.call('send', { topic: 'packs', partition, messages });
      return some.map((pack, index) => ({ pack, partition, offset: offsets[index] ?? -1 }));
    });
    const placed = new Map((await Promise.all(sent)).flat().map((one) => [one.pack, one]));
    return packs.flatMap((pack) => placed.get(pack) ?? []);
  }

  /** Says that packs are gone; durable when it resolves. StoreError. */
  async sendTombstones(ids: readonly string[]): Promise<void> {
    for (const [partition, some] of this.byPartition(ids, (id) => id)) {
      await this.client.call('send', { topic: 'packs', partition, messages: packMessages(some.map(packTombstone)) });
    }
  }

  /** What stands there from an offset on, of some packs at a time; `one`: of the first batch only. StoreError. */
  async fetch(partition: number, from: number, end: number, one = false): Promise<Stretch> {
    for (let attempt = 0; ; attempt++) {
      const { messages, next } = await this.client.call('fetch', {
        ...{ topic: 'packs', partition, from, end },
        ...(one ? { bytesMax: 1 } : {}),
      });
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

  private byPartition<T>(things: readonly T[], idOf: (thing: T) => string): Map<number, T[]> {
    const byPartition = new Map<number, T[]>();
    for (const thing of things) {
      const partition = partitionOf(idOf(thing), this.partitions);
      byPartition.set(partition, [...(byPartition.get(partition) ?? []), thing]);
    }
    return byPartition;
  }
}
