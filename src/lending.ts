// SPDX-License-Identifier: Apache-2.0
//
// Pages for lazy restarts on other machines: the plan, and the packs that it names. Nobody says when such a task needs no more of them,
// so a checkpoint's packs stay for a while after each question, and whoever still asks keeps them.
import { fstatSync, readSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { packPath, type StreamEvent } from './codec/native.js';
import { CkptError } from './format/errors.js';
import type { LazyRestarts } from './restore/lazy-restarts.js';
import { readHead, type Store } from './store/index.js';
import type { Lease, Leases } from './store/lifecycle/leases.js';
import { storedImage } from './stored-image.js';

/** How long packs stay after the last question. */
const KEPT_MS = 120_000;

/** Checkpoints that are first asked for within this time share a lease, which costs a descriptor: those of the oldest do for all. */
const SHARED_MS = 10_000;

interface SharedLease {
  readonly lease: Promise<Lease>;
  readonly since: number;
  loans: number;
}

interface Loan {
  readonly shared: SharedLease;
  readonly timer: NodeJS.Timeout;
  /** Named in a plan or an outline. */
  readonly packs: Set<string>;
}

/** Of an image: a `record` or `pages` event of its stream, or the head of a pack; base64. */
export type OutlinePart =
  | { readonly type: StreamEvent['type']; readonly value: string }
  | { readonly type: 'head'; readonly pack: string; readonly value: string };

export class Lending {
  readonly #loans = new Map<string, Loan>();
  #newest: SharedLease | undefined;

  constructor(
    private readonly store: Store,
    private readonly leases: Leases,
    private readonly env: {
      readonly lazy: () => LazyRestarts;
      /** CkptError when an image may not be used. */
      readonly believe: (id: string) => Promise<void>;
    },
  ) {}

  /** Of a sealed checkpoint, as `restart_plan` in docs/format.md says. CkptError, CodecError. */
  async plan(id: string): Promise<Buffer> {
    await this.#lend(id);
    return this.env.lazy().with(storedImage(this.store, id), ({ planFd }) => wholeOf(planFd));
  }

  /** All of a sealed checkpoint but its pages: the events of its stream, then the heads of its packs. CkptError. */
  async *outline(id: string): AsyncGenerator<OutlinePart> {
    const packs = await this.#lend(id);
    const { catalog, log } = this.store;
    // Of one moment: pages may move to other packs while this is sent.
    const events = [...catalog.imageEvents(id)].flat();
    for (const { type, value } of events) yield { type, value: value.toString('base64') };
    for (const pack of packs) {
      const head = await readHead(packPath(log.packs.headsDir, pack));
      yield { type: 'head', pack, value: head.toString('base64') };
    }
  }

  /** Whether a plan or an outline that is not long ago named the pack: whoever asked for that gets it, whatever became of the checkpoint. */
  lends(id: string, pack: string): boolean {
    return this.#loans.get(id)?.packs.has(pack) ?? false;
  }

  /** The file of a pack that a plan of this checkpoint named. CkptError. */
  async pack(id: string, pack: string): Promise<Buffer> {
    const { catalog, log } = this.store;
    if (!this.lends(id, pack)) await this.env.believe(id);
    await this.#keep(id);
    const path = packPath(log.packs.dir, pack);
    // One that was moved elsewhere has no users any more; its file is there as long as it is kept.
    if (catalog.usersOf(pack).length === 0) return readFile(path).catch(() => missing(pack));
    const hold = await log.packs.ensureLocal([pack]);
    try {
      return await readFile(path);
    } finally {
      hold.release();
    }
  }

  async close(): Promise<void> {
    for (const id of [...this.#loans.keys()]) await this.#end(id);
  }

  /** The packs of a checkpoint, at the log's end, which stay from now on. */
  async #lend(id: string): Promise<string[]> {
    await this.env.believe(id);
    const { packs: lent } = await this.#keep(id);
    await this.store.catchUp();
    const packs = this.store.catalog.packsOf(id);
    for (const pack of packs) lent.add(pack);
    return packs;
  }

  async #keep(id: string): Promise<Loan> {
    let loan = this.#loans.get(id);
    if (loan) loan.timer.refresh();
    else {
      const timer = setTimeout(() => void this.#end(id).catch(() => undefined), KEPT_MS).unref();
      loan = { shared: this.#lease(), timer, packs: new Set() };
      this.#loans.set(id, loan);
    }
    await loan.shared.lease.catch((error: unknown) => {
      this.#loans.delete(id);
      this.#newest = undefined;
      throw error;
    });
    return loan;
  }

  #lease(): SharedLease {
    const now = performance.now();
    const known = this.#newest;
    if (known && known.loans > 0 && now - known.since < SHARED_MS) {
      known.loans++;
      return known;
    }
    const lease = this.store.log.end().then((end) => this.leases.take('lazy restarts elsewhere', end));
    return (this.#newest = { lease, since: now, loans: 1 });
  }

  async #end(id: string): Promise<void> {
    const loan = this.#loans.get(id);
    if (!loan) return;
    clearTimeout(loan.timer);
    this.#loans.delete(id);
    if (--loan.shared.loans === 0) (await loan.shared.lease).release();
  }
}

function missing(pack: string): never {
  throw new CkptError('missing', `there is no pack ${pack}`);
}

function wholeOf(fd: number): Buffer {
  const bytes = Buffer.allocUnsafe(fstatSync(fd).size);
  for (let at = 0; at < bytes.length;) {
    const got = readSync(fd, bytes, at, bytes.length - at, at);
    if (got === 0) throw new CkptError('failed', 'the plan ends too soon');
    at += got;
  }
  return bytes;
}
