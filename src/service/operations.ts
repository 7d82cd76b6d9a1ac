// SPDX-License-Identifier: Apache-2.0
import type { Operation } from './operation.js';
import { deleteCheckpoint, getCheckpoint, getMaps, getRecords, listCheckpoints } from './routes/checkpoints.js';
import { events } from './routes/events.js';
import { imageGet, imageHead } from './routes/image.js';
import { ingest } from './routes/ingest.js';
import { restart } from './routes/restart.js';
import { healthz, metrics, openApi, problemType, readyz, stats } from './routes/state.js';

/** Everything that the service does. */
export const operations: readonly Operation[] = [
  listCheckpoints,
  getCheckpoint,
  deleteCheckpoint,
  getMaps,
  getRecords,
  imageHead,
  imageGet,
  restart,
  ingest,
  stats,
  events,
  openApi,
  problemType,
  healthz,
  readyz,
  metrics,
];
