// SPDX-License-Identifier: Apache-2.0
//
// What lazy restarts of one store share: plans of the checkpoints restarted last, and a warm restarter.
import { closeSync, mkdirSync } from 'node:fs';
import type { Codec, PageIdentity } from '../codec/native.js';
import type { StoredImage } from './rebuild.js';
import { planRestart } from './plan.js';
import { TaskRestart, type LazySource } from './task-restart.js';
import { WarmRestarter } from './warm-restarter.js';

/** Plans kept: a checkpoint of 4 GiB has some hundred KiB. */
const PLANS_MAX = 16;

interface Plan {
  readonly fd: number;
  /** StoredImage.packsMoved() before it was made: when that changes, pages have moved. */
  readonly packsMoved: string;
  users: number;
  stale: boolean;
}

export interface LazyEnvironment {
  readonly codec: Codec;
  readonly identity: PageIdentity;
  readonly packsDir: string;
  /** Directory of working sets; made when it is needed. */
  readonly lazyDir: string;
}

export class LazyRestarts {
  /** The one used last is the last. */
  readonly #plans = new Map<string, Plan>();
  #restarter: WarmRestarter | undefined;

  constructor(private readonly env: LazyEnvironment) {}

  /** Hands the source of a checkpoint's pages to the work. CkptError, CodecError. */
  async with<T>(image: StoredImage, work: (source: LazySource) => Promise<T> | T): Promise<T> {
    // Packs that could go again stay until the pager has them open, which it has when the task is said to run.
    const hold = image.supply ? await image.prepare() : undefined;
    try {
      const result = await this.#withPlan(image, work);
      const opened = result instanceof TaskRestart ? result.running : Promise.resolve();
      void opened.catch(() => undefined).then(() => hold?.release());
      return result;
    } catch (error) {
      hold?.release();
      throw error;
    }
  }

  async #withPlan<T>(image: StoredImage, work: (source: LazySource) => Promise<T> | T): Promise<T> {
    const plan = await this.#plan(image);
    plan.users++;
    try {
      const { packsDir, lazyDir } = this.env;
      return await work({ planFd: plan.fd, packsDir, lazyDir });
    } finally {
      plan.users--;
      if (plan.stale && plan.users === 0) closeSync(plan.fd);
    }
  }

  /** A restarter that is there already; made on first use, and again when it has ended. */
  get restarter(): WarmRestarter {
    if (!this.#restarter?.alive) this.#restarter = new WarmRestarter();
    return this.#restarter;
  }

  warmUp(): void {
    this.#restarter ??= new WarmRestarter();
  }

  async close(): Promise<void> {
    await this.#restarter?.close();
    for (const id of [...this.#plans.keys()]) this.#drop(id);
  }

  async #plan(image: StoredImage): Promise<Plan> {
    const packsMoved = image.packsMoved();
    const known = this.#plans.get(image.id);
    if (known?.packsMoved === packsMoved) {
      this.#plans.delete(image.id);
      this.#plans.set(image.id, known);
      return known;
    }
    mkdirSync(this.env.lazyDir, { recursive: true, mode: 0o700 });
    const fd = await planRestart(image, this.env.codec, this.env.identity);
    const plan = { fd, packsMoved, users: 0, stale: false };
    this.#drop(image.id);
    this.#plans.set(image.id, plan);
    for (const id of this.#plans.keys()) {
      if (this.#plans.size <= PLANS_MAX) break;
      this.#drop(id);
    }
    return plan;
  }

  #drop(id: string): void {
    const plan = this.#plans.get(id);
    if (!plan) return;
    this.#plans.delete(id);
    plan.stale = true;
    if (plan.users === 0) closeSync(plan.fd);
  }
}
