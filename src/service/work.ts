// SPDX-License-Identifier: Apache-2.0
//
// The work that takes its time (streams, ingests, restarts): how much may go on at once, and how it ends when the service does. After
// stop() nothing begins; what runs may finish within the grace time, then its signal is aborted, and stop() waits until it has let go.
import { HttpProblem } from './problems.js';

export const workKinds = ['image', 'ingest', 'restart', 'sql', 'keeping'] as const;
export type WorkKind = (typeof workKinds)[number];

/** A piece of work going on. */
export interface Job {
  /** Aborted when the work has to be given up, by abort() or because the service ends. */
  readonly signal: AbortSignal;
  /** Gives this piece up, for instance because its client has gone. */
  abort(): void;
  /** It is over, however it ended. Idempotent. */
  end(): void;
}

const RETRY_AFTER_S = 1;

export class WorkInProgress {
  readonly #running = new Map<WorkKind, Set<AbortController>>(workKinds.map((kind) => [kind, new Set()]));
  #stopping = false;
  #idle: (() => void) | undefined;

  constructor(private readonly most: Readonly<Record<WorkKind, number>>) {}

  get stopping(): boolean {
    return this.#stopping;
  }

  /** How many of a kind go on. */
  count(kind: WorkKind): number {
    return this.#running.get(kind)!.size;
  }

  /** HttpProblem `stopping` or `busy`. */
  begin(kind: WorkKind): Job {
    const running = this.#running.get(kind)!;
    if (this.#stopping) throw stoppingProblem();
    if (running.size >= this.most[kind]) {
      const text = `${String(running.size)} of this kind are going on, which is as many as may be`;
      throw new HttpProblem('busy', text, { 'retry-after': String(RETRY_AFTER_S) });
    }
    const controller = new AbortController();
    running.add(controller);
    return {
      signal: controller.signal,
      abort: () => controller.abort(),
      end: () => {
        running.delete(controller);
        if (this.#total === 0) this.#idle?.();
      },
    };
  }

  get #total(): number {
    return workKinds.reduce((sum, kind) => sum + this.count(kind), 0);
  }

  /** Resolves when nothing goes on any more. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    if (this.#total === 0) return;
    const idle = new Promise<void>((resolve) => (this.#idle = resolve));
    const timer = setTimeout(() => {
      for (const running of this.#running.values()) for (const controller of running) controller.abort();
    }, graceMs);
    await idle;
    clearTimeout(timer);
  }
}

export function stoppingProblem(): HttpProblem {
  return new HttpProblem('stopping', 'no new work is taken', { 'retry-after': '5', connection: 'close' });
}
