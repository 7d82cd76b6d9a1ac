// SPDX-License-Identifier: Apache-2.0
//
// What the library's answers are made of.
export type { IngestResult } from './ingest/ingest.js';
export type { LogEventFilter, LogEventView, LogSummary } from './log-view.js';
export type { Via } from './process/program.js';
export type { RepairReport } from './repair.js';
export type { TaskOutcome } from './restore/task-restart.js';
export type { Judgement, SealView } from './store-seals.js';
export type { StoreSizes } from './sizes.js';
export type {
  AskOptions,
  CheckpointFilter,
  CheckpointRow,
  Growth,
  GrowthStep,
  ImageDiff,
  ListChoice,
  ListColumn,
  ListOptions,
  ProcessSeries,
  CollectOptions,
  CollectReport,
  RecordEntry,
  SqlAnswer,
  SqlValue,
  TaskView,
  VmaEntry,
} from './store/index.js';
export type { VerifyReport } from './verify.js';
