// SPDX-License-Identifier: Apache-2.0
//
// What a store does against damage: finding it, repairing it, and healing by itself when pages come again.
import type { Codec } from './codec/native.js';
import { DedupIndex } from './dedup-index.js';
import { repairStore, type RepairReport } from './repair.js';
import type { RebuildEnvironment } from './restore/rebuild.js';
import { heal, Quarantine, StoreError, type Lease, type Leases, type Store } from './store/index.js';
import type { StoreSeals } from './store-seals.js';
import { verifyStore, type VerifyReport } from './verify.js';

/** Runs work with a lease, the catalog at the log's end. */
type Leased = <T>(what: string, work: () => Promise<T>) => Promise<T>;

export class Trust {
  /** Of the open store; it does not choose what is in quarantine. */
  readonly index: DedupIndex;
  private readonly quarantine: Quarantine;

  constructor(
    private readonly store: Store,
    private readonly codec: Codec,
    private readonly leases: Leases,
    private readonly leased: Leased,
  ) {
    this.quarantine = new Quarantine(store.dir, store.log.packs.dir);
    this.index = this.newIndex();
  }

  private newIndex(): DedupIndex {
    return new DedupIndex(this.store, this.codec, this.quarantine, (work) => this.leased('dedup', work));
  }

  verify(env: RebuildEnvironment, seals: StoreSeals, only?: string): Promise<VerifyReport> {
    return verifyStore(this.store, { ...env, seals, quarantine: this.quarantine }, only);
  }

  repair(env: RebuildEnvironment): Promise<RepairReport> {
    const { leases, quarantine } = this;
    return repairStore(this.store, { ...env, leases, quarantine, loadIndex: () => this.newIndex().load() });
  }

  /**
   * Looks for pages of damaged packs, which may have come with an image just taken in: they are in the index that this was taken in with.
   * Whoever collects now does without.
   */
  async heal(): Promise<void> {
    const { store, codec, quarantine } = this;
    if (quarantine.ids().length === 0) return;
    const turn = this.takeTurn();
    if (!turn) return;
    try {
      await heal({ store, codec, quarantine, index: await this.index.bringUpToDate() });
    } finally {
      turn.release();
    }
  }

  /** Null when somebody else has it. */
  private takeTurn(): Lease | null {
    try {
      return this.leases.takeTurn();
    } catch (error) {
      if (error instanceof StoreError && error.reason === 'busy') return null;
      throw error;
    }
  }
}
