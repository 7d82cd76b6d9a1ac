// SPDX-License-Identifier: Apache-2.0

/** A token bucket: `perSecond` on average, twice that in a burst. Times are milliseconds of any steady clock. */
export class Bucket {
  #left: number;
  #at: number;

  constructor(
    readonly perSecond: number,
    now: number,
  ) {
    this.#left = this.burst;
    this.#at = now;
  }

  private get burst(): number {
    return Math.max(1, this.perSecond * 2);
  }

  /** 0: go on. Otherwise the whole seconds after which to try again. */
  take(now: number): number {
    this.#left = Math.min(this.burst, this.#left + ((now - this.#at) / 1000) * this.perSecond);
    this.#at = now;
    if (this.#left >= 1) {
      this.#left -= 1;
      return 0;
    }
    return Math.max(1, Math.ceil((1 - this.#left) / this.perSecond));
  }

  /** Nobody would notice if it were forgotten. */
  full(now: number): boolean {
    return this.#left + ((now - this.#at) / 1000) * this.perSecond >= this.burst;
  }
}

const BUCKETS_MAX = 4096;

/** One bucket a key. Memory is bounded: full buckets are forgotten, and when there are none, the oldest. */
export class RateLimit {
  readonly #buckets = new Map<string, Bucket>();

  constructor(private readonly clock: () => number = () => performance.now()) {}

  /** As Bucket.take(), for the bucket of a key. */
  take(key: string, perSecond: number): number {
    const now = this.clock();
    let bucket = this.#buckets.get(key);
    if (bucket?.perSecond !== perSecond) {
      this.#makeRoom(now);
      bucket = new Bucket(perSecond, now);
      this.#buckets.set(key, bucket);
    }
    return bucket.take(now);
  }

  #makeRoom(now: number): void {
    if (this.#buckets.size < BUCKETS_MAX) return;
    for (const [key, bucket] of this.#buckets) if (bucket.full(now)) this.#buckets.delete(key);
    for (const key of this.#buckets.keys()) {
      if (this.#buckets.size < BUCKETS_MAX) return;
      this.#buckets.delete(key);
    }
  }
}
