// SPDX-License-Identifier: Apache-2.0
//
// A store behind a service, with the face of a store on this machine, so that commands need not know the difference. Tasks are saved and
// restarted here, their images go there and come from there. What cannot be done from here is refused by name.
import { randomUUID } from 'node:crypto';
import { constants, createReadStream, openSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { hostname } from 'node:os';
import type {
  CheckpointRow,
  Ckpt,
  ExportOptions,
  IngestOptions,
  IngestResult,
  RestartedTask,
  RestartOptions,
  SaveOptions,
  SaveResult,
  WorkOptions,
} from '../ckpt.js';
import { loadCodec } from '../codec/native.js';
import { CkptError } from '../format/errors.js';
import { TaskCheckpoint } from '../ingest/task-checkpoint.js';
import { TaskRestart } from '../restore/task-restart.js';
import { restartOptions } from '../restart-options.js';
import { BorrowedPages } from './borrowed-pages.js';
import { RemoteClient, type RemoteOptions } from './client.js';
import { Keyring } from '../seals/keyring.js';
import { viewSeals, type SealView } from '../store-seals.js';
import { receiveImage } from './image-transfer.js';
import { RemoteLooks } from './remote-looks.js';
import { provePlan } from './proved-plan.js';
import { passSealed, sealedDigest, type RemoteSeals, type SealedDigest } from './sealed-image.js';

/** What a store offers, without what is private to one on this machine. */
export type CkptFace = Pick<Ckpt, keyof Ckpt>;

const imageType = 'application/octet-stream';

/** A store behind a service. `doing` is the command, for what it cannot do. CkptError `usage` for a bad address. */
export function openRemote(options: RemoteOptions, doing: string): CkptFace {
  const remote = new RemoteCkpt(new RemoteClient(options), options);
  return new Proxy(remote, {
    get: (target, name): unknown => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value === 'function') return value.bind(target) as unknown;
      if (value !== undefined || typeof name === 'symbol' || name === 'then') return value;
      return () => {
        throw notHere(doing);
      };
    },
  }) as unknown as CkptFace; // what is missing is refused above
}

/** A command that works on the files of a store, or on nothing but this machine. */
export function notHere(doing: string): CkptError {
  return new CkptError(
    'unsupported',
    `${doing} does not go over --remote`,
    'run it on the machine of the store, with --store',
  );
}

class RemoteCkpt extends RemoteLooks implements Partial<CkptFace> {
  readonly #codec = loadCodec();

  readonly #keyring: Keyring | undefined;

  constructor(
    client: RemoteClient,
    private readonly options: RemoteOptions,
  ) {
    super(client);
    this.#keyring = options.keys === undefined ? undefined : new Keyring(options.keys);
  }

  async refresh(): Promise<void> {
    // The service does so with every request.
  }

  async close(): Promise<void> {
    // Nothing is open between requests.
  }

  async remove(id: string): Promise<void> {
    const row = await this.find(id);
    const answer = await this.client.open(`/v1/checkpoints/${row.id}`, { method: 'DELETE' });
    answer.resume();
  }

  async tag(id: string, name: string, remove = false): Promise<void> {
    const json = { name, remove };
    (await this.client.open(`/v1/checkpoints/${id}/tags`, { method: 'POST', json })).resume();
  }

  untag(id: string, name: string): Promise<void> {
    return this.tag(id, name, true);
  }

  planPrune(policy: Parameters<Ckpt['planPrune']>[0], filter = {}): ReturnType<Ckpt['planPrune']> {
    return this.client.json('/v1/prune/plan', { method: 'POST', json: { policy, ...filter } });
  }

  collect({ dryRun, rewrite, signal }: Parameters<Ckpt['collect']>[0] = {}): ReturnType<Ckpt['collect']> {
    const json = { dry_run: dryRun ?? false, rewrite: rewrite ?? true };
    return this.client.json('/v1/gc', { method: 'POST', json, ...(signal ? { signal } : {}) });
  }

  verify(id?: string, { signal }: Parameters<Ckpt['verify']>[1] = {}): ReturnType<Ckpt['verify']> {
    const json = id === undefined ? {} : { id };
    return this.client.json('/v1/verify', { method: 'POST', json, ...(signal ? { signal } : {}) });
  }

  repair({ signal }: Parameters<Ckpt['repair']>[0] = {}): ReturnType<Ckpt['repair']> {
    return this.client.json('/v1/repair', { method: 'POST', ...(signal ? { signal } : {}) });
  }

  async rebuild(): Promise<void> {
    await this.client.json('/v1/rebuild', { method: 'POST' });
  }

  async abort(id: string, { writerIsDead = false }: Parameters<Ckpt['abort']>[1] = {}): Promise<string> {
    const json = { writer_is_dead: writerIsDead };
    const path = `/v1/checkpoints/${encodeURIComponent(id)}/abort`;
    return (await this.client.json<{ id: string }>(path, { method: 'POST', json })).id;
  }

  /** Zeros take no room where the descriptor is a file. */
  async core(id: string, fd: number, { signal, onProgress }: WorkOptions = {}): Promise<number> {
    const answer = await this.client.open(`/v1/checkpoints/${id}/core`, signal ? { signal } : {});
    return receiveImage(answer, fd, onProgress, signal, true);
  }

  /** Into a store on this machine. What keys here do not believe is not sealed there. */
  async copyTo(other: Ckpt, id: string, options: WorkOptions = {}): ReturnType<Ckpt['copyTo']> {
    const row = await this.find(id);
    return other.takeCopy(row, async () => {
      const seals = await this.#seals(row.id);
      const wanted = this.#believed(row, seals);
      const fill = (fd: number): Promise<void> =>
        wanted
          ? passSealed(this.#codec, wanted, fd, (into) => this.#receive(row.id, into, options))
          : this.#receive(row.id, fd, options);
      return { fill, tags: await this.tagsOf(row.id), seals, isBelieved: wanted !== undefined };
    });
  }

  /** What the image has to come to for the keys here to believe it; undefined when they do not, or there are none. */
  #believed(row: CheckpointRow, seals: RemoteSeals): SealedDigest | undefined {
    const keys = this.#keyring?.list() ?? [];
    if (keys.length === 0) return undefined;
    try {
      return sealedDigest(keys, row, seals);
    } catch (error) {
      if (error instanceof CkptError && (error.kind === 'damaged' || error.kind === 'unsupported')) return undefined;
      throw error;
    }
  }

  async export(id: string, fd: number, options: ExportOptions = {}): Promise<void> {
    const { requireSeal = false, range } = options;
    if (!requireSeal) return this.#receive(id, fd, options);
    const row = await this.find(id);
    const wanted = await this.#sealed(row);
    if (!wanted || range) return this.#receive(row.id, fd, options); // of a part nothing can be said from here
    await passSealed(this.#codec, wanted, fd, (into) => this.#receive(row.id, into, options));
  }

  /** What the image has to come to, once keys are configured here. CkptError when nobody believed stands for it. */
  async #sealed(row: CheckpointRow): Promise<SealedDigest | undefined> {
    const keys = this.#keyring?.list() ?? [];
    return keys.length ? sealedDigest(keys, row, await this.#seals(row.id)) : undefined;
  }

  #seals(id: string): Promise<RemoteSeals> {
    return this.client.json(`/v1/checkpoints/${id}/seals`);
  }

  async seals(argument: string): Promise<SealView[]> {
    const row = await this.find(argument);
    return viewSeals(this.#keyring?.list() ?? [], row, (await this.#seals(row.id)).seals);
  }

  async #receive(id: string, fd: number, options: ExportOptions): Promise<void> {
    const { signal, range, onProgress, requireSeal = false } = options;
    const answer = await this.client.open(`/v1/checkpoints/${encodeURIComponent(id)}/image`, {
      query: { seal: requireSeal ? undefined : 'any' },
      ...(range ? { headers: { range: `bytes=${String(range.first)}-${String(range.end - 1)}` } } : {}),
      ...(signal ? { signal } : {}),
    });
    await receiveImage(answer, fd, onProgress, signal);
  }

  async *ingest(fd: number, options: IngestOptions = {}): AsyncGenerator<IngestResult> {
    const body = createReadStream('', { fd, autoClose: false, highWaterMark: 1 << 20 });
    if (options.stream) yield* this.#sendAll(body, options);
    else yield await this.#send(body, options);
  }

  async digest(fd: number, { signal, onProgress }: WorkOptions = {}): ReturnType<Ckpt['digest']> {
    const body = createReadStream('', { fd, autoClose: false, highWaterMark: 1 << 20 });
    countBytes(body, onProgress);
    const found = await this.client.json<{ image_digest: string; image_bytes: number; pages: number }>('/v1/digest', {
      method: 'POST',
      headers: { 'content-type': imageType },
      body,
      ...(signal ? { signal } : {}),
    });
    return { digest: found.image_digest, bytes: found.image_bytes, pages: found.pages };
  }

  /** Each as soon as the service says that it is durable, while the rest is on its way. */
  async *#sendAll(body: ReturnType<typeof createReadStream>, options: IngestOptions): AsyncGenerator<IngestResult> {
    const { name, signal, onProgress } = options;
    countBytes(body, onProgress);
    const extras = {
      method: 'POST',
      query: { name: name ?? undefined },
      headers: { 'content-type': imageType },
      body,
      ...(signal ? { signal } : {}),
    };
    for await (const taken of this.client.lines<RemoteIngested>('/v1/ingest/stream', extras)) {
      yield this.#ingested(taken);
    }
  }

  async #send(body: Socket | ReturnType<typeof createReadStream>, options: IngestOptions): Promise<IngestResult> {
    const { name, signal, onProgress } = options;
    countBytes(body, onProgress);
    const taken = await this.client.json<RemoteIngested>('/v1/ingest', {
      method: 'POST',
      query: { name: name ?? undefined },
      headers: { 'content-type': imageType },
      body,
      ...(signal ? { signal } : {}),
    });
    return this.#ingested(taken);
  }

  async #ingested(taken: RemoteIngested): Promise<IngestResult> {
    const row = await this.find(taken.id);
    return {
      id: taken.id,
      name: taken.name,
      bytes: taken.image_bytes,
      pages: taken.pages,
      zeroPages: taken.zero_pages,
      newPages: taken.new_pages,
      storedBytes: taken.stored_bytes,
      digest: taken.image_digest,
      formatVersion: row.format_version === 1 ? 1 : 2,
      records: row.records,
      newPacks: 0, // the service does not say
    };
  }

  /** Of a task of this machine; it is held until the service says that its image is durable. */
  async save(pid: number, options: SaveOptions = {}): Promise<SaveResult> {
    const task = new TaskCheckpoint(this.#codec, {
      pid,
      after: options.after ?? 'run',
      format: options.format ?? 2,
      ...(options.onWarning ? { onWarning: options.onWarning } : {}),
    });
    const body = new Socket({ fd: dupOf(task.fd), readable: true, writable: false });
    try {
      const saved = await this.#send(body, options).catch(async (error: unknown) => {
        await task.written; // its own error says more than what became of half an image
        throw error;
      });
      await task.commit();
      return { ...saved, frozenMs: task.frozenMs };
    } finally {
      body.destroy();
      await task.close();
    }
  }

  /** On this machine, out of the service's image. That it was restarted is an event in the service's log. */
  async restart(id: string, options: RestartOptions = {}): Promise<RestartedTask> {
    const row = await this.find(id);
    const restoreId = randomUUID();
    const record = (pid: number | null, result: string): Promise<void> =>
      this.#recordRestore(row.id, { restore_id: restoreId, host: hostname(), pid, result }, options);
    try {
      const task = options.lazy ? await this.#startLazily(row, options) : await this.#startFully(row.id, options);
      const pid = await task.running;
      await record(pid, 'running');
      const outcome = task.outcome.then(async (end) => {
        if (end.result !== 'running') await record(pid, end.result);
        return end;
      });
      outcome.catch(() => undefined); // reported to whoever awaits it
      return { pid, outcome, signal: (name) => task.signal(name) };
    } catch (error) {
      await record(null, `failed: ${(error as Error).message}`);
      throw error;
    }
  }

  /** A task that runs, or is stopped. */
  async #startFully(id: string, options: RestartOptions): Promise<TaskRestart> {
    const task = new TaskRestart(this.#codec, restartOptions(options));
    const failure = await this.export(id, task.fd, {
      requireSeal: true,
      ...(options.onProgress ? { onProgress: options.onProgress } : {}),
    })
      .then(
        () => undefined,
        (error: unknown) => error as Error,
      )
      .finally(() => task.imageDone());
    await task.running.catch((error: unknown) => {
      throw failure instanceof CkptError && !failure.message.startsWith('cannot write') ? failure : error;
    });
    return task;
  }

  /** Its pages come from the service when it touches them. */
  async #startLazily(row: CheckpointRow, options: RestartOptions): Promise<TaskRestart> {
    const wanted = await this.#sealed(row);
    if (wanted?.isCarried) {
      throw new CkptError(
        'unsupported',
        `the seal of ${row.id} was made in another store, and only its whole image tells whether it is right`,
        'leave --lazy out, or seal it where it is (ckpt key seal)',
      );
    }
    const prove = wanted
      ? (headsDir: string): Promise<number> => provePlan(this.client, this.#codec, wanted, row.image_bytes, headsDir)
      : undefined;
    const pages = await BorrowedPages.open(this.client, this.options, row.id, prove);
    try {
      const task = new TaskRestart(this.#codec, restartOptions(options), pages.source);
      await task.running;
      return task;
    } finally {
      pages.release();
    }
  }

  /** A token that may read may not say what becomes of it: that is a warning, not a failure. */
  async #recordRestore(id: string, json: unknown, { onWarning }: RestartOptions): Promise<void> {
    try {
      (await this.client.open(`/v1/checkpoints/${id}/restores`, { method: 'POST', json })).resume();
    } catch (error) {
      onWarning?.(`the restart is not in the service's log: ${(error as Error).message}`);
    }
  }
}

function countBytes(body: Readable, onProgress: ((bytes: number) => void) | undefined): void {
  let bytes = 0;
  if (onProgress) body.on('data', (chunk: Buffer | string) => onProgress((bytes += chunk.length)));
}

/** The pipe's own descriptor is closed by whoever opened it. */
function dupOf(fd: number): number {
  return openSync(`/proc/self/fd/${String(fd)}`, constants.O_RDONLY | constants.O_NONBLOCK);
}

interface RemoteIngested {
  readonly id: string;
  readonly name: string | null;
  readonly image_bytes: number;
  readonly pages: number;
  readonly zero_pages: number;
  readonly new_pages: number;
  readonly stored_bytes: number;
  readonly image_digest: string;
}
