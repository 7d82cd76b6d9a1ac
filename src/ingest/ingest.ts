// SPDX-License-Identifier: Apache-2.0
//
// Pipe to log. One image becomes one stream: `opened`, then for each batch of the reader its packs and its events, then
// `sealed`. While the log makes one batch durable, the reader's threads already work on the next. Whatever goes wrong after
// `opened` ends in `aborted`, so that no half image waits for anybody.
import { EventChain } from '../format/chain.js';
import { abortedEvent, encodeValue, type EventMessage, type Opened, type WriterIdentity } from '../format/events.js';
import { newCheckpointId } from '../format/id.js';
import { type Codec, type ImageReader, type ImageSummary, type PageIndex, type ReaderBatch } from '../codec/native.js';
import type { EventLog } from '../store/log.js';
import { explain, readerOptions, watch } from './reading.js';

export interface IngestSource {
  /** Descriptor to read; it stays the caller's. */
  readonly fd: number;
  /** Images back to back until the end of the stream, instead of exactly one. */
  readonly stream: boolean;
  readonly origin: Opened['source'];
  readonly name: string | null;
  /** Of a copy: the id and the time of the original. Default: new ones. */
  readonly id?: string;
  readonly createdAt?: string;
  /** Milliseconds that the task was frozen for the image just read, asked for when it is sealed. */
  readonly frozenMs?: () => Promise<number | null>;
  /** Called before an image is sealed; what it throws aborts the image. */
  readonly beforeSeal?: () => Promise<void>;
}

export interface IngestEnvironment {
  readonly codec: Codec;
  readonly log: EventLog;
  readonly index: PageIndex;
  readonly writer: WriterIdentity;
  /** Called when `opened` stands in the log, before dedup begins: what was condemned until then must not be chosen. */
  readonly beforeDedup: () => Promise<unknown>;
  /** The checkpoint of the same process before this one, if the catalog knows one. */
  readonly parentOf: (checkpoint: string) => Promise<string | null>;
  /** The events that say who stands for an image; they go into the log together with `sealed`. */
  readonly sign: (checkpoint: string, digest: string) => readonly EventMessage[];
  /** Throws unless the log says that this stream's own seal won. */
  readonly confirmSealed: (checkpoint: string) => Promise<void>;
  readonly level?: number;
  readonly threads?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (bytesRead: number) => void;
}

export interface IngestResult extends ImageSummary {
  readonly id: string;
  readonly name: string | null;
}

/** Reads the images of a source into the log and yields each when it is durable, sealed and read back. */
export async function* ingestImages(source: IngestSource, env: IngestEnvironment): AsyncGenerator<IngestResult> {
  env.signal?.throwIfAborted();
  const reader = env.codec.openReader({
    ...readerOptions(env.log, env),
    fd: source.fd,
    index: env.index,
    stream: source.stream,
  });
  const end = watch(reader, env);
  try {
    for (;;) {
      const id = source.id ?? newCheckpointId();
      if (!(await reader.begin(id))) return;
      yield await ingestOne(id, reader, source, env);
      if (!source.stream) return;
    }
  } catch (error) {
    throw explain(error, env.signal);
  } finally {
    end();
  }
}

async function ingestOne(
  id: string,
  reader: ImageReader,
  source: IngestSource,
  env: IngestEnvironment,
): Promise<IngestResult> {
  const stream = new StreamWriter(id, env.log);
  await stream.append({
    type: 'opened',
    value: encodeValue('opened', {
      name: source.name,
      createdAt: source.createdAt ?? new Date().toISOString(),
      source: source.origin,
      writer: env.writer,
      dedupPosition: await env.log.end(),
    }),
  });
  try {
    await env.beforeDedup();
    const image = await copyBatches(id, reader, stream, env.log);
    await source.beforeSeal?.();
    env.signal?.throwIfAborted();
    await stream.seal(
      env.sign(id, image.digest),
      encodeValue('sealed', {
        formatVersion: image.formatVersion,
        bytes: image.bytes,
        records: image.records,
        pages: image.pages,
        zeroPages: image.zeroPages,
        newPages: image.newPages,
        storedBytes: image.storedBytes,
        digest: image.digest,
        parent: await env.parentOf(id),
        chain: stream.chain,
        frozenMs: (await source.frozenMs?.()) ?? null,
      }),
    );
    await env.confirmSealed(id);
    return { ...image, id, name: source.name };
  } catch (error) {
    await abort(id, env.log, explain(error, env.signal));
    throw error;
  }
}

/** Bytes that may be on their way into the log at once: beyond it the reader waits, and with it whoever writes the image. */
const UNDER_WAY_BYTES_MAX = 16 << 20;

/**
 * Moves batches until the image's last. Packs of several batches may be on their way at once; the events of a batch follow when its packs
 * and those of all before it are in the log, and in order.
 */
async function copyBatches(
  id: string,
  reader: ImageReader,
  stream: StreamWriter,
  log: EventLog,
): Promise<ImageSummary> {
  const underWay: { readonly bytes: number; readonly done: Promise<void> }[] = [];
  let bytesUnderWay = 0;
  let last: Promise<void> = Promise.resolve();
  let pending = reader.next();
  try {
    for (;;) {
      const batch: ReaderBatch = await pending;
      if (!batch.image) {
        pending = reader.next();
        pending.catch(() => undefined); // reported by the await above, unless the log fails first
      }
      const stored = batch.packs.length
        ? log.packs.put(batch.packs.map((pack) => ({ ...pack, storedBytes: pack.bytes.length, stream: id })))
        : Promise.resolve();
      const before = last;
      last = Promise.all([before, stored]).then(() =>
        batch.events.length ? stream.append(...batch.events) : undefined,
      );
      last.catch(() => undefined); // reported by the awaits below
      const bytes = bytesOf(batch.packs) + bytesOf(batch.events.map(({ value }) => ({ bytes: value })));
      underWay.push({ bytes, done: last });
      bytesUnderWay += bytes;
      while (batch.image ? underWay.length > 0 : bytesUnderWay > UNDER_WAY_BYTES_MAX) {
        const oldest = underWay.shift();
        await oldest?.done;
        bytesUnderWay -= oldest?.bytes ?? 0;
      }
      if (batch.image) return batch.image;
    }
  } catch (error) {
    // Nothing of this stream is under way when it is fenced.
    await Promise.allSettled(underWay.map(({ done }) => done));
    throw error;
  }
}

function bytesOf(values: readonly { readonly bytes: Buffer }[]): number {
  return values.reduce((sum, { bytes }) => sum + bytes.length, 0);
}

/** Numbers and chains the events of one stream. */
class StreamWriter {
  #seq = 0;
  readonly #chain: EventChain;

  constructor(
    readonly id: string,
    readonly log: EventLog,
  ) {
    this.#chain = EventChain.start(id);
  }

  /** Chain digest over everything appended so far, hex. */
  get chain(): string {
    return this.#chain.hex;
  }

  async append(...events: readonly Pick<EventMessage, 'type' | 'value'>[]): Promise<void> {
    await this.log.append(events.map((event) => this.#next(event)));
  }

  /** Ends the stream. Who stands for the image is in the log before it is visible. */
  async seal(signed: readonly EventMessage[], value: Buffer): Promise<void> {
    await this.log.append([...signed, this.#next({ type: 'sealed', value })]);
  }

  #next({ type, value }: Pick<EventMessage, 'type' | 'value'>): EventMessage {
    const message: EventMessage = { type, checkpoint: this.id, seq: this.#seq++, value };
    this.#chain.add(message);
    return message;
  }
}

/** Fences the stream. When even that fails, the next command's fencing of dead writers does it. */
async function abort(id: string, log: EventLog, why: Error): Promise<void> {
  await log.append([abortedEvent(id, why.message)]).catch(() => undefined);
}
