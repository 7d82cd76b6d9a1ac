// SPDX-License-Identifier: Apache-2.0
//
// The typed edge of the native codec (native/codec through native/addon). Pages never become JavaScript objects: what
// crosses this edge are packs, event values and totals. All numbers are exact below 2^53.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { LogOpened, PageHash } from '../format/events.js';

/** Bytes of the pipes that the codec makes; a default 64 KiB pipe halves the speed. */
export const PIPE_BYTES = 1 << 20;

/** How a log tells pages apart: what it hashes them with, and its salt of 32 bytes. */
export interface PageIdentity {
  readonly hash: PageHash;
  readonly salt: Buffer;
}

/** Of a log, by its first event. */
export function pageIdentity({ hash, salt }: Pick<LogOpened, 'hash' | 'salt'>): PageIdentity {
  return { hash, salt: Buffer.from(salt, 'hex') };
}

/** Dedup index: which page hash is stored in which pack and slot. About 20 bytes a page. */
export interface PageIndex {
  /** Takes up the directories of packs (each at packPath(packsDir, id)). Rejects with a CodecError of kind `pack`. */
  load(ids: readonly string[]): Promise<void>;
  /** These packs are not chosen any more; unknown ones are passed over. */
  forget(ids: readonly string[]): void;
  /** All others are not, but for those that a reader is making. */
  keepOnly(ids: readonly string[]): void;
  /**
   * Where pages are, by their hashes (32 bytes each, back to back). `places` has two u32 a page: an index into `packs`, or
   * 0xffffffff where the page is not known, and the slot.
   */
  find(hashes: Buffer): Promise<{ readonly packs: readonly string[]; readonly places: Buffer }>;
  /** Distinct pages known. */
  readonly pages: number;
  /** Bytes of memory the tag table takes. */
  readonly bytes: number;
  readonly packs: number;
}

export interface PackBytes {
  /** Hex SHA-256, the pack's name. */
  readonly id: string;
  readonly bytes: Buffer;
  readonly pages: number;
  readonly rawBytes: number;
}

export interface StreamEvent {
  readonly type: 'record' | 'pages';
  readonly value: Buffer;
}

/** What one whole image came to, known at its tail. */
export interface ImageSummary {
  readonly formatVersion: 1 | 2;
  readonly bytes: number;
  readonly records: number;
  readonly pages: number;
  readonly zeroPages: number;
  readonly newPages: number;
  readonly newPacks: number;
  readonly storedBytes: number;
  /** Image digest, hex. */
  readonly digest: string;
}

/**
 * A stretch of an image in stream order. The packs must be in the log before the events of the same batch are:
 * events name only packs of this or an earlier batch, or packs that the index was given.
 */
export interface ReaderBatch {
  readonly packs: readonly PackBytes[];
  readonly events: readonly StreamEvent[];
  /** Present in the last batch of an image. */
  readonly image?: ImageSummary;
}

export interface ReaderOptions {
  /** Descriptor to read; the reader never closes it. A pipe is enlarged to PIPE_BYTES. */
  readonly fd: number;
  readonly identity: PageIdentity;
  /** 16 bytes, goes into pack headers. */
  readonly logId: Buffer;
  /** Null: nothing is stored, only the summary is made (newPages = distinct pages is not promised: 0). */
  readonly index: PageIndex | null;
  /** true: images back to back, each with its own begin(); false: one image, and a byte after its tail is an error. */
  readonly stream: boolean;
  /** zstd level, default 1; negative levels are faster and store more. */
  readonly level?: number;
  /** Threads that hash and compress, default: processors, at most 4. */
  readonly threads?: number;
}

/** Reads images from a descriptor on threads of its own. Memory is bounded; a reader that is not asked stops reading. */
export interface ImageReader {
  /**
   * Starts the next image under a checkpoint id. Resolves to false at a clean end of the stream (no byte of a further image);
   * with `stream: false` an empty input is an error. Call it again only after the image's last batch.
   */
  begin(checkpoint: string): Promise<boolean>;
  /** The next batch of the image begun. Rejects with a CodecError; the reader is finished then. */
  next(): Promise<ReaderBatch>;
  /** Stops the threads, soon; a pending next() rejects with kind `cancelled`. Idempotent. */
  close(): void;
  /** Bytes read from the descriptor so far. */
  readonly bytesRead: number;
}

export interface WriterOptions {
  /** Descriptor to write; -1: nothing is written, the image is only rebuilt and verified. Never closed here. */
  readonly fd: number;
  readonly identity: PageIdentity;
  readonly packsDir: string;
  readonly threads?: number;
  /** One thread and a few MiB at most, in place of a dozen and more: for many writers at once. */
  readonly frugal?: boolean;
  /** Writes only the image's bytes from `first` to before `end`, and reads and verifies only the pages among them. */
  readonly range?: ByteRange;
  /**
   * First page and page after the last of stretches of memory, ascending. Then no image is written: records as they are, and each
   * stretch whole, with zeros where there is no page, which are holes in a file. The digest is all zero.
   */
  readonly segments?: Float64Array;
  /** At most so many packs are open at once, a descriptor each; their files are locked (flock, shared) meanwhile. */
  readonly openPacksMax?: number;
  /**
   * Called with the id of each pack that is needed and whose file is not there; it must not throw. The writer waits until brought() was
   * called for it, and opens the file then and there. Without it, a missing pack is damage.
   */
  readonly bring?: (pack: string) => void;
  /** Only with fd -1: directories of packs are believed, and no page is read. What verifyPack() has found sound may be. */
  readonly trustPacks?: boolean;
}

/** Bytes of an image from `first` to before `end`. */
export interface ByteRange {
  readonly first: number;
  readonly end: number;
}

/** Rebuilds an image from events and packs, in order, verified page by page, on threads of its own. */
export interface ImageWriter {
  /**
   * Takes the next `record` and `pages` events in stream order. Resolves when there is room for more (backpressure), not when they
   * are written. Rejects with a CodecError of kind `pack` (a damaged or missing pack, named), `event`, `io` or `cancelled`.
   */
  push(events: readonly StreamEvent[]): Promise<void>;
  /** Resolves when everything is written. With a range, `digest` means nothing. */
  finish(): Promise<{ readonly bytes: number; readonly pages: number; readonly digest: string }>;
  /** A pack that `bring` was called with is there, as far as it can be had. */
  brought(pack: string): void;
  close(): void;
  readonly bytesWritten: number;
}

/** Makes the plan of a lazy restart: the image's records, and where each of its pages is. */
export interface PlanBuilder {
  /** Takes the next `record` and `pages` events in stream order. Throws a CodecError of kind `event`. */
  push(events: readonly StreamEvent[]): void;
  /** Descriptor of the plan, a sealed file in memory that the caller closes. Throws a CodecError of kind `event` or `io`. */
  finish(imageBytes: number): number;
}

export interface PackReport {
  readonly pages: number;
  readonly rawBytes: number;
  readonly storedBytes: number;
  /** Id of the checkpoint whose stream wrote it. */
  readonly stream: string;
}

/** What the log knows of a pack. */
export interface PackFacts {
  readonly pages: number;
  /** Bytes of the whole file. */
  readonly storedBytes: number;
  readonly stream: string;
  /** 16 bytes. */
  readonly logId: Buffer;
}

export interface MendedPack {
  readonly bytes: Buffer;
  /** Proved by the pack's id: these are its own bytes. Else only its header and its length have been put right. */
  readonly whole: boolean;
}

/** What a `pages` event says, for the catalog. */
export interface PagesInfo {
  readonly pages: number;
  readonly first: number;
  readonly total: number;
  readonly zeroPages: number;
  readonly newPages: number;
  /** Hex ids of the packs that it names. */
  readonly packs: readonly string[];
  /** For each of them, one after the other, which slots are used, as a bitmap of 256 bytes (bit i of byte i >> 3). The caller's own. */
  readonly slots: Buffer;
}

/** Pages of a pack file that are wanted. */
export interface RepackSource {
  readonly path: string;
  readonly id: string;
  /** Bitmap: bit i of byte i >> 3. */
  readonly slots: Buffer;
}

export interface Repacked {
  readonly packs: readonly PackBytes[];
  /** Five u32 a run: source, its first slot, count, index into `packs` or 0xffffffff (these pages cannot be read), first slot there. */
  readonly runs: Buffer;
}

export interface Codec {
  openIndex(packsDir: string): PageIndex;
  openReader(options: ReaderOptions): ImageReader;
  openPlan(options: { readonly checkpoint: string; readonly identity: PageIdentity }): PlanBuilder;
  openWriter(options: WriterOptions): ImageWriter;
  /** A pipe of PIPE_BYTES with both ends close-on-exec. */
  pipe(): { readonly readFd: number; readonly writeFd: number };
  /**
   * Reads a pack file through: trailing digest, name, structure, every frame, every page against its hash.
   * Rejects with a CodecError of kind `pack`.
   */
  verifyPack(path: string, id: string, identity: PageIdentity): Promise<PackReport>;
  /** The slots of a pack file whose pages are what its directory says, as a bitmap of 256 bytes; none when it cannot be read. */
  soundPages(path: string, id: string, identity: PageIdentity): Promise<Buffer>;
  /**
   * A damaged pack with everything put right that can be known otherwise: header and length from the facts, one entry of the frame table,
   * the page directory, the trailing digest. Null when there is no file, or the facts are of no pack.
   */
  mendPack(path: string, id: string, identity: PageIdentity, facts: PackFacts): Promise<MendedPack | null>;
  /** Copies pages into new packs, each checked against its hash. They have all to fit into memory. */
  repack(
    sources: readonly RepackSource[],
    options: {
      readonly identity: PageIdentity;
      readonly logId: Buffer;
      readonly stream: string;
      readonly level?: number;
    },
  ): Promise<Repacked>;
  /**
   * flock(LOCK_EX | LOCK_NB), or LOCK_SH when it is to be shared: false when somebody else has it. It goes with the last descriptor of
   * this opening of the file.
   */
  lockFile(fd: number, shared?: boolean): boolean;
  /** Rejects bad structure with a CodecError of kind `event`. */
  pagesInfo(value: Buffer): PagesInfo;
  /** Goes on with a CRC-32C: `crc` is the value so far, 0 at the start. */
  crc32c(crc: number, bytes: Buffer): number;
  /** Hash of one page, for tests and tools. */
  pageHash(page: Buffer, identity: PageIdentity): Buffer;
}

/** What the addon throws or rejects with: an Error with these fields. */
export interface CodecError extends Error {
  readonly code: 'CKPT_CODEC';
  /** image: invalid or truncated input; pack: damaged or missing pack; event: malformed event; io: a system call; cancelled. */
  readonly kind: 'image' | 'pack' | 'event' | 'io' | 'cancelled';
  /** image: byte offset in the stream of the record at fault. */
  readonly offset?: number;
  /** image: name and number of that record, like `VMA (202)`. */
  readonly record?: string;
  /** pack: its id. */
  readonly pack?: string;
  /** io: like EIO. */
  readonly errno?: string;
}

export function isCodecError(error: unknown): error is CodecError {
  return error instanceof Error && (error as { code?: unknown }).code === 'CKPT_CODEC';
}

/** File of a pack under the packs directory: two hex digits of its id as a folder. The addon uses the same rule. */
export function packPath(packsDir: string, id: string): string {
  return `${packsDir}/${id.slice(0, 2)}/${id}.pack`;
}

const root = new URL('../../', import.meta.url);

let loaded: Codec | undefined;

/** Loads the addon once. Error with a hint when it was not built. */
export function loadCodec(): Codec {
  if (!loaded) {
    const path = fileURLToPath(new URL('build/Release/ckpt_codec.node', root));
    try {
      loaded = createRequire(import.meta.url)(path) as Codec;
    } catch (cause) {
      throw new Error(`cannot load the native codec ${path}: run npm run build`, { cause });
    }
  }
  return loaded;
}
