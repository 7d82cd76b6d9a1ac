// SPDX-License-Identifier: Apache-2.0
import type { EventMessage } from '../../../src/format/events.js';
import { Projection } from '../../../src/store/catalog/projection.js';
import { CatalogQueries } from '../../../src/store/catalog/queries.js';
import { catalogSchema } from '../../../src/store/catalog/schema.js';
import { openMemory, type Db } from '../../../src/store/sqlite.js';
import { fakeCodec, packId } from './fake-image.js';
import { MemoryLog } from './memory-log.js';

export interface Catalog {
  readonly db: Db;
  readonly queries: CatalogQueries;
  readonly projection: Projection;
}

/** An empty catalog in memory. */
export function newCatalog(): Catalog {
  const db = openMemory(catalogSchema);
  return { db, queries: new CatalogQueries(db, 'test'), projection: new Projection(db, 'test', fakeCodec) };
}

/** A log that holds these events, one append each, and the pack that small images use. */
export async function logOf(events: readonly EventMessage[], batchEvents = 7, partitions = 1): Promise<MemoryLog> {
  const log = new MemoryLog(batchEvents, partitions);
  log.packList.push({ id: packId('pack a'), pages: 20, rawBytes: 81920, storedBytes: 9000, stream: 'x' });
  for (const event of events) await log.append([event]);
  return log;
}

/** The catalog of a log that holds these events. */
export async function projected(events: readonly EventMessage[], batchEvents = 7): Promise<Catalog> {
  const catalog = newCatalog();
  await catalog.projection.catchUp(await logOf(events, batchEvents));
  return catalog;
}
