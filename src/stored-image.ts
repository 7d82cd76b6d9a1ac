// SPDX-License-Identifier: Apache-2.0
import type { PackSupply, StoredImage } from './restore/rebuild.js';
import type { PackStore, Store } from './store/index.js';

/** A sealed checkpoint of a store as the rebuilder wants it. StoreError `missing`. */
export function storedImage(store: Store, id: string): StoredImage {
  const { catalog, log } = store;
  const row = catalog.find(id);
  return {
    id: row.id,
    bytes: row.image_bytes,
    digest: row.image_digest ?? '',
    events: () => catalog.imageEvents(row.id),
    packsMoved: () => store.life.packsMoved(),
    prepare: () => log.packs.ensureLocal(catalog.packsOf(row.id)),
    ...(log.packs.bytesMax === null ? {} : { supply: supplyOf(log.packs, log.packs.bytesMax) }),
    touching: (pack) => catalog.usersOf(pack).map((use) => use.checkpoint_id),
  };
}

/** A reader with all these open takes a quarter of the budget, at most. */
const OPEN_SHARE = 4;
/** A pack is closed at 900 KB. */
const PACK_BYTES_MAX = 1 << 20;

function supplyOf(packs: PackStore, bytesMax: number): PackSupply {
  const openPacksMax = Math.max(1, Math.floor(bytesMax / OPEN_SHARE / PACK_BYTES_MAX));
  return { openPacksMax, hold: (id) => packs.ensureLocal([id]) };
}
