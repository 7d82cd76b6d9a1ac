// SPDX-License-Identifier: Apache-2.0
//
// Brings a catalog to the end of its log. Each batch of events is one transaction that also moves `log_position`: after a
// crash anywhere the catalog is at some earlier point of the log, whole. Several processes may project at once: whoever has
// the write lock reads the position again and takes only what lies behind it.
import type { EventValues, LoggedEvent, PackEventType } from '../../format/events.js';
import { StoreError, storeError } from '../errors.js';
import { isBefore, type EventLog, type LogBatch, type LogPosition, type PackInfo } from '../log.js';
import { readValue } from './event-values.js';
import type { Db } from '../sqlite.js';
import { loadValue, storeValue } from '../stored-value.js';
import { BatchPacks } from './batch-packs.js';
import { ImageStream, type PagesCodec } from './image-stream.js';
import { PageMoves } from './page-moves.js';
import { namedPacks } from './page-runs.js';
import { PACKS_FORGOTTEN, PACKS_MOVED, positionOf, type PacksForgottenAt } from './position.js';
import { CatalogRows } from './rows.js';

/** What one transaction gathers. */
class BatchWork {
  readonly streams = new Map<string, ImageStream>();
  readonly packs: BatchPacks;
  readonly moves: PageMoves;
  /** Packs whose slots have moved. */
  readonly moved = new Set<string>();

  constructor(rows: CatalogRows) {
    this.packs = new BatchPacks(rows);
    this.moves = new PageMoves(rows, this.packs);
  }
}

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

  /** Takes the log's events and packs up to its end at the time of the call; `onRead` hears of bytes of events taken. StoreError. */
  async catchUp(log: EventLog, onRead?: (bytes: number) => void): Promise<void> {
    // The position first: while the end is asked for, others may append and project what they appended.
    const position = this.position();
    const end = await log.end();
    this.checkLog(log, position, end);
    // Packs first: whatever an event names was put before it.
    await this.takePacks(log);
    while (isBefore(this.position(), end)) await this.takeEvents(log, end, onRead);
  }

  /** One pass over the log; it ends early when the catalog is set back meanwhile. */
  private async takeEvents(log: EventLog, end: LogPosition, onRead?: (bytes: number) => void): Promise<void> {
    let from: LogPosition = this.position();
    for await (const batch of log.read(from, end)) {
      const position = from;
      if (!this.transact(() => this.takeBatch(position, batch))) return;
      from = batch.next;
      onRead?.(batch.events.reduce((sum, { value }) => sum + value.length, 0));
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
    const work = new BatchWork(this.rows);
    for (const event of batch.events) {
      if (event.offset >= (known[event.partition] ?? 0)) this.takeEvent(event, work);
    }
    for (const stream of work.streams.values()) stream.flush();
    if (work.moved.size > 0) this.movePages(work);
    work.packs.flush();
    batch.next.forEach((next, partition) => {
      if (next > (known[partition] ?? 0)) this.rows.putPosition.run(partition, next);
    });
    return true;
  }

  private takeEvent(event: LoggedEvent, work: BatchWork): void {
    switch (event.type) {
      case 'log-opened':
        return;
      case 'restored':
        this.takeRestored(event);
        return;
      case 'signed':
        this.takeSigned(event);
        return;
      case 'packs-condemned':
      case 'packs-moved':
      case 'packs-deleted':
      case 'packs-forgotten':
        this.takePackEvent(event, event.type, work);
        return;
      case 'tagged':
      case 'untagged':
        this.known(event, work)?.tag(this.valueOf(event.type, event).name, event.type === 'tagged');
        return;
      case 'forgotten':
        this.forget(event.checkpoint, work);
        return;
      case 'checkpoints-forgotten':
        for (const id of this.valueOf(event.type, event).checkpoints) this.forget(id, work);
        return;
      case 'aborted':
        this.stream(event, work)?.abort(event);
        return;
      case 'deleted': {
        const stream = this.stream(event, work);
        if (stream?.delete(event)) for (const { pack } of stream.usedPacks()) work.packs.touch(pack);
        return;
      }
      case 'opened':
      case 'record':
      case 'pages':
      case 'sealed': {
        const stream = this.stream(event, work);
        if (!stream) return;
        const before: string = stream.state;
        stream.take(event);
        if (before !== 'open' || stream.state !== 'sealed') return;
        for (const { pack, slots } of stream.usedPacks()) work.packs.addLive(pack, slots);
      }
    }
  }

  /** The stream of an event's checkpoint, unless that is forgotten. */
  private stream({ checkpoint }: LoggedEvent, work: BatchWork): ImageStream | undefined {
    let stream = work.streams.get(checkpoint);
    if (!stream) {
      if (this.rows.isForgotten.get(checkpoint) !== undefined) return undefined;
      stream = new ImageStream(this.rows, this.codec, work, checkpoint);
      work.streams.set(checkpoint, stream);
    }
    return stream;
  }

  /** The stream, unless nothing else is known of its checkpoint. */
  private known(event: LoggedEvent, work: BatchWork): ImageStream | undefined {
    const { checkpoint } = event;
    return work.streams.has(checkpoint) || this.rows.image.get(checkpoint) ? this.stream(event, work) : undefined;
  }

  /** Nothing of it stays but its id. Where several partitions are read, the rest may come before this or behind it. */
  private forget(id: string, work: BatchWork): void {
    const { rows } = this;
    const known = work.streams.get(id) ?? rows.image.get(id);
    if (known) {
      const { image } = known;
      for (const { pack } of rows.packsOfImage.all(image)) work.packs.touch(pack);
      rows.dropImageDetails(image);
      rows.dropTags.run(image);
      rows.dropImage.run(image);
      work.streams.delete(id);
    }
    rows.dropSeals.run(id);
    rows.forget.run(id);
  }

  private takePackEvent(event: LoggedEvent, type: PackEventType, work: BatchWork): void {
    const { rows } = this;
    const { partition, offset } = event;
    switch (type) {
      case 'packs-condemned':
        for (const id of this.valueOf(type, event).packs) rows.condemn.run(id, partition, offset);
        return;
      case 'packs-deleted':
        for (const id of this.valueOf(type, event).packs) {
          rows.deletePack.run(id, partition, offset);
          work.packs.delete(id);
        }
        return;
      case 'packs-moved':
        for (const move of this.valueOf(type, event).moves) {
          if (rows.packEnd.get(move.to)) continue;
          rows.condemn.run(move.from, partition, offset);
          if (work.moves.add(move, offset)) work.moved.add(move.from);
        }
        rows.putMeta.run(PACKS_MOVED, `${partition}:${offset}`);
        return;
      case 'packs-forgotten': {
        const { upTo } = this.valueOf(type, event);
        for (const statement of rows.forgetPackEnds) statement.run({ partition, upTo: upTo[partition] ?? 0 });
        work.moves.clear();
        const forgotten: PacksForgottenAt = { partition, offset, upTo };
        rows.putMeta.run(PACKS_FORGOTTEN, JSON.stringify(forgotten));
      }
    }
  }

  /** Names the pages of all images where they have moved to. */
  private movePages({ moves, moved, packs }: BatchWork): void {
    const { rows } = this;
    const images = new Set<number>();
    for (const pack of moved) for (const image of rows.imagesOfPack.all(pack)) images.add(image);
    for (const image of images) {
      for (const row of rows.pagesEvents.all(image)) {
        const before = loadValue(row, this.place);
        const value = moves.resolve(before, namedPacks(before));
        if (value === before) continue;
        const stored = storeValue(value);
        rows.updateEvent.run(stored.value, stored.zstd, image, row.seq);
      }
      for (const pack of moves.moveImage(image, moved)) packs.touch(pack);
    }
  }

  private takeRestored(event: LoggedEvent): void {
    const { restoreId, at, host, pid, result } = this.valueOf('restored', event);
    this.rows.insertRestore.run(restoreId, event.checkpoint, at, host, pid, result);
  }

  private takeSigned(event: LoggedEvent): void {
    const { keyId, algorithm, digest, at, seal, salt, hash } = this.valueOf('signed', event);
    if (this.rows.isForgotten.get(event.checkpoint) !== undefined) return;
    // Seals that were carried before there was another hash do not name it.
    const origin = salt === undefined ? [null, null] : [salt, hash ?? 'sha256'];
    this.rows.insertSeal.run(event.checkpoint, keyId, algorithm, digest, at, seal, ...origin);
  }

  private valueOf<T extends Parameters<typeof readValue>[0]>(type: T, event: LoggedEvent): EventValues[T] {
    try {
      return readValue(type, event);
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
