// SPDX-License-Identifier: Apache-2.0
//
// Reads everything through: packs against their own digests and hashes, images against what was sealed, streams against
// their chains, the catalog against the log. Goes on after damage, so that one report names all of it.
import { isCodecError, packPath } from './codec/native.js';
import { CkptError } from './format/errors.js';
import { rebuildImage, type RebuildEnvironment } from './restore/rebuild.js';
import { storedImage } from './stored-image.js';
import { catalogOfLog, type Store } from './store/index.js';

export interface Damage {
  /** The object: `pack ID`, `checkpoint ID`, `catalog`. */
  readonly what: string;
  readonly why: string;
  /** Checkpoints that it touches. */
  readonly touches: readonly string[];
}

export interface VerifyReport {
  readonly packs: number;
  readonly checkpoints: number;
  /** Streams that were neither sealed nor aborted: somebody may be writing them. */
  readonly unfinished: number;
  readonly damage: readonly Damage[];
}

/** Verifies one checkpoint with the packs that it needs, or the whole store. */
export async function verifyStore(store: Store, env: RebuildEnvironment, only?: string): Promise<VerifyReport> {
  const { catalog } = store;
  const damage: Damage[] = [];
  const packs = only === undefined ? [...catalog.allPackIds(), ...catalog.missingPackIds()] : catalog.packsOf(only);
  const progress = new Sum(env.onProgress);
  const badPacks = new Set<string>();
  for (const id of packs) {
    env.signal?.throwIfAborted();
    const why = await packDamage(store, env, id, progress);
    if (why === undefined) continue;
    badPacks.add(id);
    damage.push({ what: `pack ${id}`, why, touches: catalog.usersOf(id).map((use) => use.checkpoint_id) });
  }
  const images = only === undefined ? catalog.list() : [catalog.find(only)];
  for (const row of images) {
    if (catalog.packsOf(row.id).some((pack) => badPacks.has(pack))) continue; // named with its pack already
    const why = await imageDamage(store, env, row.id, progress);
    if (why !== undefined) damage.push({ what: `checkpoint ${row.id}`, why, touches: [row.id] });
  }
  if (only === undefined) {
    for (const row of catalog.list({ states: ['damaged'] })) {
      damage.push({ what: `checkpoint ${row.id}`, why: row.damage ?? 'its stream is broken', touches: [row.id] });
    }
    if (store.exists && !(await catalogAgrees(store, env))) {
      damage.push({ what: 'catalog', why: 'it is not what the log says: ckpt rebuild makes it anew', touches: [] });
    }
  }
  const unfinished = catalog.list({ states: ['open'] }).length;
  return { packs: packs.length, checkpoints: images.length, unfinished, damage };
}

/** Whether the catalog is what the log says. Others may be writing: it counts only while the log stands still. */
async function catalogAgrees(store: Store, env: RebuildEnvironment): Promise<boolean> {
  for (;;) {
    const before = await store.log.end();
    await store.catchUp();
    const agrees = store.catalogDigest() === (await catalogOfLog(store.log, env.codec));
    const after = await store.log.end();
    if (agrees || before.every((offset, partition) => offset === after[partition])) return agrees;
  }
}

/** Bytes read by one object after another, as one rising number. */
class Sum {
  #done = 0;
  constructor(private readonly report: ((bytes: number) => void) | undefined) {}
  at(bytes: number): void {
    this.report?.(this.#done + bytes);
  }
  finish(bytes: number): void {
    this.#done += bytes;
    this.at(0);
  }
}

async function packDamage(
  store: Store,
  env: RebuildEnvironment,
  id: string,
  progress: Sum,
): Promise<string | undefined> {
  try {
    await store.log.packs.ensureLocal([id]);
    const pack = await env.codec.verifyPack(packPath(env.packsDir, id), id, env.salt);
    progress.finish(pack.rawBytes);
    return undefined;
  } catch (error) {
    if (isCodecError(error) && error.kind === 'pack') return error.message;
    if (error instanceof CkptError && error.kind === 'damaged') return 'its file is missing';
    throw error;
  }
}

async function imageDamage(
  store: Store,
  env: RebuildEnvironment,
  id: string,
  progress: Sum,
): Promise<string | undefined> {
  const image = storedImage(store, id);
  try {
    await rebuildImage(image, -1, { ...env, onProgress: (bytes) => progress.at(bytes) });
    progress.finish(image.bytes);
    return undefined;
  } catch (error) {
    if (error instanceof CkptError && error.kind === 'damaged') return error.message;
    throw error;
  }
}
