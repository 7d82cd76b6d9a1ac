// SPDX-License-Identifier: Apache-2.0
//
// The dedup index of an opened store: loaded once, and brought up to date before each stream that asks it. However long the store stays
// open, what other processes have written since is chosen, and what was condemned or moved to quarantine is not.
import { isCodecError, type Codec, type PageIndex } from './codec/native.js';
import type { Quarantine, Store } from './store/index.js';

export class DedupIndex {
  #loading: Promise<PageIndex> | undefined;
  /** Bringing up to date is done by one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  /** Offset up to which condemned packs have been taken out. */
  #condemnedUpTo = 0;
  /** Position in the list of packs up to which they have been taken up. */
  #packsUpTo = 0;
  /** Offset of the event that let what was said about packs be forgotten, as far as the index knows of it. */
  #forgotten: number | undefined;
  /** Packs that are not in the index because they are in quarantine. */
  #aside = new Set<string>();

  constructor(
    private readonly store: Store,
    private readonly codec: Codec,
    private readonly quarantine: Quarantine,
    /** Runs what reads packs, with a lease, and the catalog at the log's end. */
    private readonly leased: (work: () => Promise<PageIndex>) => Promise<PageIndex>,
  ) {}

  /** All packs that might be chosen at some time since the first call. One that fails is tried again by the next. */
  load(): Promise<PageIndex> {
    if (this.#loading) return this.#loading;
    const loading = this.leased(async () => {
      const index = this.codec.openIndex(this.store.log.packs.headsDir);
      this.#forgotten = this.store.life.packsForgotten()?.offset;
      const listed = await this.#newPacks();
      const choosable = new Set(this.store.life.choosable());
      this.#aside = new Set(this.quarantine.ids());
      await takeUp(
        index,
        listed.ids.filter((id) => choosable.has(id) && !this.#aside.has(id)),
      );
      this.#packsUpTo = listed.upTo;
      return index;
    });
    this.#loading = loading;
    loading.catch(() => {
      if (this.#loading === loading) this.#loading = undefined;
    });
    return loading;
  }

  /** Makes the index that of the log's end: a stream does so when its `opened` stands in the log. */
  bringUpToDate(): Promise<PageIndex> {
    const done = this.#turn.then(() => this.#follow());
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #follow(): Promise<PageIndex> {
    const index = await this.load();
    await this.store.catchUp();
    const { life } = this.store;
    const forgotten = life.packsForgotten()?.offset;
    if (forgotten !== this.#forgotten) {
      // All packs of that time are gone, and nothing says so one by one any more.
      index.keepOnly(life.choosable());
      this.#packsUpTo = 0;
      this.#forgotten = forgotten;
    }
    const listed = await this.#newPacks();
    const aside = new Set(this.quarantine.ids());
    const back = [...this.#aside].filter((id) => !aside.has(id));
    await takeUp(
      index,
      [...back, ...listed.ids].filter((id) => !aside.has(id) && !life.isCondemned(id)),
    );
    this.#packsUpTo = listed.upTo;
    this.#aside = aside;
    const condemned = life.condemnedFrom(this.#condemnedUpTo);
    index.forget([...condemned.map(({ id }) => id), ...aside]);
    this.#condemnedUpTo = (condemned.at(-1)?.condemned ?? this.#condemnedUpTo - 1) + 1;
    return index;
  }

  /** Packs that have been listed since they were taken up last. */
  async #newPacks(): Promise<{ ids: string[]; upTo: number }> {
    const ids: string[] = [];
    let upTo = this.#packsUpTo;
    for await (const batch of this.store.log.packs.read(upTo)) {
      for (const { id } of batch.packs) ids.push(id);
      upTo = batch.next;
    }
    return { ids, upTo };
  }
}

/** A pack that cannot be read is as good as none: its pages are stored again. Verifying will tell. */
async function takeUp(index: PageIndex, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await index.load(ids).catch((error: unknown) => {
    if (!isCodecError(error) || error.kind !== 'pack') throw error;
  });
}
