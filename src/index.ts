// SPDX-License-Identifier: Apache-2.0
//
// The typed library: `import { Ckpt } from 'ckpt'`. docs/examples/library.mjs uses it.
export {
  Ckpt,
  type AskOptions,
  type CheckpointRow,
  type CkptOptions,
  type ExportOptions,
  type Growth,
  type GrowthStep,
  type ImageDiff,
  type IngestOptions,
  type IngestResult,
  type ListChoice,
  type ListColumn,
  type ListOptions,
  type ProcessSeries,
  type RecordEntry,
  type RestartedTask,
  type RestartOptions,
  type SaveOptions,
  type SaveResult,
  type SealView,
  type SqlAnswer,
  type SqlValue,
  type StoreSizes,
  type TaskOutcome,
  type TaskView,
  type VerifyReport,
  type VmaEntry,
  type WorkOptions,
} from './ckpt.js';
export type { ImageSummary } from './codec/native.js';
export { CkptError, type ErrorKind } from './format/errors.js';
export { version, versions } from './version.js';
