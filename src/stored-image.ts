// SPDX-License-Identifier: Apache-2.0
import type { StoredImage } from './restore/rebuild.js';
import type { Store } from './store/index.js';

/** A sealed checkpoint of a store as the rebuilder wants it. StoreError `missing`. */
export function storedImage(store: Store, id: string): StoredImage {
  const { catalog, log } = store;
  const row = catalog.find(id);
  return {
    id: row.id,
    bytes: row.image_bytes,
    digest: row.image_digest ?? '',
    events: () => catalog.imageEvents(row.id),
    packs: () => catalog.packsOf(row.id),
    prepare: () => log.packs.ensureLocal(catalog.packsOf(row.id)),
    touching: (pack) => catalog.usersOf(pack).map((use) => use.checkpoint_id),
  };
}
