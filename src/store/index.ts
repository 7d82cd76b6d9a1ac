// SPDX-License-Identifier: Apache-2.0
import { catalogSchema } from './catalog/schema.js';
import { logSchema } from './embedded/log-schema.js';

export { digestCatalog, digestTables } from './catalog/digest.js';
export { catalogOfLog } from './catalog/expected.js';
export { CatalogQueries } from './catalog/queries.js';
export type {
  CatalogStats,
  CheckpointFilter,
  CheckpointRow,
  SealEntry,
  CheckpointState,
  ListFilter,
  OpenStream,
  PackUse,
  RecordEntry,
  RestoreEntry,
  VmaEntry,
} from './catalog/queries.js';
export { pageRuns, type PageRun } from './catalog/page-runs.js';
export { openSql, type SqlResult, type SqlSession, type SqlValue } from './catalog/sql.js';
export { QUERY_TIMEOUT_MS, type AskOptions, type SqlAnswer } from './sql/ask.js';
export type { Growth, GrowthStep } from './looking/growth.js';
export type { ImageDiff, MappingDiff, PageCounts, RegisterDiff } from './looking/image-diff.js';
export { listOrders, type ListChoice, type ListColumn, type ListOptions, type ListOrder } from './looking/list.js';
export type { KindRun } from './looking/looks.js';
export { registerNames, type FileView, type Registers, type TaskView, type ThreadView } from './looking/task-view.js';
export type { ProcessSeries, TreeCheckpoint } from './looking/tree.js';
export { openEmbeddedLog } from './embedded/embedded-log.js';
export { errorCode, StoreError, storeError, type StoreReason } from './errors.js';
export { LifeQueries, type Freed } from './catalog/life-queries.js';
export { collect, nothingCollected, type CollectOptions, type CollectReport } from './lifecycle/collect.js';
export { heal, type Healed } from './lifecycle/heal.js';
export { mend } from './lifecycle/mend.js';
export { Quarantine } from './lifecycle/quarantine.js';
export { Leases, type Lease } from './lifecycle/leases.js';
export { abortStale, abortStream } from './fencing.js';
export type { EventLog, LogBatch, LogPosition, NewPack, PackBatch, PackHold, PackInfo, PackStore } from './log.js';
export { readHead } from './pack-head.js';
export { openStore, type Store, type StoreOptions } from './store.js';

/** Versions of the schemas of catalog.db and log.db that this release writes. */
export const CATALOG_SCHEMA = catalogSchema.migrations.length;
export const LOG_SCHEMA = logSchema.migrations.length;
