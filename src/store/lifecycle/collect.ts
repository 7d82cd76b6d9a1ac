// SPDX-License-Identifier: Apache-2.0
//
// Collecting: gives back what nobody needs any more, while others write and read. No clock decides anything; the order of events does
// (docs/lifecycle.md has the argument). In turn:
//
//   forget     deleted and aborted checkpoints that no lease may still be reading: `checkpoints-forgotten`
//   condemn    packs that nobody uses and whose writer is done: `packs-condemned`
//   rewrite    packs less than half in use: their pages into new packs, `packs-moved`
//   delete     condemned packs that nobody uses, once every stream and lease that began before has ended: `packs-deleted`, then the files
//   forget     what was said about packs, when nothing is left: `packs-forgotten`
//   give back  streams forgotten from the log, files that no pack has, free pages of the databases, empty folders
//
// A crash at any point leaves something for the next time, never something to be repaired.
import type { Codec } from '../../codec/native.js';
import { outsideEvent, type PackMove } from '../../format/events.js';
import type { CondemnedPack } from '../catalog/life-queries.js';
import type { LogPosition } from '../log.js';
import type { Store } from '../store.js';
import type { HeldLease, Leases } from './leases.js';
import { rewritePacks } from './rewrite.js';

/** Ids of packs or checkpoints in one event. */
const IDS_PER_EVENT = 5000;

type BulkEvent = 'checkpoints-forgotten' | 'packs-condemned' | 'packs-deleted';

export interface CollectEnvironment {
  readonly store: Store;
  readonly leases: Leases;
  readonly codec: Pick<Codec, 'repack'>;
  readonly signal?: AbortSignal;
}

export interface CollectOptions {
  /** Say what would be done, and do nothing. */
  readonly dryRun?: boolean;
  /** Leave packs alone that are partly in use. */
  readonly rewrite?: boolean;
}

export interface CollectReport {
  /** Checkpoints of which nothing is left. */
  readonly forgotten: number;
  readonly condemned_packs: number;
  /** Packs whose pages were moved to others. */
  readonly rewritten_packs: number;
  readonly moved_pages: number;
  readonly deleted_packs: number;
  /** Stored bytes of the deleted packs, less those of new ones. */
  readonly freed_bytes: number;
  /** Checkpoints and packs that are left, because somebody began before they were deleted or condemned. */
  readonly waiting_checkpoints: number;
  readonly waiting_packs: number;
  /** Who that is: open streams, and leases. */
  readonly waiting_for: readonly string[];
}

/** Of a store that is not there. */
export const nothingCollected: CollectReport = {
  forgotten: 0,
  condemned_packs: 0,
  rewritten_packs: 0,
  moved_pages: 0,
  deleted_packs: 0,
  freed_bytes: 0,
  waiting_checkpoints: 0,
  waiting_packs: 0,
  waiting_for: [],
};

/** StoreError. */
export async function collect(env: CollectEnvironment, options: CollectOptions = {}): Promise<CollectReport> {
  const turn = options.dryRun ? undefined : env.leases.takeTurn();
  try {
    await env.store.abortStale();
    await env.store.catchUp();
    return await (options.dryRun ? preview(env, options) : new Collection(env, options).run());
  } finally {
    turn?.release();
  }
}

class Collection {
  private readonly store: Store;
  private readonly at = new Date().toISOString();

  constructor(
    private readonly env: CollectEnvironment,
    private readonly options: CollectOptions,
  ) {
    this.store = env.store;
  }

  async run(): Promise<CollectReport> {
    const forgotten = await this.forget();
    const condemned = await this.condemn();
    const moved = this.options.rewrite === false ? nothingMoved : await this.rewrite();
    const deleted = await this.delete();
    await this.forgetPacks();
    await this.giveBack();
    return {
      forgotten: forgotten.done,
      condemned_packs: condemned,
      rewritten_packs: moved.packs,
      moved_pages: moved.pages,
      deleted_packs: deleted.done,
      freed_bytes: deleted.bytes - moved.newBytes,
      waiting_checkpoints: forgotten.waiting,
      waiting_packs: deleted.waiting,
      waiting_for: [...new Set([...forgotten.for, ...deleted.for])],
    };
  }

  private async forget(): Promise<{ done: number; waiting: number; for: string[] }> {
    const { store } = this;
    const ended = store.life.ended();
    const held = this.env.leases.held();
    const ready = ended.filter(
      ({ partition, offset }) => !held.some((lease) => beganBefore(lease.position, partition, offset)),
    );
    await this.say(
      'checkpoints-forgotten',
      ready.map(({ id }) => id),
    );
    const waiting = ended.length - ready.length;
    return { done: ready.length, waiting, for: waiting > 0 ? held.map(({ what }) => what) : [] };
  }

  private async condemn(): Promise<number> {
    const packs = this.store.life.unused([]).map(({ id }) => id);
    await this.say('packs-condemned', packs);
    return packs.length;
  }

  private async rewrite(): Promise<typeof nothingMoved> {
    const moved = { ...nothingMoved };
    const { store, env } = this;
    for await (const batch of rewritePacks(env, store.life.sparse())) {
      await this.sayMoved(batch.moves);
      moved.packs += new Set(batch.moves.map((move) => move.from)).size;
      moved.pages += batch.pages;
      moved.newBytes += batch.newBytes;
    }
    return moved;
  }

  private async sayMoved(moves: readonly PackMove[]): Promise<void> {
    const { log } = this.store;
    if (moves.length > 0) await log.append([outsideEvent('packs-moved', log.opened.logId, { at: this.at, moves })]);
    await this.store.catchUp();
  }

  /**
   * In this order: what was condemned; then the catalog at the log's end; then who is open or reads. So a stream that began before a pack
   * was condemned is seen here, open still or with what it uses. Others may condemn more meanwhile: that is for the next time.
   */
  private async delete(): Promise<{ done: number; bytes: number; waiting: number; for: string[] }> {
    const { store, env } = this;
    const before = new Set(store.life.condemned([]).map(({ id }) => id));
    await store.catchUp();
    const blocking = blockersIn(store, env.leases.held());
    const condemned = store.life.condemned([]).filter(({ id }) => before.has(id));
    const ready = condemned.filter((pack) => blockersOf(pack, blocking).length === 0);
    await this.say(
      'packs-deleted',
      ready.map(({ id }) => id),
    );
    await this.removeDeleted();
    const waiting = condemned.filter((pack) => !ready.includes(pack));
    return {
      done: ready.length,
      bytes: ready.reduce((sum, pack) => sum + pack.stored_bytes, 0),
      waiting: waiting.length,
      for: [...new Set(waiting.flatMap((pack) => blockersOf(pack, blocking)))],
    };
  }

  /** All that are listed although their deletion stands in the log: also what a crash has left. */
  private async removeDeleted(): Promise<void> {
    const { packs } = this.store.log;
    const gone: string[] = [];
    for await (const batch of packs.read(0)) {
      for (const { id } of batch.packs) if (this.store.life.isDeleted(id)) gone.push(id);
    }
    if (gone.length > 0) await packs.remove(gone);
  }

  /** Where packs are a topic that many read, what is said about them has to stay. */
  private async forgetPacks(): Promise<void> {
    const { life, log } = this.store;
    const upTo = log.kind === 'embedded' ? life.emptiedAt() : undefined;
    if (!upTo) return;
    await log.append([outsideEvent('packs-forgotten', log.opened.logId, { at: this.at, upTo })]);
    await this.store.catchUp();
  }

  private async giveBack(): Promise<void> {
    const { store, env } = this;
    const { life, log } = store;
    // Files of deleted packs may still be read under leases of this machine, when another one has deleted them.
    if (env.leases.held().length === 0) await log.packs.sweep((id, stream) => life.mayGo(id, stream));
    await log.shrink(life.forgotten(), life.packsForgotten()?.upTo ?? []);
    store.giveBack();
  }

  private async say(type: BulkEvent, ids: readonly string[]): Promise<void> {
    const { log } = this.store;
    for (let at = 0; at < ids.length; at += IDS_PER_EVENT) {
      this.env.signal?.throwIfAborted();
      const some = ids.slice(at, at + IDS_PER_EVENT);
      const value =
        type === 'checkpoints-forgotten' ? { at: this.at, checkpoints: some } : { at: this.at, packs: some };
      await log.append([outsideEvent(type, log.opened.logId, value)]);
    }
    await this.store.catchUp();
  }
}

const nothingMoved = { packs: 0, pages: 0, newBytes: 0 };

interface Blocker {
  readonly position: LogPosition;
  readonly what: string;
}

function blockersIn(store: Store, leases: readonly HeldLease[]): Blocker[] {
  const streams = store.life
    .openStreams()
    .map(({ id, position }) => ({ position, what: `the stream of checkpoint ${id}` }));
  return [...streams, ...leases];
}

/** Who began before a pack was condemned. */
function blockersOf(pack: CondemnedPack, blockers: readonly Blocker[]): string[] {
  return blockers
    .filter(({ position }) => beganBefore(position, pack.partition, pack.condemned))
    .map(({ what }) => what);
}

function beganBefore(position: LogPosition, partition: number, offset: number): boolean {
  return (position[partition] ?? 0) <= offset;
}

/** What run() would come to now. Packs that a rewrite would free are counted with their own bytes, less the share of what is in use. */
function preview({ store, leases }: CollectEnvironment, { rewrite }: CollectOptions): CollectReport {
  const { life } = store;
  const held = leases.held();
  const ended = life.ended();
  const ready = ended.filter(
    ({ partition, offset }) => !held.some((lease) => beganBefore(lease.position, partition, offset)),
  );
  const forgetting = ready.map(({ image }) => image);
  const unused = life.unused(forgetting);
  const blocking = blockersIn(store, held);
  const condemned = life.condemned(forgetting);
  const waiting = condemned.filter((pack) => blockersOf(pack, blocking).length > 0);
  const sparse = rewrite === false ? [] : [...life.sparse(forgetting)];
  // Whoever is at work now began before what would be condemned now.
  const deletable = blocking.length > 0 ? [] : [...unused, ...sparse];
  const gone = [...condemned.filter((pack) => !waiting.includes(pack)), ...deletable];
  const kept = sparse.reduce(
    (sum, { stored_bytes, used, pages }) => sum + Math.round((stored_bytes * used) / pages),
    0,
  );
  return {
    forgotten: ready.length,
    condemned_packs: unused.length,
    rewritten_packs: sparse.length,
    moved_pages: sparse.reduce((sum, { used }) => sum + used, 0),
    deleted_packs: gone.length,
    freed_bytes: gone.reduce((sum, { stored_bytes }) => sum + stored_bytes, 0) - kept,
    waiting_checkpoints: ended.length - ready.length,
    waiting_packs: waiting.length + (blocking.length > 0 ? unused.length + sparse.length : 0),
    waiting_for: blocking.map(({ what }) => what),
  };
}
