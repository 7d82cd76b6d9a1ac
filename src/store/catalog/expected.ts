// SPDX-License-Identifier: Apache-2.0
import type { EventLog } from '../log.js';
import { openTemporary } from '../sqlite.js';
import { digestCatalog } from './digest.js';
import type { PagesCodec } from './image-stream.js';
import { Projection } from './projection.js';
import { catalogSchema } from './schema.js';

/**
 * Digest of the catalog that the log makes, from its first event on; the catalog on the disk is not looked at. `onRead` hears of bytes of
 * events read; what it throws ends the work.
 */
export async function catalogOfLog(
  log: EventLog,
  codec: PagesCodec,
  onRead?: (bytes: number) => void,
): Promise<string> {
  const db = openTemporary(catalogSchema);
  try {
    await new Projection(db, 'catalog of the log', codec).catchUp(log, onRead);
    return digestCatalog(db);
  } finally {
    db.close();
  }
}
