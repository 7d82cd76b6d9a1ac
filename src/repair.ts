// SPDX-License-Identifier: Apache-2.0
//
// Rebuilds what can be rebuilt: the catalog from the log, the list of packs from their files, pages of damaged packs from what is sound
// in them and from other packs. What is left then is named by verify.
import { readFileSync } from 'node:fs';
import { isCodecError, packPath, type PageIndex } from './codec/native.js';
import { heal, type Healed, type Leases, type Store } from './store/index.js';
import { catalogAgrees, verifyStore, type VerifyEnvironment, type VerifyReport } from './verify.js';

export interface RepairReport extends Healed {
  /** Packs whose files were there and that the log did not list. */
  readonly listed_packs: number;
  readonly catalog_rebuilt: boolean;
  /** What could not be repaired. */
  readonly left: VerifyReport;
}

export interface RepairEnvironment extends VerifyEnvironment {
  readonly leases: Leases;
  /** A fresh index of all sound packs. */
  readonly loadIndex: () => Promise<PageIndex>;
}

/** StoreError. */
export async function repairStore(store: Store, env: RepairEnvironment): Promise<RepairReport> {
  const turn = env.leases.takeTurn();
  try {
    await store.catchUp();
    const rebuilt = !(await catalogAgrees(store, env));
    if (rebuilt) await store.rebuild();
    const listed_packs = await listFiles(store, env);
    await verifyStore(store, env); // moves aside what is damaged
    const index = await env.loadIndex();
    const healed = await heal({ ...env, store, index });
    return { ...healed, listed_packs, catalog_rebuilt: rebuilt, left: await verifyStore(store, env) };
  } finally {
    turn.release();
  }
}

/** Packs that images need, whose files are there and sound: they are put again, which lists them. */
async function listFiles(store: Store, env: RepairEnvironment): Promise<number> {
  let listed = 0;
  for (const id of store.catalog.missingPackIds()) {
    const path = packPath(env.packsDir, id);
    try {
      const { pages, rawBytes, storedBytes, stream } = await env.codec.verifyPack(path, id, env.identity);
      await store.log.packs.put([{ id, pages, rawBytes, storedBytes, stream, bytes: readFileSync(path) }]);
      listed++;
    } catch (error) {
      if (!isCodecError(error) || error.kind !== 'pack') throw error;
    }
  }
  if (listed > 0) await store.catchUp();
  return listed;
}
