// SPDX-License-Identifier: Apache-2.0
//
// The dedup index of an opened store: loaded once, and rid of what is condemned before each stream that asks it.
import { isCodecError, type Codec, type PageIndex } from './codec/native.js';
import type { Quarantine, Store } from './store/index.js';

export class DedupIndex {
  #index: Promise<PageIndex> | undefined;
  /** Offset up to which condemned packs have been taken out. */
  #condemnedUpTo = 0;

  constructor(
    private readonly store: Store,
    private readonly codec: Codec,
    private readonly quarantine: Quarantine,
    /** Runs what reads packs, with a lease, and the catalog at the log's end. */
    private readonly leased: (work: () => Promise<PageIndex>) => Promise<PageIndex>,
  ) {}

  /** All packs that may be chosen. Packs written through the index later are in it as they are written. */
  load(): Promise<PageIndex> {
    this.#index ??= this.leased(async () => {
      const { life, log } = this.store;
      const index = this.codec.openIndex(log.packs.dir);
      // A pack that cannot be read is as good as none: its pages are stored again. Verifying will tell.
      const aside = new Set(this.quarantine.ids());
      await index.load(life.choosable().filter((id) => !aside.has(id))).catch((error: unknown) => {
        if (!isCodecError(error) || error.kind !== 'pack') throw error;
      });
      return index;
    });
    return this.#index;
  }

  /** Takes condemned packs out, up to the log's end. A stream does so when its `opened` stands in the log. */
  async dropCondemned(): Promise<void> {
    await this.store.catchUp();
    const condemned = this.store.life.condemnedFrom(this.#condemnedUpTo);
    (await this.load()).forget([...condemned.map(({ id }) => id), ...this.quarantine.ids()]);
    this.#condemnedUpTo = (condemned.at(-1)?.condemned ?? this.#condemnedUpTo - 1) + 1;
  }
}
