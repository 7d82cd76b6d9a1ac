// SPDX-License-Identifier: Apache-2.0
import type { Operation } from './operation.js';
import { deleteCheckpoint, getCheckpoint, getMaps, getRecords, listCheckpoints } from './routes/checkpoints.js';
import { events } from './routes/events.js';
import { imageGet, imageHead } from './routes/image.js';
import { ingest } from './routes/ingest.js';
import { collectGarbage, getTags, planPrune, searchCheckpoints, setTag, verify } from './routes/keeping.js';
import { getPack, getPlan } from './routes/lent.js';
import { recordRestore, restart } from './routes/restart.js';
import { getSeals } from './routes/seals.js';
import { sql } from './routes/sql.js';
import { healthz, metrics, openApi, problemType, readyz, stats } from './routes/state.js';
import { getDiff, getGrowth, getSeries, getTasks } from './routes/views.js';

/** Everything that the service does. */
export const operations: readonly Operation[] = [
  listCheckpoints,
  searchCheckpoints,
  getCheckpoint,
  deleteCheckpoint,
  getMaps,
  getRecords,
  getTasks,
  getSeals,
  getTags,
  setTag,
  getDiff,
  imageHead,
  imageGet,
  getPlan,
  getPack,
  restart,
  recordRestore,
  ingest,
  sql,
  planPrune,
  collectGarbage,
  verify,
  stats,
  getSeries,
  getGrowth,
  events,
  openApi,
  problemType,
  healthz,
  readyz,
  metrics,
];
