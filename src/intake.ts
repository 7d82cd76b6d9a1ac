// SPDX-License-Identifier: Apache-2.0
//
// The way into a store: live tasks and images from elsewhere.
import type { CkptOptions, IngestOptions, SaveOptions, SaveResult, WorkOptions } from './ckpt-options.js';
import type { Codec } from './codec/native.js';
import { copySource, ingestCopy, type CopyOrigin } from './copy.js';
import { CkptError } from './format/errors.js';
import { ingestImages, type IngestEnvironment, type IngestResult, type IngestSource } from './ingest/ingest.js';
import { imageOf, TaskCheckpoint } from './ingest/task-checkpoint.js';
import type { StoreSeals } from './store-seals.js';
import type { CheckpointRow, Store } from './store/index.js';
import type { Trust } from './trust.js';

export interface IntakeParts {
  readonly store: Store;
  readonly codec: Codec;
  readonly trust: Trust;
  readonly seals: StoreSeals;
  readonly options: Pick<CkptOptions, 'level' | 'threads'>;
}

export class Intake {
  constructor(private readonly parts: IntakeParts) {}

  async save(pid: number, options: SaveOptions): Promise<SaveResult> {
    const after = options.after ?? 'run';
    const task = new TaskCheckpoint(this.parts.codec, {
      pid,
      after,
      format: options.format ?? 2,
      ...(options.via ? { via: options.via } : {}),
      ...(options.onWarning ? { onWarning: options.onWarning } : {}),
    });
    try {
      const source: IngestSource = {
        fd: task.fd,
        stream: true,
        origin: 'save',
        name: options.name ?? null,
        beforeSeal: () => task.written,
        frozenMs: () => Promise.resolve(task.frozenMs),
      };
      const images = ingestImages(source, await this.environment(options));
      const saved = await imageOf(task, images);
      await task.commit();
      await this.parts.trust.heal();
      return { ...saved, frozenMs: task.frozenMs };
    } finally {
      await task.close();
    }
  }

  async *ingest(fd: number, options: IngestOptions): AsyncGenerator<IngestResult> {
    const source: IngestSource = { fd, stream: options.stream ?? false, origin: 'ingest', name: options.name ?? null };
    yield* ingestImages(source, await this.environment(options));
    await this.parts.trust.heal();
  }

  /** Under the same id, or, where that was aborted or deleted here, a new one. The tags have yet to be put. */
  async takeCopy(
    row: CheckpointRow,
    origin: () => Promise<CopyOrigin>,
  ): Promise<{ id: string; copied: boolean; tags: readonly string[] }> {
    const { codec, seals, store } = this.parts;
    const known = store.catalog.get(row.id);
    if (known?.state === 'sealed') return { id: row.id, copied: false, tags: [] };
    const isFree = known === undefined && !store.catalog.isForgotten(row.id);
    const from = await origin();
    const env = { ...(await this.environment({})), sign: seals.signCopy(row.id, from) };
    const { id } = await ingestCopy(codec, from.fill, copySource(row, isFree), env);
    return { id, copied: true, tags: from.tags };
  }

  /** What ingestImages() works with. */
  async environment(options: WorkOptions): Promise<IngestEnvironment> {
    const { store, codec, trust, seals } = this.parts;
    const { index } = trust;
    const { level, threads } = this.parts.options;
    await store.abortStale();
    return {
      codec,
      log: store.log,
      index: await index.load(),
      writer: store.writer,
      beforeDedup: () => index.bringUpToDate(),
      parentOf: async (id) => {
        await store.catchUp();
        return store.catalog.parentOf(id);
      },
      confirmSealed: async (id) => {
        await store.catchUp();
        const row = store.catalog.get(id);
        if (row?.state === 'sealed') return;
        throw new CkptError(
          'failed',
          `checkpoint ${id} was not sealed: the log says it is ${row?.damage ?? row?.state ?? 'not there'}`,
        );
      },
      sign: (id, digest) => seals.sign(id, digest),
      ...(level === undefined ? {} : { level }),
      ...(threads === undefined ? {} : { threads }),
      ...(options.signal ? { signal: options.signal } : {}),
      ...(options.onProgress ? { onProgress: options.onProgress } : {}),
    };
  }
}
