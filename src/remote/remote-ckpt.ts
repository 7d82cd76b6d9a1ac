// SPDX-License-Identifier: Apache-2.0
//
// A store behind a service, with the face of a store on this machine, so that commands need not know the difference. Tasks are saved and
// restarted here, their images go there and come from there. What cannot be done from here is refused by name.
import { randomUUID } from 'node:crypto';
import { constants, createReadStream, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { hostname } from 'node:os';
import type {
  CheckpointFilter,
  CheckpointRow,
  Ckpt,
  ExportOptions,
  IngestOptions,
  IngestResult,
  RecordEntry,
  RestartedTask,
  RestartOptions,
  SaveOptions,
  SaveResult,
  SqlAnswer,
  SqlValue,
  StoreSizes,
  VmaEntry,
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
import { passSealed, sealedDigest, type RemoteSeals, type SealedDigest } from './sealed-image.js';

/** What a store offers, without what is private to one on this machine. */
export type CkptFace = Pick<Ckpt, keyof Ckpt>;

const imageType = 'application/octet-stream';
const PAGE = 1000;

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

class RemoteCkpt implements Partial<CkptFace> {
  readonly #codec = loadCodec();

  readonly #keyring: Keyring | undefined;

  constructor(
    private readonly client: RemoteClient,
    private readonly options: RemoteOptions,
  ) {
    this.#keyring = options.keys === undefined ? undefined : new Keyring(options.keys);
  }

  get dir(): string {
    return this.client.url;
  }

  async refresh(): Promise<void> {
    // The service does so with every request.
  }

  async close(): Promise<void> {
    // Nothing is open between requests.
  }

  find(argument: string): Promise<CheckpointRow> {
    return this.client.json<RemoteRow>(`/v1/checkpoints/${encodeURIComponent(argument)}`).then(rowOf);
  }

  /** Only what is whole: the service shows no other. */
  findRemovable(argument: string): Promise<CheckpointRow> {
    return this.find(argument);
  }

  /** Page by page; by filters and in other orders at once, of which there is a most. */
  async list(options: Parameters<Ckpt['list']>[0] = {}): Promise<CheckpointRow[]> {
    const { columns: _all, ...asked } = options;
    const usual = { order: 'created', reverse: false };
    if (Object.entries(asked).some(([key, value]) => value !== usual[key as keyof typeof usual])) {
      const found = await this.client.json<{ checkpoints: CheckpointRow[] }>('/v1/checkpoints/search', {
        method: 'POST',
        json: asked,
      });
      return found.checkpoints.map(({ damage, state, ...row }) => ({ ...rowOf(row), state, damage }));
    }
    const all: CheckpointRow[] = [];
    let after: string | undefined;
    do {
      const page = await this.#page({ limit: PAGE, ...(after === undefined ? {} : { after }) });
      all.push(...page.checkpoints.map(rowOf));
      after = page.next ?? undefined;
    } while (after !== undefined);
    return all;
  }

  async page({ newestFirst, ...filter }: CheckpointFilter): Promise<CheckpointRow[]> {
    return (await this.#page({ ...filter, order: newestFirst ? 'newest' : 'oldest' })).checkpoints.map(rowOf);
  }

  #page(
    query: Readonly<Record<string, string | number | undefined>>,
  ): Promise<{ checkpoints: RemoteRow[]; next: string | null }> {
    return this.client.json('/v1/checkpoints', { query });
  }

  async mappings(id: string): Promise<VmaEntry[]> {
    const { mappings } = await this.client.json<{ mappings: RemoteMapping[] }>(`/v1/checkpoints/${id}/maps`);
    return mappings.map(({ start_hex, end_hex, file_offset, ...rest }) => ({
      ...rest,
      start_addr: BigInt(`0x${start_hex}`),
      end_addr: BigInt(`0x${end_hex}`),
      file_offset: file_offset === null ? null : BigInt(file_offset),
    }));
  }

  async records(id: string): Promise<RecordEntry[]> {
    return (await this.client.json<{ records: RecordEntry[] }>(`/v1/checkpoints/${id}/records`)).records;
  }

  async tasks(id: string): ReturnType<Ckpt['tasks']> {
    const { tasks } = await this.client.json<{ tasks: RemoteTask[] }>(`/v1/checkpoints/${id}/tasks`);
    return tasks.map((task) => ({
      ...task,
      threads: task.threads.map((thread) => ({
        ...thread,
        vector: thread.vector === null ? null : Buffer.from(thread.vector, 'hex'),
      })),
    }));
  }

  diff(a: string, b: string): ReturnType<Ckpt['diff']> {
    return this.client.json(`/v1/checkpoints/${encodeURIComponent(a)}/diff/${encodeURIComponent(b)}`);
  }

  async series(): ReturnType<Ckpt['series']> {
    return (await this.client.json<{ series: Awaited<ReturnType<Ckpt['series']>> }>('/v1/series')).series;
  }

  async growth(by: Parameters<Ckpt['growth']>[0]): ReturnType<Ckpt['growth']> {
    return (await this.client.json<{ growth: Awaited<ReturnType<Ckpt['growth']>> }>('/v1/growth', { query: { by } }))
      .growth;
  }

  stats(): Promise<StoreSizes> {
    return this.client.json('/v1/stats');
  }

  async sqlBatches(query: string): Promise<SqlAnswer> {
    const answer = await this.client.json<{ columns: string[]; rows: SqlValue[][]; truncated: boolean }>('/v1/sql', {
      method: 'POST',
      json: { query },
    });
    if (answer.truncated) {
      throw new CkptError('failed', 'sql: there are more rows than the service answers', 'add a LIMIT to the query');
    }
    // As the local one does, whole numbers come as bigint; JSON has no other mark for them.
    const rows = answer.rows.map((row) =>
      row.map((value) => (Number.isInteger(value) ? BigInt(value as number) : value)),
    );
    return { columns: answer.columns, batches: once(rows) };
  }

  async sql(query: string): Promise<{ columns: readonly string[]; rows: SqlValue[][] }> {
    const { columns, batches } = await this.sqlBatches(query);
    const rows: SqlValue[][] = [];
    for await (const batch of batches) for (const row of batch) rows.push([...row]);
    return { columns, rows };
  }

  async remove(id: string): Promise<void> {
    const row = await this.find(id);
    const answer = await this.client.open(`/v1/checkpoints/${row.id}`, { method: 'DELETE' });
    answer.resume();
  }

  async tagsOf(id: string): Promise<string[]> {
    return (await this.client.json<{ tags: string[] }>(`/v1/checkpoints/${id}/tags`)).tags;
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
    if (options.stream) throw notHere('ingest --stream');
    const body = createReadStream('', { fd, autoClose: false, highWaterMark: 1 << 20 });
    yield await this.#send(body, options);
  }

  async #send(body: Socket | ReturnType<typeof createReadStream>, options: IngestOptions): Promise<IngestResult> {
    const { name, signal, onProgress } = options;
    let bytes = 0;
    if (onProgress) body.on('data', (chunk: Buffer | string) => onProgress((bytes += chunk.length)));
    const taken = await this.client.json<RemoteIngested>('/v1/ingest', {
      method: 'POST',
      query: { name: name ?? undefined },
      headers: { 'content-type': imageType },
      body,
      ...(signal ? { signal } : {}),
    });
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
      const task = options.lazy ? await this.#startLazily(row.id, options) : await this.#startFully(row.id, options);
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
  async #startLazily(id: string, options: RestartOptions): Promise<TaskRestart> {
    if (this.#keyring?.list().length) {
      throw new CkptError(
        'unsupported',
        'restart --lazy over --remote lets a task run before its seal could be verified with the keys here',
        'leave --lazy out',
      );
    }
    const pages = await BorrowedPages.open(this.client, this.options, id);
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

/** The pipe's own descriptor is closed by whoever opened it. */
function dupOf(fd: number): number {
  return openSync(`/proc/self/fd/${String(fd)}`, constants.O_RDONLY | constants.O_NONBLOCK);
}

async function* once<T>(batch: readonly T[]): AsyncGenerator<readonly T[]> {
  yield batch;
}

type Task = Awaited<ReturnType<Ckpt['tasks']>>[number];

/** Bytes come as hex. */
interface RemoteTask extends Omit<Task, 'threads'> {
  readonly threads: (Omit<Task['threads'][number], 'vector'> & { readonly vector: string | null })[];
}

type RemoteRow = Omit<CheckpointRow, 'state' | 'damage'>;

/** The service shows sealed checkpoints only. */
function rowOf(row: RemoteRow): CheckpointRow {
  const { id, name, ...rest } = row;
  return { id, name, state: 'sealed', ...rest, damage: null };
}

interface RemoteMapping extends Omit<VmaEntry, 'start_addr' | 'end_addr' | 'file_offset'> {
  readonly start_hex: string;
  readonly end_hex: string;
  readonly file_offset: number | bigint | null;
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
