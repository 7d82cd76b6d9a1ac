// SPDX-License-Identifier: Apache-2.0
import { statSync } from 'node:fs';
import type { Store } from './store/index.js';

export interface StoreSizes {
  /** Sealed checkpoints. */
  readonly checkpoints: number;
  /** Of all sealed images as they would be exported. */
  readonly image_bytes: number;
  readonly pages: number;
  readonly zero_pages: number;
  readonly packs: number;
  /** Distinct pages in the packs. */
  readonly stored_pages: number;
  /** Of them used by sealed checkpoints. */
  readonly live_pages: number;
  /** Bytes of these distinct pages before compression. */
  readonly pack_raw_bytes: number;
  readonly pack_bytes: number;
  /** Only where packs are brought when they are needed: those that are here now. */
  readonly local_packs?: number;
  readonly local_pack_bytes?: number;
  /** What these may come to. */
  readonly local_pack_bytes_max?: number;
  readonly log_bytes: number;
  readonly catalog_bytes: number;
  /** Packs, log and catalog together. */
  readonly stored_bytes: number;
}

/** What a store holds and what its files take. */
export function storeSizes(store: Store): StoreSizes {
  const stats = store.catalog.stats();
  const logBytes = databaseBytes(`${store.dir}/log.db`);
  const catalogBytes = databaseBytes(`${store.dir}/catalog.db`);
  const { packs } = store.log;
  const local = packs.local?.();
  return {
    checkpoints: stats.checkpoints,
    image_bytes: stats.image_bytes,
    pages: stats.pages,
    zero_pages: stats.zero_pages,
    packs: stats.packs,
    stored_pages: stats.pack_pages,
    live_pages: stats.live_pages,
    pack_raw_bytes: stats.pack_raw_bytes,
    pack_bytes: stats.pack_stored_bytes,
    ...(local && packs.bytesMax !== null
      ? { local_packs: local.packs, local_pack_bytes: local.bytes, local_pack_bytes_max: packs.bytesMax }
      : {}),
    log_bytes: logBytes,
    catalog_bytes: catalogBytes,
    stored_bytes: stats.pack_stored_bytes + logBytes + catalogBytes,
  };
}

/** A SQLite file with its write-ahead log; 0 when it is not there. */
function databaseBytes(path: string): number {
  return ['', '-wal'].reduce((sum, suffix) => sum + (statSync(path + suffix, { throwIfNoEntry: false })?.size ?? 0), 0);
}
