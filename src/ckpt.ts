// SPDX-License-Identifier: Apache-2.0
//
// The library: a store opened on this machine. Implementations are chosen here and nowhere else.
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type {
  CkptOptions,
  ExportOptions,
  IngestOptions,
  PrunePlan,
  RestartOptions,
  RestartedTask,
  SaveOptions,
  SaveResult,
  WorkOptions,
} from './ckpt-options.js';
import { loadCodec, pageIdentity, type Codec, type ImageSummary } from './codec/native.js';
import type { CopyOrigin } from './copy.js';
import { CkptError } from './format/errors.js';
import { outsideEvent, type EventMessage, type Restored } from './format/events.js';
import { digestImage } from './ingest/digest.js';
import type { IngestResult } from './ingest/ingest.js';
import { Intake } from './intake.js';
import { summarizeLog, viewEvents, type LogEventFilter, type LogEventView, type LogSummary } from './log-view.js';
import { writeCore } from './restore/core/core.js';
import { logOf } from './open-log.js';
import { promised } from './promised.js';
import { planPrune, type PruneFilter, type PrunePolicy } from './prune.js';
import { rebuildImage, type RebuildEnvironment } from './restore/rebuild.js';
import { Lending } from './lending.js';
import { LazyRestarts } from './restore/lazy-restarts.js';
import { TaskRestart } from './restore/task-restart.js';
import { restartOptions, type RestoreName } from './restart-options.js';
import { storedImage } from './stored-image.js';
import {
  collect,
  Leases,
  nothingCollected,
  openStore,
  type AskOptions,
  type CheckpointFilter,
  type CollectOptions,
  type CollectReport,
  type CheckpointRow,
  type Growth,
  type GrowthStep,
  type ImageDiff,
  type KindRun,
  type ListChoice,
  type ListColumn,
  type ProcessSeries,
  type RecordEntry,
  type SqlAnswer,
  type SqlValue,
  type Store,
  type TaskView,
  type VmaEntry,
} from './store/index.js';
import { storeSizes, type StoreSizes } from './sizes.js';
import type { RepairReport } from './repair.js';
import { Keyring } from './seals/keyring.js';
import { StoreSeals, type LogHashing, type SealView } from './store-seals.js';
import { Trust } from './trust.js';
import type { VerifyReport } from './verify.js';

export type * from './ckpt-options.js';
export type * from './ckpt-results.js';

export class Ckpt {
  readonly #trust: Trust;
  readonly #seals: StoreSeals;
  readonly #intake: Intake;
  readonly #leases: Leases;
  /** Plans and packs for lazy restarts on other machines: as a restart here, only of an image that is believed. */
  readonly lending: Lending;
  #lazy: LazyRestarts | undefined;

  private constructor(
    private readonly store: Store,
    private readonly codec: Codec,
    private readonly options: CkptOptions,
  ) {
    this.#leases = new Leases(store.dir, codec);
    this.lending = new Lending(store, this.#leases, {
      lazy: () => this.#lazyRestarts(),
      believe: async (id) => this.#requireSeal(await this.find(id), { prove: true, once: true }),
    });
    this.#trust = new Trust(store, codec, this.#leases, (what, work) => this.#leased(what, work));
    const keyring = options.keys === undefined ? undefined : new Keyring(options.keys);
    this.#seals = new StoreSeals(store, codec, keyring, () => this.#rebuildEnvironment());
    this.#intake = new Intake({ store, codec, trust: this.#trust, seals: this.#seals, options });
  }

  /** Opens a store and brings its catalog up to the end of its log. StoreError. */
  static async open(options: CkptOptions): Promise<Ckpt> {
    const codec = loadCodec();
    const { access } = options;
    const store = await openStore({
      dir: options.store,
      create: access === 'create',
      codec,
      replaceDamagedCatalog: access === 'rebuild',
      ...(options.pageHash ? { pageHash: options.pageHash } : {}),
      ...(await logOf(options)),
    });
    try {
      if (access !== 'rebuild' && access !== 'look') await store.catchUp();
    } catch (error) {
      await store.close();
      throw error;
    }
    return new Ckpt(store, codec, options);
  }

  /** Directory of the store. */
  get dir(): string {
    return this.store.dir;
  }

  /** Takes up what others have written to the log since; what is asked next knows of it. StoreError. */
  async refresh(): Promise<void> {
    await this.store.catchUp();
  }

  async close(): Promise<void> {
    await this.lending.close();
    await this.#lazy?.close();
    await this.store.close();
  }

  // ---- into the store

  /** Checkpoints a live task. CkptError `unsupported` names what stands in the way, before anything was changed. */
  save(pid: number, options: SaveOptions = {}): Promise<SaveResult> {
    return this.#intake.save(pid, options);
  }

  /** Reads images from a descriptor; each is yielded when it is durable and sealed. CkptError `damaged` names byte and record. */
  ingest(fd: number, options: IngestOptions = {}): AsyncGenerator<IngestResult> {
    return this.#intake.ingest(fd, options);
  }

  /** What an image would come to in this store, without keeping it. */
  async digest(fd: number, options: WorkOptions = {}): Promise<Pick<ImageSummary, 'digest' | 'bytes' | 'pages'>> {
    return digestImage(fd, { codec: this.codec, log: this.store.log, ...this.#threads(), ...options });
  }

  /** What the work reads in the store stays there until it is done. The catalog is at the log's end when it begins. */
  async #leased<T>(what: string, work: () => Promise<T>): Promise<T> {
    const { store } = this;
    if (!store.exists) return work();
    const lease = this.#leases.take(what, await store.log.end());
    try {
      await store.catchUp();
      return await work();
    } finally {
      lease.release();
    }
  }

  #threads(): { threads?: number } {
    return this.options.threads === undefined ? {} : { threads: this.options.threads };
  }

  // ---- out of the store

  /** Writes an image, bit for bit, to a descriptor; every page is verified before it is written. */
  async export(id: string, fd: number, options: ExportOptions = {}): Promise<void> {
    const { requireSeal, ...rest } = options;
    if (requireSeal) await this.requireSeal(id);
    await this.#leased(`export of ${id}`, () =>
      rebuildImage(storedImage(this.store, id), fd, { ...this.#rebuildEnvironment(), ...rest }),
    );
  }

  /** Writes a checkpoint as an ELF core for debuggers; returns its bytes, holes included. */
  core(id: string, fd: number, options: WorkOptions = {}): Promise<number> {
    return this.#leased(`core of ${id}`, () => {
      const { catalog, looks } = this.store;
      const image = storedImage(this.store, id);
      const source = {
        image,
        tasks: looks.tasks(image.id),
        vmas: catalog.vmas(image.id),
        runs: () => looks.runs(image.id),
      };
      return writeCore(source, fd, { ...this.#rebuildEnvironment(), ...options });
    });
  }

  #rebuildEnvironment(): RebuildEnvironment {
    const { log } = this.store;
    return {
      codec: this.codec,
      identity: pageIdentity(log.opened),
      packsDir: log.packs.dir,
      ...this.#threads(),
    };
  }

  /** Makes a task run again. Rejects when it does not come to run; the restart is an event in the log either way. */
  restart(id: string, options: RestartOptions = {}): Promise<RestartedTask> {
    // A pager holds the packs it needs open before its task runs; an export has a lease of its own.
    const restart = (): Promise<RestartedTask> => this.#restart(id, options);
    return options.lazy ? this.#leased(`restart of ${id}`, restart) : restart();
  }

  async #restart(id: string, options: RestartOptions): Promise<RestartedTask> {
    const row = await this.find(id);
    const restore = {
      restoreId: randomUUID(),
      ...(options.requestedBy === undefined ? {} : { by: options.requestedBy }),
    };
    // A request stands in the log before anything of it runs.
    if (restore.by !== undefined) await this.#recordRestore(row.id, restore, null, 'requested');
    try {
      await this.#requireSeal(row, { prove: true, once: options.lazy === true });
      if (options.lazy && options.warm && options.detach) return await this.#restartWarm(row.id, restore, options);
      const task = await this.#startTask(row.id, options);
      const failure = options.lazy ? undefined : await this.#fill(task, row.id, options);
      const pid = await task.running.catch((error: unknown) => {
        // A damaged store says more than the torn image that it made; a closed pipe says less than whoever closed it.
        throw failure instanceof CkptError && failure.kind === 'damaged' ? failure : error;
      });
      await this.#recordRestore(row.id, restore, pid, 'running');
      const outcome = task.outcome.then(async (end) => {
        if (end.result !== 'running') await this.#recordRestore(row.id, restore, pid, end.result);
        return end;
      });
      outcome.catch(() => undefined); // reported to whoever awaits it
      return { pid, outcome, signal: (name) => task.signal(name) };
    } catch (error) {
      await this.#recordRestore(row.id, restore, null, `failed: ${(error as Error).message}`).catch(() => undefined);
      throw error;
    }
  }

  async #startTask(id: string, options: RestartOptions): Promise<TaskRestart> {
    if (!options.lazy) return new TaskRestart(this.codec, restartOptions(options));
    const image = storedImage(this.store, id);
    return this.#lazyRestarts().with(image, (lazy) => new TaskRestart(this.codec, restartOptions(options), lazy));
  }

  async #restartWarm(id: string, restore: RestoreName, options: RestartOptions): Promise<RestartedTask> {
    const lazy = this.#lazyRestarts();
    const { pid, atNs } = await lazy.with(storedImage(this.store, id), (source) =>
      lazy.restarter.restart(source, restartOptions(options)),
    );
    await this.#recordRestore(id, restore, pid, 'running');
    const outcome = Promise.resolve({ result: 'running', status: 0 });
    return { pid, atNs, outcome, signal: (name) => process.kill(pid, name) };
  }

  /** Makes what warm restarts need, so that the first of them does not wait for it. */
  warmUp(): void {
    this.#lazyRestarts().warmUp();
  }

  #lazyRestarts(): LazyRestarts {
    this.#lazy ??= new LazyRestarts({ ...this.#rebuildEnvironment(), lazyDir: join(this.store.dir, 'lazy') });
    return this.#lazy;
  }

  /** Writes the image into the task's pipe. What went wrong, if something did. */
  async #fill(task: TaskRestart, id: string, { onProgress }: RestartOptions): Promise<Error | undefined> {
    try {
      await this.export(id, task.fd, onProgress ? { onProgress } : {});
      return undefined;
    } catch (error) {
      return error as Error;
    } finally {
      task.imageDone();
    }
  }

  /** Says in the log what became of a restart that somebody else made. */
  async recordRestore(id: string, restored: Omit<Restored, 'at'>): Promise<void> {
    await this.#append(outsideEvent('restored', id, { ...restored, at: new Date().toISOString() }));
  }

  async #recordRestore(checkpoint: string, restore: RestoreName, pid: number | null, result: string): Promise<void> {
    const value = { ...restore, at: new Date().toISOString(), host: hostname(), pid, result };
    await this.#append(outsideEvent('restored', checkpoint, value));
  }

  async #append(event: EventMessage): Promise<void> {
    await this.store.log.append([event]);
    await this.store.catchUp();
  }

  // ---- looking and keeping

  /** The sealed checkpoint that a full id, a name, a prefix or `@last` means. StoreError `missing`. */
  find(argument: string): Promise<CheckpointRow> {
    return promised(() => this.store.catalog.find(argument));
  }

  /** The same, of what can be removed: also a damaged one. */
  findRemovable(argument: string): Promise<CheckpointRow> {
    return promised(() => this.store.catalog.find(argument, ['sealed', 'damaged']));
  }

  /** Checkpoints by filter; by default all sealed ones, oldest first. */
  list<K extends ListColumn = ListColumn>(options: ListChoice<K> = {}): Promise<Pick<CheckpointRow, K>[]> {
    return promised(() => this.store.looks.list(options));
  }

  /** Sealed checkpoints that fit a filter, a page at a time. */
  page(filter: CheckpointFilter): Promise<CheckpointRow[]> {
    return promised(() => this.store.catalog.page(filter));
  }

  mappings(id: string): Promise<VmaEntry[]> {
    return promised(() => this.store.catalog.vmas(id));
  }

  /** The tasks of an image by its full id: identity, files, threads with their registers. */
  tasks(id: string): Promise<TaskView[]> {
    return promised(() => this.store.looks.tasks(id));
  }

  /** The page map of an image by its full id: runs of pages that are zero, new with this checkpoint, or stored before it. */
  pageKinds(id: string): Promise<Iterable<KindRun>> {
    return promised(() => this.store.looks.kinds(id));
  }

  /** What differs between two checkpoints: mappings, pages, registers. */
  async diff(a: string, b: string): Promise<ImageDiff> {
    return this.store.looks.diff(await this.find(a), await this.find(b));
  }

  /** The sealed checkpoints as series of processes, and which was restarted from which. */
  series(): Promise<ProcessSeries[]> {
    return promised(() => this.store.looks.series());
  }

  /** What came in, by time. */
  growth(step: GrowthStep): Promise<Growth[]> {
    return promised(() => this.store.looks.growth(step));
  }

  records(id: string): Promise<RecordEntry[]> {
    return promised(() => this.store.catalog.records(id));
  }

  /** All rows of a read-only statement; integers come as bigint. It runs in a process of its own: StoreError when that is cut off. */
  async sql(query: string, options?: AskOptions): Promise<{ columns: readonly string[]; rows: SqlValue[][] }> {
    const { columns, batches } = await this.sqlBatches(query, options);
    const rows: SqlValue[][] = [];
    for await (const batch of batches) for (const row of batch) rows.push([...row]);
    return { columns, rows };
  }

  /** The same as they are found, in batches of bounded size; leaving the iteration ends the query. */
  sqlBatches(query: string, options?: AskOptions): Promise<SqlAnswer> {
    return this.store.askSql(query, options);
  }

  /** What the store holds, and the bytes of its files. */
  async stats(): Promise<StoreSizes> {
    return storeSizes(this.store);
  }

  /** Says in the log that a sealed or damaged checkpoint is gone. Pages that others use stay. */
  async remove(id: string): Promise<void> {
    const row = await this.findRemovable(id);
    await this.#append(outsideEvent('deleted', row.id, { at: new Date().toISOString() }));
  }

  /** Ends an open checkpoint whose writer will not come back; returns its id. StoreError when the writer is, or may be, at work. */
  abort(id: string, { writerIsDead = false }: { readonly writerIsDead?: boolean } = {}): Promise<string> {
    return this.store.abort(id, writerIsDead);
  }

  /** Puts a tag on a checkpoint; one that it has already stays. */
  async tag(id: string, name: string): Promise<void> {
    await this.#tag('tagged', id, name);
  }

  /** CkptError `missing` when the checkpoint has no such tag. */
  async untag(id: string, name: string): Promise<void> {
    const row = await this.find(id);
    if (!this.store.catalog.tagsOf(row.id).includes(name)) {
      throw new CkptError('missing', `checkpoint ${row.id} has no tag '${name}'`, 'ckpt show lists its tags');
    }
    await this.#tag('untagged', row.id, name);
  }

  async #tag(type: 'tagged' | 'untagged', id: string, name: string): Promise<void> {
    const row = await this.find(id);
    await this.#append(outsideEvent(type, row.id, { name, at: new Date().toISOString() }));
  }

  /** Tags of a checkpoint. */
  tagsOf(id: string): Promise<string[]> {
    return promised(() => this.store.catalog.tagsOf(id));
  }

  /** Which sealed checkpoints a policy would remove, by series; nothing is changed. */
  async planPrune(policy: PrunePolicy, filter: PruneFilter = {}): Promise<PrunePlan> {
    const rows = await this.list();
    const tags = new Map(rows.map((row) => [row.id, this.store.catalog.tagsOf(row.id)]));
    const { keep, remove } = planPrune(rows, tags, policy, filter);
    return { keep, remove, frees: this.store.life.freedBy(remove.map(({ id }) => id)) };
  }

  /** Gives back what nobody needs any more; safe while others write and read. */
  collect(options: CollectOptions & Pick<WorkOptions, 'signal'> = {}): Promise<CollectReport> {
    const { store, codec } = this;
    const { signal, ...rest } = options;
    if (!store.exists) return Promise.resolve(nothingCollected);
    return collect({ store, leases: this.#leases, codec, ...(signal ? { signal } : {}) }, rest);
  }

  /** Checks one checkpoint, or all packs, all checkpoints and the catalog against the log. Finds damage, throws for anything else. */
  async verify(id?: string, options: WorkOptions = {}): Promise<VerifyReport> {
    const row = id === undefined ? undefined : await this.find(id);
    await this.store.abortStale();
    return this.#leased('verify', () =>
      this.#trust.verify({ ...this.#rebuildEnvironment(), ...options }, this.#seals, row?.id),
    );
  }

  /** Rebuilds what can be rebuilt, and says what cannot. */
  repair(options: WorkOptions = {}): Promise<RepairReport> {
    return this.#trust.repair({ ...this.#rebuildEnvironment(), ...options });
  }

  /**
   * Copies a checkpoint into another store: under the same id, or, where that was aborted or deleted there, a new one. Returns the id there,
   * and whether it had to be copied.
   */
  async copyTo(other: Ckpt, id: string, options: WorkOptions = {}): Promise<{ id: string; copied: boolean }> {
    const row = await this.find(id);
    return other.takeCopy(row, async () => ({
      fill: (fd) => this.export(row.id, fd, options),
      tags: await this.tagsOf(row.id),
      seals: { ...this.hashing, seals: this.store.catalog.sealsOf(row.id) },
      isBelieved: await this.#seals.isBelieved(row),
    }));
  }

  /** Takes in a copy of a checkpoint of another store; `origin` is asked only when it is not here yet. */
  async takeCopy(row: CheckpointRow, origin: () => Promise<CopyOrigin>): Promise<{ id: string; copied: boolean }> {
    const { tags, ...copy } = await this.#intake.takeCopy(row, origin);
    for (const tag of tags) await this.tag(copy.id, tag);
    return copy;
  }

  // ---- seals

  /** Hash and salt (hex) of the log's pages: with them the digest of an image can be computed elsewhere. */
  get hashing(): LogHashing {
    const { hash, salt } = this.store.log.opened;
    return { hash, salt };
  }

  /** Who stands for a checkpoint, and what the keys here say of that. */
  async seals(id: string): Promise<SealView[]> {
    return this.#seals.views(await this.find(id));
  }

  /** Stands for a checkpoint with the signing key: reads it through, and says so in the log. CkptError. */
  async seal(id: string): Promise<void> {
    const row = await this.find(id);
    await this.#append(await this.#leased(`seal of ${row.id}`, () => this.#seals.seal(row)));
  }

  /** Rejects when keys are configured and nobody who is believed stands for the image. CkptError `damaged`, `unsupported`. */
  async requireSeal(id: string): Promise<void> {
    await this.#requireSeal(await this.find(id), { prove: false });
  }

  async #requireSeal(row: CheckpointRow, how: Parameters<StoreSeals['require']>[1]): Promise<void> {
    if (this.#seals.required) await this.#leased(`seal of ${row.id}`, () => this.#seals.require(row, how));
  }

  /** How far the log goes, and how far this catalog has come. */
  logSummary(): Promise<LogSummary> {
    return summarizeLog(this.store);
  }

  /** The log's events from its beginning, decoded; with a signal, on and on until it is aborted. */
  logEvents(filter: LogEventFilter = {}, follow?: AbortSignal): AsyncGenerator<LogEventView> {
    return viewEvents(this.store, this.codec, filter, follow);
  }

  /** End of the log now, per partition: where logEvents() may begin. */
  logEnd(): Promise<readonly number[]> {
    return this.store.log.end();
  }

  /** Makes the catalog anew from the log, in one transaction. */
  async rebuild(): Promise<void> {
    await this.store.rebuild();
  }
}
