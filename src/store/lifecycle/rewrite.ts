// SPDX-License-Identifier: Apache-2.0
//
// Moves pages into new packs. The new packs are in the log before the event that moves pages into them; if that never comes, they are
// packs that nobody uses, and collected like any other.
import { randomBytes } from 'node:crypto';
import { packPath, pageIdentity, type Codec, type Repacked, type RepackSource } from '../../codec/native.js';
import type { PackMove } from '../../format/events.js';
import { PACK_PAGES_MAX } from '../../format/generated/store.js';
import { REWRITTEN } from '../catalog/life-queries.js';
import { StoreError } from '../errors.js';
import type { Store } from '../store.js';

/** Moves of one event; a pack has at most a thousand runs, ten bytes each, mostly some. */
const MOVES_PER_EVENT = 64;
const RUNS_PER_EVENT = 30_000;
/** A pack is closed at 900 KB. */
const SOURCE_BYTES_MAX = 1 << 20;
const LOST = 0xffffffff;
const RUN_WORDS = 5;

export interface MoveBatch {
  readonly moves: readonly PackMove[];
  readonly pages: number;
  /** Of the new packs. */
  readonly newBytes: number;
}

export interface RewriteEnvironment {
  readonly store: Store;
  readonly codec: Pick<Codec, 'repack'>;
  readonly signal?: AbortSignal;
}

interface Wanted {
  readonly id: string;
  readonly slots: Buffer;
  readonly used: number;
}

/** Copies the wanted pages of packs and puts the new packs; what is to be said of them comes in batches of one event. */
export async function* rewritePacks(env: RewriteEnvironment, packs: Iterable<Wanted>): AsyncGenerator<MoveBatch> {
  const { dir, bytesMax } = env.store.log.packs;
  const sourcesMax = Math.max(1, Math.floor((bytesMax ?? Infinity) / SOURCE_BYTES_MAX));
  const batch = new Gathering();
  let group: RepackSource[] = [];
  let pages = 0;
  for (const { id, slots, used } of packs) {
    if (group.length > 0 && (pages + used > PACK_PAGES_MAX || group.length >= sourcesMax)) {
      batch.add(group, await repackHeld(env, group));
      [group, pages] = [[], 0];
      if (batch.isFull) yield batch.take();
    }
    group.push({ path: packPath(dir, id), id, slots });
    pages += used;
  }
  if (group.length > 0) batch.add(group, await repackHeld(env, group));
  if (!batch.isEmpty) yield batch.take();
}

/** The same where packs are brought when they are needed: these stay until they are read. */
async function repackHeld(env: RewriteEnvironment, sources: readonly RepackSource[]): Promise<Repacked> {
  const { packs } = env.store.log;
  if (packs.bytesMax === null) return repack(env, sources);
  const holds = await Promise.allSettled(sources.map(({ id }) => packs.ensureLocal([id])));
  try {
    for (const one of holds) {
      // A pack that is nowhere is like one that cannot be read: its pages are not moved.
      if (one.status === 'rejected' && !isDamage(one.reason)) throw one.reason;
    }
    return await repack(env, sources);
  } finally {
    for (const one of holds) if (one.status === 'fulfilled') one.value.release();
  }
}

/** Copies pages out of pack files, wherever these are, and puts the new packs. */
export async function repack(env: RewriteEnvironment, sources: readonly RepackSource[]): Promise<Repacked> {
  env.signal?.throwIfAborted();
  const { log } = env.store;
  // A name of its own for each: the same pages packed again must not come to the id of a pack that was deleted.
  const stream = `${REWRITTEN}${randomBytes(12).toString('hex')}`;
  const repacked = await env.codec.repack(sources, {
    identity: pageIdentity(log.opened),
    logId: Buffer.from(log.opened.logId, 'hex'),
    stream,
  });
  await log.packs.put(repacked.packs.map((pack) => ({ ...pack, storedBytes: pack.bytes.length, stream })));
  return repacked;
}

/** What a repack moved of one source, and how many of its pages could not be read. */
export function movesOf(
  from: string,
  source: number,
  repacked: Repacked,
): { moves: PackMove[]; pages: number; lost: number } {
  const words = new Uint32Array(
    repacked.runs.buffer.slice(repacked.runs.byteOffset, repacked.runs.byteOffset + repacked.runs.length),
  );
  const byPack = new Map<number, [number, number, number][]>();
  let [pages, lost] = [0, 0];
  for (let at = 0; at < words.length; at += RUN_WORDS) {
    const [of, slot, count, pack, to] = words.subarray(at, at + RUN_WORDS) as unknown as [
      number,
      number,
      number,
      number,
      number,
    ];
    if (of !== source) continue;
    if (pack === LOST) {
      lost += count;
      continue;
    }
    pages += count;
    byPack.set(pack, [...(byPack.get(pack) ?? []), [slot, count, to]]);
  }
  const moves = [...byPack].map(([pack, runs]) => ({ from, to: repacked.packs[pack]?.id ?? '', runs }));
  return { moves, pages, lost };
}

function isDamage(error: unknown): boolean {
  return error instanceof StoreError && error.reason === 'damaged';
}

class Gathering {
  private moves: PackMove[] = [];
  private runs = 0;
  private pages = 0;
  private newBytes = 0;

  get isFull(): boolean {
    return this.moves.length >= MOVES_PER_EVENT || this.runs >= RUNS_PER_EVENT;
  }

  get isEmpty(): boolean {
    return this.moves.length === 0 && this.newBytes === 0;
  }

  add(group: readonly RepackSource[], repacked: Repacked): void {
    for (const pack of repacked.packs) this.newBytes += pack.bytes.length;
    for (const [source, { id }] of group.entries()) {
      const { moves, pages, lost } = movesOf(id, source, repacked);
      // Damaged: for verify to name and repair to deal with. What was copied of it is collected again.
      if (lost > 0) continue;
      this.moves.push(...moves);
      this.pages += pages;
      this.runs += moves.reduce((sum, { runs }) => sum + runs.length, 0);
    }
  }

  take(): MoveBatch {
    const batch = { moves: this.moves, pages: this.pages, newBytes: this.newBytes };
    [this.moves, this.runs, this.pages, this.newBytes] = [[], 0, 0, 0];
    return batch;
  }
}
