// SPDX-License-Identifier: Apache-2.0
//
// One checkpoint's events, taken in the order of their partition, as rows. The rules:
//
//   state      next in order    repeated    `aborted`   `deleted`   `tagged`, `untagged`
//   open       taken            dropped     aborted     dropped     dropped
//   damaged    dropped          dropped     aborted     deleted     dropped
//   sealed     dropped          dropped     dropped     deleted     taken
//   aborted    dropped          dropped     dropped     dropped     dropped
//   deleted    dropped          dropped     dropped     dropped     dropped
//
// Of a stream that was forgotten nothing is taken, whatever the log still has of it and in whatever order it is read: projection.ts sees to
// that.
//
// `sealed` is taken when its chain and its counts are those of the events before it. A hole in the numbers, a chain or a count
// that differs, or a value that makes no sense turn an open stream into a damaged one, with the reason in `damage`; it never
// becomes visible. So the first of `sealed` and `aborted` wins, and what a fenced writer says afterwards is not heard.
import type { PagesInfo } from '../../codec/native.js';
import { EventChain } from '../../format/chain.js';
import type { LoggedEvent, Sealed } from '../../format/events.js';
import type { BatchPacks } from './batch-packs.js';
import { EventValueError, readValue } from './event-values.js';
import { noDetails, readDetails, type DetailSink, type DetailState } from './record-details.js';
import { RecordScan, ScanError, type ScanState } from './record-scan.js';
import type { PageMoves } from './page-moves.js';
import type { CatalogRows, ImageRow, ImageState } from './rows.js';
import { addSlots, SLOT_BITMAP_BYTES, trimmedBitmap } from './slots.js';
import { placeOf } from '../../machine/identity.js';
import { storeValue } from '../stored-value.js';

/** What the projection needs of the native codec. */
export interface PagesCodec {
  pagesInfo(value: Buffer): PagesInfo;
}

/** What the streams of a transaction share. */
export interface StreamWork {
  readonly packs: BatchPacks;
  readonly moves: PageMoves;
}

interface UsedSlots {
  readonly pack: number;
  readonly slots: Buffer;
}

interface Cursor {
  nextSeq: number;
  chain: EventChain;
  scan: RecordScan;
  details: DetailState;
}

interface StoredCursor {
  readonly scan: ScanState;
  readonly details: DetailState;
}

/** The rows of one checkpoint within one transaction: loaded when its first event comes, stored by flush(). */
export class ImageStream {
  private readonly row: ImageRow;
  private cursor: Cursor | null = null;
  /** Slots of packs, as bitmaps of full length, that are not stored yet. */
  private readonly packs = new Map<string, Buffer>();
  /** All that this image uses, while it is known because the image began in this transaction. */
  private stored: UsedSlots[] | null = null;

  constructor(
    private readonly rows: CatalogRows,
    private readonly codec: PagesCodec,
    private readonly work: StreamWork,
    id: string,
  ) {
    let row = rows.image.get(id);
    if (!row) {
      rows.insertImage.run(id);
      row = rows.image.get(id);
      this.stored = [];
    }
    if (!row) throw new Error(`no row for checkpoint ${id}`);
    this.row = row;
    if (row.state === 'open') this.cursor = this.loadCursor();
  }

  get image(): number {
    return this.row.image;
  }

  get state(): ImageState {
    return this.row.state;
  }

  /** What a sealed image uses. */
  usedPacks(): readonly UsedSlots[] {
    return this.stored ?? this.rows.packsOfImage.all(this.row.image);
  }

  /** Takes a numbered event. */
  take(event: LoggedEvent): void {
    const cursor = this.cursor;
    if (this.row.state !== 'open' || !cursor || event.seq < cursor.nextSeq) return;
    try {
      if (event.seq > cursor.nextSeq) throw new ScanError(missing(cursor.nextSeq, event.seq));
      this.takeNext(event, cursor);
      cursor.chain.add(event);
      cursor.nextSeq++;
    } catch (cause) {
      this.damage(cause);
    }
  }

  abort(event: LoggedEvent): void {
    if (this.row.state !== 'open' && this.row.state !== 'damaged') return;
    this.end('aborted', event);
    this.cursor = null;
    this.packs.clear();
    this.rows.dropImageDetails(this.row.image);
  }

  /** True when the checkpoint had been sealed: the pages that it held may be free now. */
  delete(event: LoggedEvent): boolean {
    const { state } = this.row;
    if (state !== 'sealed' && state !== 'damaged') return false;
    this.end('deleted', event);
    this.rows.dropTags.run(this.row.image);
    return state === 'sealed';
  }

  tag(name: string, put: boolean): void {
    if (this.row.state !== 'sealed') return;
    (put ? this.rows.putTag : this.rows.dropTag).run(this.row.image, name);
  }

  private end(state: 'aborted' | 'deleted', event: LoggedEvent): void {
    Object.assign(this.row, { state, ended_partition: event.partition, ended_offset: event.offset });
  }

  /** Writes what this transaction learned. */
  flush(): void {
    this.flushPacks();
    this.rows.updateImage.run(this.row);
    const { cursor } = this;
    if (this.row.state !== 'open' || !cursor) {
      this.rows.dropCursor.run(this.row.image);
      return;
    }
    const stored: StoredCursor = { scan: cursor.scan.state, details: cursor.details };
    this.rows.putCursor.run(this.row.image, cursor.nextSeq, cursor.chain.link, JSON.stringify(stored));
  }

  private loadCursor(): Cursor {
    const stored = this.rows.cursor.get(this.row.image);
    if (!stored) {
      return { nextSeq: 0, chain: EventChain.start(this.row.id), scan: new RecordScan(), details: { ...noDetails } };
    }
    const { scan, details } = JSON.parse(stored.scan) as StoredCursor;
    return { nextSeq: stored.next_seq, chain: EventChain.from(stored.chain), scan: RecordScan.from(scan), details };
  }

  private damage(cause: unknown): void {
    // Anything else is a defect of this program or of the disk, and must not be written into the catalog.
    const known = cause instanceof ScanError || cause instanceof EventValueError || cause instanceof RangeError;
    if (!known && (cause as { code?: unknown } | null)?.code !== 'CKPT_CODEC') throw cause;
    this.row.state = 'damaged';
    this.row.damage = (cause as Error).message;
    this.cursor = null;
  }

  private takeNext(event: LoggedEvent, cursor: Cursor): void {
    if ((event.seq === 0) !== (event.type === 'opened')) throw new ScanError(`event ${event.seq} is ${event.type}`);
    switch (event.type) {
      case 'opened':
        this.takeOpened(event);
        break;
      case 'record':
        this.takeRecord(event, cursor);
        break;
      case 'pages':
        this.takePages(event, cursor);
        break;
      case 'sealed':
        this.seal(readValue('sealed', event), cursor);
        break;
      case 'log-opened':
      case 'aborted':
      case 'deleted':
      case 'restored':
      case 'tagged':
      case 'untagged':
      case 'signed':
      case 'forgotten':
      case 'checkpoints-forgotten':
      case 'packs-condemned':
      case 'packs-moved':
      case 'packs-deleted':
      case 'packs-forgotten':
        throw new ScanError(`event ${event.seq} is ${event.type}, which has no number`);
    }
  }

  private takeOpened(event: LoggedEvent): void {
    const opened = readValue('opened', event);
    Object.assign(this.row, {
      name: opened.name,
      created_at: opened.createdAt,
      source: opened.source,
      host: opened.writer.host,
      writer_host: placeOf(opened.writer),
      writer_boot_id: opened.writer.bootId,
      writer_pid_namespace: opened.writer.pidNamespace,
      writer_pid: opened.writer.pid,
      writer_start_ticks: opened.writer.startTicks,
      dedup_position: JSON.stringify(opened.dedupPosition),
    } satisfies Partial<ImageRow>);
  }

  private takeRecord(event: LoggedEvent, cursor: Cursor): void {
    const { rows, row } = this;
    const stored = event.stored ?? storeValue(event.value);
    rows.insertEvent.run(row.image, event.seq, 0, stored.value, stored.zstd, null, null, null, null, null);
    for (const record of cursor.scan.takeRecord(event.seq, event.value)) {
      rows.insertRecord.run(row.image, record.seq, record.offset, record.type, record.task, record.bytes);
      readDetails(record, cursor.details, row.host, this.sink);
    }
    row.image_bytes = cursor.scan.offset;
    row.records = cursor.scan.records;
  }

  private readonly sink: DetailSink = {
    facts: (facts) => {
      const { row } = this;
      if (facts.formatVersion !== undefined) row.format_version = facts.formatVersion;
      if (facts.kernelRelease !== undefined) row.kernel_release = facts.kernelRelease;
      if (facts.host !== undefined) row.host = facts.host;
      // Of several tasks the first names the image.
      if (facts.process === undefined || row.process !== null) return;
      row.process = facts.process;
      row.pid = facts.pid ?? null;
      row.comm = facts.comm ?? null;
    },
    vma: (vma) => {
      const { seq, start, end, kind, prot, path, fileOffset, pages } = vma;
      this.rows.insertVma.run(this.row.image, seq, start, end, kind, prot, path, fileOffset, pages);
    },
    vmaPath: (seq, start, path) => this.rows.setVmaPath.run(path, this.row.image, seq, start),
    vmaPages: (seq, start, pages) => this.rows.addVmaPages.run(pages, this.row.image, seq, start),
  };

  private takePages(event: LoggedEvent, cursor: Cursor): void {
    const { rows, row } = this;
    let info = this.codec.pagesInfo(event.value);
    cursor.scan.takePages(info);
    const value = this.work.moves.resolve(event.value, info.packs);
    if (value !== event.value) info = this.codec.pagesInfo(value);
    const { vmaSeq, vmaStart } = cursor.details;
    const { first, pages, zeroPages, newPages } = info;
    // Compressing takes longer than anything else here: what is compressed already, and has not changed, stays as it is.
    const stored = (value === event.value ? event.stored : undefined) ?? storeValue(value);
    rows.insertEvent.run(row.image, event.seq, 1, stored.value, stored.zstd, first, pages, zeroPages, newPages, vmaSeq);
    if (vmaSeq !== null && (zeroPages > 0 || newPages > 0)) {
      rows.addVmaCounts.run(zeroPages, newPages, row.image, vmaSeq, BigInt(vmaStart ?? 0));
    }
    for (const [index, id] of info.packs.entries()) {
      const slots = info.slots.subarray(index * SLOT_BITMAP_BYTES, (index + 1) * SLOT_BITMAP_BYTES);
      const known = this.packs.get(id);
      if (known) addSlots(known, slots);
      else this.packs.set(id, slots);
    }
    row.image_bytes = cursor.scan.offset;
    row.pages += pages;
    row.zero_pages += zeroPages;
    row.new_pages += newPages;
  }

  private flushPacks(): void {
    if (this.packs.size === 0) return;
    const { rows, row } = this;
    // Only the first time is it known that nothing is there.
    const isFirst = this.stored?.length === 0;
    const stored: UsedSlots[] = [];
    for (const [id, bitmap] of this.packs) {
      const pack = this.work.packs.numberOf(id);
      const before = isFirst ? undefined : rows.imagePack.get(row.image, pack);
      if (before) addSlots(bitmap, before);
      const slots = trimmedBitmap(bitmap);
      (isFirst ? rows.insertImagePack : rows.putImagePack).run(row.image, pack, slots);
      stored.push({ pack, slots });
    }
    this.stored = isFirst ? stored : null;
    this.packs.clear();
  }

  private seal(sealed: Sealed, cursor: Cursor): void {
    cursor.scan.finish();
    const { row } = this;
    if (sealed.chain !== cursor.chain.hex) throw new ScanError('its events are not those that its writer sealed');
    expectSame('bytes', row.image_bytes, sealed.bytes);
    expectSame('records', row.records, sealed.records);
    expectSame('pages', row.pages, sealed.pages);
    expectSame('zero pages', row.zero_pages, sealed.zeroPages);
    expectSame('new pages', row.new_pages, sealed.newPages);
    expectSame('format version', row.format_version ?? 0, sealed.formatVersion);
    row.state = 'sealed';
    row.image_digest = sealed.digest;
    row.stored_bytes = sealed.storedBytes;
    row.parent_id = sealed.parent;
    row.frozen_ms = sealed.frozenMs;
    this.flushPacks();
  }
}

function missing(from: number, before: number): string {
  return before - from === 1 ? `event ${from} is missing` : `events ${from} to ${before - 1} are missing`;
}

function expectSame(what: string, counted: number, promised: number): void {
  if (counted !== promised) throw new ScanError(`${counted} ${what} stand where ${promised} were sealed`);
}
