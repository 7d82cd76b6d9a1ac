// SPDX-License-Identifier: Apache-2.0
//
// Compares the pages of two images, run by run: memory for the runs, not for the pages. Pages in the same slot are the same
// without a look; others are told apart by their hashes.
import { HASH_BYTES } from '../../format/generated/store.js';
import type { PackDirectories } from './pack-directories.js';
import type { PageRun } from './page-runs.js';

export type PageChange = 'added' | 'removed' | 'changed';

/** Pages at consecutive addresses with the same fate. */
export interface ChangedRun {
  /** Address of the first divided by the page size. */
  readonly page: number;
  readonly count: number;
  readonly change: PageChange;
}

/** Pages that are not the same in both, by ascending address. Runs that touch may be alike. */
export function* comparePages(
  a: Iterable<PageRun>,
  b: Iterable<PageRun>,
  directories: PackDirectories,
): Generator<ChangedRun> {
  const left = new Cursor(a);
  const right = new Cursor(b);
  while (left.run || right.run) {
    // Up to `end` nothing changes but the page: both runs, one of them, or none cover it.
    const from = Math.min(left.page, right.page);
    const end = Math.min(left.boundary(from), right.boundary(from));
    const inLeft = left.page === from;
    const inRight = right.page === from;
    if (inLeft && inRight) yield* compareRuns(left, right, from, end, directories);
    else if (inLeft || inRight) yield { page: from, count: end - from, change: inLeft ? 'removed' : 'added' };
    left.advance(end);
    right.advance(end);
  }
}

function* compareRuns(
  left: Cursor,
  right: Cursor,
  from: number,
  end: number,
  directories: PackDirectories,
): Generator<ChangedRun> {
  const [packA, slotA, packB, slotB] = [left.run?.pack ?? null, left.slot, right.run?.pack ?? null, right.slot];
  if (packA === packB && (packA === null || slotA === slotB)) return;
  if (packA === null || packB === null) {
    yield { page: from, count: end - from, change: 'changed' };
    return;
  }
  const hashesA = directories.hashes(packA, slotA, end - from);
  const hashesB = directories.hashes(packB, slotB, end - from);
  let changed = from;
  for (let page = from; page < end; page++) {
    const at = (page - from) * HASH_BYTES;
    if (hashesA.compare(hashesB, at, at + HASH_BYTES, at, at + HASH_BYTES) !== 0) continue;
    if (changed < page) yield { page: changed, count: page - changed, change: 'changed' };
    changed = page + 1;
  }
  if (changed < end) yield { page: changed, count: end - changed, change: 'changed' };
}

/** Runs in ascending order; overlapping ones of an image with several tasks count once. */
class Cursor {
  private readonly runs: PageRun[];
  private index = 0;
  /** Page at which the cursor stands: in `run`, or before it. */
  page = Infinity;

  constructor(runs: Iterable<PageRun>) {
    this.runs = [...runs];
    // In an image made by a kernel they are in order already.
    if (this.runs.some((run, at) => at > 0 && run.page < (this.runs[at - 1]?.page ?? 0)))
      this.runs.sort((x, y) => x.page - y.page);
    this.page = this.run?.page ?? Infinity;
  }

  get run(): PageRun | undefined {
    return this.runs[this.index];
  }

  get slot(): number {
    return this.run ? this.run.slot + this.page - this.run.page : 0;
  }

  /** The next page at which something begins or ends. */
  boundary(from: number): number {
    const { run } = this;
    if (!run) return Infinity;
    return this.page > from ? this.page : run.page + run.count;
  }

  advance(to: number): void {
    if (this.page >= to) return;
    let { run } = this;
    while (run && run.page + run.count <= to) {
      this.index++;
      run = this.run;
    }
    this.page = run ? Math.max(to, run.page) : Infinity;
  }
}
