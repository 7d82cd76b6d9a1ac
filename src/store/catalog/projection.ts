// SPDX-License-Identifier: Apache-2.0
//
// Brings a catalog to the end of its log. Each batch of events is one transaction that also moves `log_position`: after a
// crash anywhere the catalog is at some earlier point of the log, whole. Several processes may project at once: whoever has
// the write lock reads the position again and takes only what lies behind it.
import type { LoggedEvent, Restored } from '../../format/events.js';
import { StoreError, storeError } from '../errors.js';
import { isBefore, type EventLog, type LogBatch, type LogPosition, type PackInfo } from '../log.js';
import { readValue } from './event-values.js';
import type { Db } from '../sqlite.js';
import { ImageStream, type PagesCodec } from './image-stream.js';
import { CatalogRows } from './rows.js';
import { addSlots, countSlots, trimmedBitmap, wholeBitmap } from './slots.js';

export class Projection {
  private readonly rows: CatalogRows;

  constructor(
    private readonly db: Db,
    private readonly place: string,
    private readonly codec: PagesCodec,
  ) {
    this.rows = new CatalogRows(db);
  }

  /** Position up to which the log is projected. */
  position(): number[] {
    return positionOf(this.db);
  }

  /** Takes the log's events and packs up to its end at the time of the call. StoreError. */
  async catchUp(log: EventLog): Promise<void> {
    // The position first: while the end is asked for, others may append and project what they appended.
    const position = this.position();
    const end = await log.end();
    this.checkLog(log, position, end);
    // Packs first: whatever an event names was put before it.
    await this.takePacks(log);
    while (isBefore(this.position(), end)) await this.takeEvents(log, end);
  }

  /** One pass over the log; it ends early when the catalog is set back meanwhile. */
  private async takeEvents(log: EventLog, end: LogPosition): Promise<void> {
    let from: LogPosition = this.position();
    for await (const batch of log.read(from, end)) {
      const position = from;
      if (!this.transact(() => this.takeBatch(position, batch))) return;
      from = batch.next;
    }
    if (!isBefore(from, end)) return;
    const problem = `ended before position ${end.join(' ')}`;
    throw new StoreError({ reason: 'failed', operation: 'read', place: log.place, problem });
  }

  private checkLog(log: EventLog, position: LogPosition, end: LogPosition): void {
    const known = this.rows.meta.get('log_id');
    if (known === undefined) {
      this.transact(() => this.rows.putMeta.run('log_id', log.opened.logId));
      return;
    }
    const problem =
      known !== log.opened.logId
        ? `belongs to log ${known}, not to ${log.opened.logId} of ${log.place}`
        : isBefore(end, position)
          ? `is ahead of ${log.place}, which must have been replaced`
          : null;
    if (problem === null) return;
    throw new StoreError({
      reason: 'damaged',
      operation: 'project',
      place: this.place,
      problem,
      hint: 'run ckpt rebuild',
    });
  }

  private async takePacks(log: EventLog): Promise<void> {
    const from = Number(this.rows.meta.get('pack_position') ?? 0);
    for await (const batch of log.packs.read(from)) {
      this.transact(() => {
        const known = Number(this.rows.meta.get('pack_position') ?? 0);
        this.rows.putMeta.run('pack_position', String(Math.max(known, this.putPacks(batch.packs, batch.next))));
      });
    }
  }

  private putPacks(packs: readonly PackInfo[], next: number): number {
    for (const pack of packs)
      this.rows.insertPack.run(pack.id, pack.pages, pack.rawBytes, pack.storedBytes, pack.stream);
    return next;
  }

  /** False when the catalog was set back meanwhile (a rebuild): the caller starts over from its position. */
  private takeBatch(from: LogPosition, batch: LogBatch): boolean {
    const known = this.position();
    if (isBefore(known, from)) return false;
    const streams = new Map<string, ImageStream>();
    const touched = new Set<number>();
    for (const event of batch.events) {
      if (event.offset >= (known[event.partition] ?? 0)) this.takeEvent(event, streams, touched);
    }
    for (const stream of streams.values()) stream.flush();
    this.countLive(touched);
    batch.next.forEach((next, partition) => {
      if (next > (known[partition] ?? 0)) this.rows.putPosition.run(partition, next);
    });
    return true;
  }

  private takeEvent(event: LoggedEvent, streams: Map<string, ImageStream>, touched: Set<number>): void {
    if (event.type === 'log-opened') return;
    if (event.type === 'restored') {
      this.takeRestored(event);
      return;
    }
    let stream = streams.get(event.checkpoint);
    if (!stream) {
      stream = new ImageStream(this.rows, this.codec, event.checkpoint);
      streams.set(event.checkpoint, stream);
    }
    if (event.type === 'aborted') stream.abort();
    else if (event.type === 'deleted') {
      if (stream.delete()) this.touchPacks(stream.image, touched);
    } else {
      const wasOpen = stream.state === 'open';
      stream.take(event);
      if (wasOpen && stream.state === 'sealed') this.addLive(stream.image);
    }
  }

  private takeRestored(event: LoggedEvent): void {
    const { restoreId, at, host, pid, result } = this.restoredValue(event);
    this.rows.insertRestore.run(restoreId, event.checkpoint, at, host, pid, result);
  }

  private restoredValue(event: LoggedEvent): Restored {
    try {
      return readValue('restored', event);
    } catch (cause) {
      const place = `event ${event.offset} of partition ${event.partition}`;
      throw new StoreError({
        reason: 'damaged',
        operation: 'project',
        place,
        problem: (cause as Error).message,
        cause,
      });
    }
  }

  /** A newly sealed image can only add to what is live. */
  private addLive(image: number): void {
    for (const { pack, slots } of this.rows.packsOfImage.all(image)) {
      const live = wholeBitmap(this.rows.packLive.get(pack) ?? null);
      if (addSlots(live, slots)) this.setLive(pack, live);
    }
  }

  private touchPacks(image: number, touched: Set<number>): void {
    for (const { pack } of this.rows.packsOfImage.all(image)) touched.add(pack);
  }

  /** What a deleted image leaves live has to be counted anew, once per pack and batch. */
  private countLive(packs: ReadonlySet<number>): void {
    for (const pack of packs) {
      const live = wholeBitmap(null);
      for (const slots of this.rows.sealedSlots.iterate(pack)) addSlots(live, slots);
      this.setLive(pack, live);
    }
  }

  private setLive(pack: number, live: Buffer): void {
    this.rows.setPackLive.run(trimmedBitmap(live), countSlots(live), pack);
  }

  private transact<T>(work: () => T): T {
    return this.guard(() => this.db.transaction(work).immediate());
  }

  private guard<T>(work: () => T): T {
    try {
      return work();
    } catch (cause) {
      throw storeError('project', this.place, cause);
    }
  }
}

/** Position up to which a catalog has come. */
export function positionOf(db: Db): number[] {
  const rows = db
    .prepare<[], { partition: number; next: number }>('SELECT partition, next FROM main.log_position')
    .all();
  const position = Array.from({ length: Math.max(0, ...rows.map((row) => row.partition + 1)) }, () => 0);
  for (const { partition, next } of rows) position[partition] = next;
  return position;
}
