// SPDX-License-Identifier: Apache-2.0
//
// What the library's methods take and give.
import type { ByteRange } from './codec/native.js';
import type { PageHash } from './format/events.js';
import type { IngestResult } from './ingest/ingest.js';
import type { PrunedCheckpoint } from './prune.js';
import type { Freed } from './store/index.js';
import type { ProcessStatus, Via } from './process/program.js';
import type { TaskOutcome } from './restore/task-restart.js';

export type { IngestResult } from './ingest/ingest.js';
export type { Via } from './process/program.js';
export type { LogEventFilter, LogEventView, LogSummary } from './log-view.js';
export type { TaskOutcome } from './restore/task-restart.js';
export type {
  AskOptions,
  CheckpointFilter,
  CheckpointRow,
  CollectOptions,
  CollectReport,
  Growth,
  GrowthStep,
  ImageDiff,
  ListChoice,
  ListColumn,
  ListOptions,
  ProcessSeries,
  RecordEntry,
  SqlAnswer,
  SqlValue,
  TaskView,
  VmaEntry,
} from './store/index.js';
export type { StoreSizes } from './sizes.js';
export type { VerifyReport } from './verify.js';

export interface CkptOptions {
  /** Directory of the store. */
  readonly store: string;
  /** `embedded`, the default, or kafka://HOST:PORT[,HOST:PORT]/PREFIX; `store` then is this machine's cache and catalog. */
  readonly log?: string;
  /**
   * `create` makes the store when it is not there; for `read` such a store is empty, and nothing is made. `rebuild` puts up with a
   * catalog that is damaged or of another log, until rebuild() has made it anew. `look` reads a catalog where it stands, without
   * bringing it to the log's end first.
   */
  readonly access?: 'read' | 'create' | 'rebuild' | 'look';
  /** File of keys (ckpt key): new images are sealed by its signing key, and what nobody in it stands for is not run. Default: none. */
  readonly keys?: string;
  /** zstd level of new packs. */
  readonly level?: number;
  /** What a log that is made here knows its pages by; default: blake3. A log that is there keeps its own. */
  readonly pageHash?: PageHash;
  /** Threads that hash, compress and decompress. */
  readonly threads?: number;
}

/** Options of work that takes its time. */
export interface WorkOptions {
  /** Ends the work in order: nothing half is left. Rejects with a CkptError `cancelled`. */
  readonly signal?: AbortSignal;
  /** Bytes of image so far, some times a second. */
  readonly onProgress?: (bytes: number) => void;
}

export interface ExportOptions extends WorkOptions {
  /** Once keys are configured: only with a seal that is believed. */
  readonly requireSeal?: boolean;
  /** Only these bytes of the image. The digest of the whole is not checked then; every page that is written is. */
  readonly range?: ByteRange;
  /** With a few MiB of memory and one thread, for many exports at once. */
  readonly frugal?: boolean;
}

export interface SaveOptions extends WorkOptions {
  readonly name?: string | null;
  /** What becomes of the task once its checkpoint is durable. Default `run`: it runs on as soon as it has been read. */
  readonly after?: 'run' | 'stop' | 'kill';
  readonly format?: 1 | 2;
  /** `kernel` insists on sys_checkpoint, `user` on its twin. Default: the call where the running kernel has it. */
  readonly via?: Via;
  /** What did not come out as it might have. */
  readonly onWarning?: (text: string) => void;
}

export interface SaveResult extends IngestResult {
  /** Milliseconds that the task did not run. */
  readonly frozenMs: number | null;
}

export interface IngestOptions extends WorkOptions {
  readonly name?: string | null;
  /** Images back to back, to the end of the input, instead of exactly one. */
  readonly stream?: boolean;
}

/** What became of the pages of a lazily restarted task. */
export type { ProcessStatus as PagerStatus } from './process/program.js';

export interface RestartOptions extends Pick<WorkOptions, 'onProgress'> {
  /** Leave the task running on its own; otherwise it is a child with this process's standard streams. */
  readonly detach?: boolean;
  readonly samePid?: boolean;
  readonly ignoreCpu?: boolean;
  /** `kernel` insists on sys_restart, `user` on its twin. Default: the call where the running kernel has it. */
  readonly via?: Via;
  /** Who asked for it, for the log. */
  readonly requestedBy?: string;
  readonly onWarning?: (text: string) => void;
  /** Let the task run at once, and bring its pages when it touches them. */
  readonly lazy?: boolean;
  /** With `lazy` and `detach`: through a restarter that is there already (warmUp()), or is from now on. */
  readonly warm?: boolean;
  /** Do not try for the recorded pid: for copies of a task that runs, or of which there will be many. */
  readonly newPid?: boolean;
  /** Leave the task stopped; SIGCONT lets it run. */
  readonly stopped?: boolean;
  /** With `lazy`, and not with `detach`: what its pager says. */
  readonly onPager?: (status: ProcessStatus) => void;
}

/** A task that was made to run again. */
export interface RestartedTask {
  readonly pid: number;
  /** When it was let go, on the clock of process.hrtime(); of warm restarts only. */
  readonly atNs?: bigint;
  /** How it ended; with `detach`, at once that it runs. */
  readonly outcome: Promise<TaskOutcome>;
  signal(name: NodeJS.Signals): void;
}

/** What a policy would keep and remove. */
export interface PrunePlan {
  readonly keep: readonly PrunedCheckpoint[];
  readonly remove: readonly PrunedCheckpoint[];
  /** What removing and then collecting would free. */
  readonly frees: Freed;
}
