// SPDX-License-Identifier: Apache-2.0
//
// Reads everything through, each byte once: packs against their own digests and hashes, several at a time; images against what was
// sealed, by the hashes in their packs' directories, which are right then; streams against their chains and the catalog against the log.
// Goes on after damage, so that one report names all of it. A damaged pack is moved aside (docs/lifecycle.md).
import { isCodecError, packPath } from './codec/native.js';
import { CkptError } from './format/errors.js';
import { rebuildImage, type RebuildEnvironment } from './restore/rebuild.js';
import type { SealSubject, StoreSeals } from './store-seals.js';
import { storedImage } from './stored-image.js';
import { catalogOfLog, mend, type Quarantine, type Store } from './store/index.js';

/** Packs read at once: as many as libuv has threads. */
const PACKS_AT_ONCE = 4;
/** Stretches of memory that are named for each checkpoint. */
const STRETCHES_MAX = 8;
const PAGE_BYTES = 4096n;

/** Pages of a checkpoint that cannot be read. */
export interface LostPages {
  readonly checkpoint: string;
  readonly pages: number;
  /** The first stretches, `000000400000-000000402000`. */
  readonly stretches: readonly string[];
}

export interface Damage {
  /** The object: `pack ID`, `checkpoint ID`, `catalog`. */
  readonly what: string;
  readonly why: string;
  /** Checkpoints that it touches. */
  readonly touches: readonly string[];
  /** Of a pack: pages of these that are lost. Others of the same pack can still be read. */
  readonly lost: readonly LostPages[];
}

/** A whole checkpoint that would not be run: keys are configured, and nobody who is believed stands for it. */
export interface Distrusted {
  readonly checkpoint: string;
  readonly why: string;
}

export interface VerifyReport {
  readonly packs: number;
  readonly checkpoints: number;
  /** Streams that were neither sealed nor aborted: somebody may be writing them. */
  readonly unfinished: number;
  readonly damage: readonly Damage[];
  readonly distrusted: readonly Distrusted[];
}

export interface VerifyEnvironment extends RebuildEnvironment {
  readonly quarantine: Quarantine;
  /** Of whom checkpoints need a seal; not looked at when left out. */
  readonly seals?: StoreSeals;
}

/** Verifies one checkpoint with the packs that it needs, or the whole store. */
export async function verifyStore(store: Store, env: VerifyEnvironment, only?: string): Promise<VerifyReport> {
  const { catalog } = store;
  const damage: Damage[] = [];
  const distrusted: Distrusted[] = [];
  const packs = only === undefined ? [...catalog.allPackIds(), ...catalog.missingPackIds()] : catalog.packsOf(only);
  const progress = new Sum(env.onProgress);
  const aside = new Set(env.quarantine.ids());
  const badPacks = await verifyPacks(store, env, packs, progress);
  for (const [id, why] of [...badPacks].sort()) {
    // Moved aside or given up already, and nobody needs it: collecting takes it off the list.
    if ((aside.has(id) || store.life.isCondemned(id)) && catalog.usersOf(id).length === 0) continue;
    const lost = await lostPages(store, env, id);
    damage.push({ what: `pack ${id}`, why, touches: catalog.usersOf(id).map((use) => use.checkpoint_id), lost });
  }
  const images = only === undefined ? catalog.list() : [catalog.find(only)];
  for (const row of images) {
    if (catalog.packsOf(row.id).some((pack) => badPacks.has(pack))) continue; // named with its pack already
    const why = await imageDamage(store, env, row.id);
    const doubt = why === undefined ? await sealDoubt(env.seals, row) : undefined;
    if (doubt?.kind === 'unsupported') distrusted.push({ checkpoint: row.id, why: doubt.message });
    const found = why ?? (doubt?.kind === 'damaged' ? doubt.message : undefined);
    if (found !== undefined) damage.push({ what: `checkpoint ${row.id}`, why: found, touches: [row.id], lost: [] });
  }
  if (only === undefined) {
    for (const row of catalog.list({ states: ['damaged'] })) {
      const why = row.damage ?? 'its stream is broken';
      damage.push({ what: `checkpoint ${row.id}`, why, touches: [row.id], lost: [] });
    }
    const onRead = (bytes: number): void => {
      env.signal?.throwIfAborted();
      progress.add(bytes);
    };
    if (store.exists && !(await catalogAgrees(store, env, onRead))) {
      const why = 'it is not what the log says: ckpt rebuild makes it anew';
      damage.push({ what: 'catalog', why, touches: [], lost: [] });
    }
  }
  const unfinished = catalog.list({ states: ['open'] }).length;
  return { packs: packs.length, checkpoints: images.length, unfinished, damage, distrusted };
}

/** Whether the catalog is what the log says. Others may be writing: it counts only while the log stands still. */
export async function catalogAgrees(
  store: Store,
  env: Pick<RebuildEnvironment, 'codec'>,
  onRead?: (bytes: number) => void,
): Promise<boolean> {
  for (;;) {
    const before = await store.log.end();
    await store.catchUp();
    const agrees = store.catalogDigest() === (await catalogOfLog(store.log, env.codec, onRead));
    const after = await store.log.end();
    if (agrees || before.every((offset, partition) => offset === after[partition])) return agrees;
  }
}

/** Bytes read by one object after another, as one rising number. */
class Sum {
  #done = 0;
  constructor(private readonly report: ((bytes: number) => void) | undefined) {}
  add(bytes: number): void {
    this.#done += bytes;
    this.report?.(this.#done);
  }
}

/** The damaged ones, and why; each is moved aside, and where the log has it elsewhere (Kafka), brought again. */
async function verifyPacks(
  store: Store,
  env: VerifyEnvironment,
  packs: readonly string[],
  progress: Sum,
): Promise<Map<string, string>> {
  const bad = new Map<string, string>();
  const waiting = [...packs];
  const work = async (): Promise<void> => {
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      env.signal?.throwIfAborted();
      let why = await packDamage(store, env, id, progress);
      if (why === undefined) continue;
      env.quarantine.put(id);
      if (store.log.kind !== 'embedded') why = await packDamage(store, env, id, progress);
      if (why === undefined) env.quarantine.drop(id);
      else bad.set(id, why);
    }
  };
  await Promise.all(Array.from({ length: PACKS_AT_ONCE }, work));
  return bad;
}

async function packDamage(
  store: Store,
  env: VerifyEnvironment,
  id: string,
  progress: Sum,
): Promise<string | undefined> {
  try {
    const hold = await store.log.packs.ensureLocal([id]);
    try {
      const pack = await env.codec.verifyPack(packPath(env.packsDir, id), id, env.identity);
      progress.add(pack.rawBytes);
      return undefined;
    } finally {
      hold.release();
    }
  } catch (error) {
    if (isCodecError(error) && error.kind === 'pack') return error.message;
    if (!(error instanceof CkptError) || error.kind !== 'damaged') throw error;
    return env.quarantine.has(id) ? 'it is damaged, and in quarantine' : 'its file is missing';
  }
}

async function lostPages(store: Store, env: VerifyEnvironment, pack: string): Promise<LostPages[]> {
  await mend({ store, ...env }, pack);
  const sound = await env.codec.soundPages(env.quarantine.path(pack), pack, env.identity);
  const isLost = (slot: number): boolean => ((sound[slot >> 3] ?? 0) & (1 << (slot & 7))) === 0;
  return store.catalog.usersOf(pack).map(({ checkpoint_id }) => {
    const stretches: [bigint, bigint][] = [];
    let pages = 0;
    for (const run of store.looks.runs(checkpoint_id)) {
      if (run.pack !== pack) continue;
      for (let i = 0; i < run.count; i++) {
        if (!isLost(run.slot + i)) continue;
        pages++;
        const at = BigInt(run.page + i);
        const last = stretches.at(-1);
        if (last?.[1] === at) last[1]++;
        else stretches.push([at, at + 1n]);
      }
    }
    const words = stretches.slice(0, STRETCHES_MAX).map(([from, to]) => `${address(from)}-${address(to)}`);
    return { checkpoint: checkpoint_id, pages, stretches: words };
  });
}

function address(page: bigint): string {
  return (page * PAGE_BYTES).toString(16).padStart(12, '0');
}

async function sealDoubt(seals: StoreSeals | undefined, row: SealSubject): Promise<CkptError | undefined> {
  try {
    await seals?.require(row, { prove: false }); // its digest has just been compared
    return undefined;
  } catch (error) {
    if (error instanceof CkptError && (error.kind === 'damaged' || error.kind === 'unsupported')) return error;
    throw error;
  }
}

async function imageDamage(store: Store, env: VerifyEnvironment, id: string): Promise<string | undefined> {
  try {
    // Its packs have just been read through: their directories are right.
    const believing = { trustPacks: true, packsDir: store.log.packs.headsDir, onProgress: () => undefined };
    await rebuildImage(storedImage(store, id), -1, { ...env, ...believing });
    return undefined;
  } catch (error) {
    if (error instanceof CkptError && error.kind === 'damaged') return error.message;
    throw error;
  }
}
