// SPDX-License-Identifier: Apache-2.0
import type { Operation } from './operation.js';
import { deleteCheckpoint, getCheckpoint, getMaps, getRecords, listCheckpoints } from './routes/checkpoints.js';
import { events } from './routes/events.js';
import { getCore, imageGet, imageHead } from './routes/image.js';
import { digestImage, ingest, ingestStream } from './routes/ingest.js';
import { collectGarbage, getTags, planPrune, searchCheckpoints, setTag } from './routes/keeping.js';
import { getOutline, getPack, getPlan } from './routes/lent.js';
import { getLog, getLogEvents } from './routes/log.js';
import { abort, rebuild, repair, verify } from './routes/mending.js';
import { recordRestore, restart } from './routes/restart.js';
import { getSeals } from './routes/seals.js';
import { sql } from './routes/sql.js';
import { healthz, metrics, openApi, problemType, readyz, stats } from './routes/state.js';
import { getDiff, getGrowth, getPageKinds, getSeries, getTasks } from './routes/views.js';

/** Everything that the service does. */
export const operations: readonly Operation[] = [
  listCheckpoints,
  searchCheckpoints,
  getCheckpoint,
  deleteCheckpoint,
  getMaps,
  getRecords,
  getTasks,
  getPageKinds,
  getSeals,
  getTags,
  setTag,
  abort,
  getDiff,
  imageHead,
  imageGet,
  getCore,
  getPlan,
  getOutline,
  getPack,
  restart,
  recordRestore,
  ingest,
  ingestStream,
  digestImage,
  sql,
  planPrune,
  collectGarbage,
  verify,
  repair,
  rebuild,
  stats,
  getSeries,
  getGrowth,
  getLog,
  getLogEvents,
  events,
  openApi,
  problemType,
  healthz,
  readyz,
  metrics,
];
