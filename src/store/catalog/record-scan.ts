// SPDX-License-Identifier: Apache-2.0
//
// Finds the records of an image in the values of its `record` and `pages` events, whatever the pieces: an event may hold a
// piece of a record, one, or several. Only the first bytes of each record are kept for whoever reads what it says. Pages
// are not in these bytes: VMA (version 1) and PAGES (version 2) promise a number of them, and `pages` events account for it.
//
// The state is plain data, so that a scan can stop with the transaction that stores it and go on in another process.
import {
  CR2_HDR_BYTES,
  CR2_PAGES_BYTES,
  CR_HDR_BYTES,
  CR_HEAD_BYTES,
  decodeCr2Hdr,
  decodeCr2Pages,
  decodeCrHdr,
  decodeCrHead,
  decodeCrMmContext,
  decodeCrThread,
  decodeCrVma,
  HEAD_MAGIC,
  PAGE_BYTES,
  RecordType,
  STR_BYTES_MAX,
} from '../../format/generated/image.js';
import type { PagesInfo } from '../../codec/native.js';

/** Bytes of a page in the image: its address and its contents. */
const PAGE_IN_IMAGE_BYTES = 8 + PAGE_BYTES;
/** Bytes of a record that are kept: enough for any struct with a path behind it. */
const HEAD_BYTES_MAX = 1024 + STR_BYTES_MAX;

/** A record that has been seen to its end (but for its pages). */
export interface ScannedRecord {
  readonly version: 1 | 2;
  readonly type: number;
  /** `id` of its header. */
  readonly task: number;
  /** Event in which it starts. */
  readonly seq: number;
  /** Byte of the image at which it starts. */
  readonly offset: number;
  /** Header, payload and what is raw behind it, pages included. */
  readonly bytes: number;
  /** Pages that follow. */
  readonly pages: number;
  /** First bytes of the payload, all of it for records of ordinary length. */
  readonly payload: Buffer;
}

/** A record that is not complete yet. */
interface PartialRecord {
  seq: number;
  offset: number;
  /** Bytes seen. */
  seen: number;
  head: Buffer;
}

/** State of a scan as JSON keeps it. */
export interface ScanState {
  readonly version: 0 | 1 | 2;
  readonly offset: number;
  readonly records: number;
  readonly pagesDone: number;
  readonly pagesPromised: number;
  readonly partial: {
    readonly seq: number;
    readonly offset: number;
    readonly seen: number;
    readonly head: string;
  } | null;
}

/** What the events say does not fit together. */
export class ScanError extends Error {
  override readonly name = 'ScanError';
}

export interface ScanOptions {
  /** Bytes of each record that are kept. */
  readonly headBytesMax: number;
  /** False: the `pages` events are not shown to the scan; it takes the records alone and counts no bytes of pages. */
  readonly pages: boolean;
}

const projecting: ScanOptions = { headBytesMax: HEAD_BYTES_MAX, pages: true };

export class RecordScan {
  private version: 0 | 1 | 2 = 0;
  private partial: PartialRecord | null = null;
  private pagesDone = 0;
  private pagesPromised = 0;
  /** Bytes of the image so far. */
  offset = 0;
  /** Records completed so far. */
  records = 0;

  constructor(private readonly options: ScanOptions = projecting) {}

  static from(state: ScanState): RecordScan {
    const scan = new RecordScan();
    scan.version = state.version;
    scan.offset = state.offset;
    scan.records = state.records;
    scan.pagesDone = state.pagesDone;
    scan.pagesPromised = state.pagesPromised;
    scan.partial = state.partial && { ...state.partial, head: Buffer.from(state.partial.head, 'base64') };
    return scan;
  }

  get state(): ScanState {
    const { version, offset, records, pagesDone, pagesPromised, partial } = this;
    return {
      version,
      offset,
      records,
      pagesDone,
      pagesPromised,
      partial: partial && { ...partial, head: partial.head.toString('base64') },
    };
  }

  /** Takes a `record` event. ScanError when it cannot be what it says. */
  *takeRecord(seq: number, value: Buffer): Generator<ScannedRecord> {
    let at = 0;
    while (at < value.length) {
      const record = (this.partial ??= { seq, offset: this.offset, seen: 0, head: Buffer.alloc(0) });
      const total = this.totalBytes(record.head);
      // Not known yet: take what the next decision needs. Known: take the rest, keeping the first bytes only.
      const wanted = total ?? this.wantedBytes(record.head);
      const taken = Math.min(wanted - record.seen, value.length - at);
      if (taken <= 0) throw new ScanError(`the record at byte ${record.offset} has impossible lengths`);
      const kept = Math.min(taken, Math.max(0, this.options.headBytesMax - record.seen));
      if (kept > 0) {
        const bytes = value.subarray(at, at + kept);
        record.head = record.head.length === 0 ? bytes : Buffer.concat([record.head, bytes]);
      }
      record.seen += taken;
      this.offset += taken;
      at += taken;
      if (this.totalBytes(record.head) === record.seen) yield this.complete(record);
    }
  }

  /** Takes a `pages` event. */
  takePages(info: PagesInfo): void {
    if (this.partial) throw new ScanError('pages stand inside a record');
    if (info.total !== this.pagesPromised) {
      throw new ScanError(`pages of ${info.total} stand where ${this.pagesPromised} are promised`);
    }
    if (info.first !== this.pagesDone || this.pagesDone + info.pages > this.pagesPromised) {
      throw new ScanError(`pages ${info.first} and on stand where page ${this.pagesDone} is next`);
    }
    this.pagesDone += info.pages;
    this.offset += info.pages * PAGE_IN_IMAGE_BYTES;
  }

  /** ScanError when the image cannot end here. */
  finish(): void {
    if (this.partial) throw new ScanError(`the record at byte ${this.partial.offset} is cut off`);
    this.expectPagesDone();
  }

  private expectPagesDone(): void {
    if (this.options.pages && this.pagesDone !== this.pagesPromised) {
      throw new ScanError(`${this.pagesPromised - this.pagesDone} promised pages are missing at byte ${this.offset}`);
    }
  }

  /** HEAD has the short header in both versions. */
  private get headerBytes(): number {
    return this.version === 2 ? CR2_HDR_BYTES : CR_HDR_BYTES;
  }

  private header(head: Buffer): { type: number; payloadBytes: number; task: number } {
    if (this.version === 2) {
      const { type, len, id } = decodeCr2Hdr(head);
      // The pages behind a PAGES record are its payload in the image, and `pages` events here.
      return { type, payloadBytes: type === RecordType.PAGES ? Math.min(len, CR2_PAGES_BYTES) : len, task: id };
    }
    const { type, len, id } = decodeCrHdr(head);
    if (len < 0) throw new ScanError(`a record at byte ${this.offset} has a negative length`);
    return { type, payloadBytes: len, task: id };
  }

  private wantedBytes(head: Buffer): number {
    if (head.length < this.headerBytes) return this.headerBytes;
    return this.headerBytes + this.header(head).payloadBytes;
  }

  /** Bytes that the events hold of a record, or null while its first bytes do not say. */
  private totalBytes(head: Buffer): number | null {
    const at = this.headerBytes;
    if (head.length < at) return null;
    const { type, payloadBytes } = this.header(head);
    const bytes = at + payloadBytes;
    if (this.version === 2 || (type !== RecordType.THREAD && type !== RecordType.MM_CONTEXT)) return bytes;
    if (head.length < bytes) return null;
    if (type === RecordType.THREAD) return bytes + positive(decodeCrThread(head, at).sizeofTlsArray);
    const { nldt, ldtEntrySize } = decodeCrMmContext(head, at);
    return bytes + positive(nldt) * positive(ldtEntrySize);
  }

  private complete(record: PartialRecord): ScannedRecord {
    const at = this.headerBytes;
    const { type, task } = this.header(record.head);
    const payload = record.head.subarray(at);
    this.partial = null;
    if (this.version === 0) this.version = versionOf(type, payload);
    const isName = this.version === 1 && type === RecordType.STR;
    if (!isName) {
      this.expectPagesDone();
      this.pagesDone = 0;
      this.pagesPromised = promisedPages(this.version, type, payload);
    }
    this.records++;
    const pages = isName ? 0 : this.pagesPromised;
    const bytes = record.seen + pages * PAGE_IN_IMAGE_BYTES;
    return { version: this.version, type, task, seq: record.seq, offset: record.offset, bytes, pages, payload };
  }
}

function versionOf(type: number, payload: Buffer): 1 | 2 {
  if (type !== RecordType.HEAD || payload.length < CR_HEAD_BYTES)
    throw new ScanError('the image does not start with HEAD');
  const { magic, version } = decodeCrHead(payload);
  if (magic !== HEAD_MAGIC || (version !== 1 && version !== 2)) throw new ScanError('HEAD is of no known format');
  return version;
}

function promisedPages(version: 0 | 1 | 2, type: number, payload: Buffer): number {
  if (version === 1 && type === RecordType.VMA) return positive(decodeCrVma(payload).npages);
  if (version === 2 && type === RecordType.PAGES) return decodeCr2Pages(payload).count;
  return 0;
}

function positive(count: number): number {
  if (count < 0) throw new ScanError(`a count of ${count} in a record`);
  return count;
}
