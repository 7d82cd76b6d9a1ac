// SPDX-License-Identifier: Apache-2.0
//
// Lazy restarts in great number, or without delay: a small process that is there already forks one for each request. The tasks are
// detached; they live on when the restarter ends.
import type { LazySource, TaskRestartOptions } from './task-restart.js';
import { isPagerEvent, ProcessProgram, STATUS_FD, CONTROL_FD, type ProcessStatus } from '../process/program.js';
import { CkptError } from '../format/errors.js';

/** A task is always detached. */
export type WarmOptions = Omit<TaskRestartOptions, 'detach'>;

export interface WarmTask {
  readonly pid: number;
  /** When it was let go, on the clock of process.hrtime(). */
  readonly atNs: bigint;
}

interface Request {
  readonly options: WarmOptions;
  readonly resolve: (task: WarmTask) => void;
  readonly reject: (error: unknown) => void;
  runs: boolean;
  /** Its restarter has ended. */
  ended: boolean;
  /** Its pager has nothing more to say, or nobody listens. */
  silent: boolean;
  error?: ProcessStatus;
}

const DOING = 'restart of the task';

export class WarmRestarter {
  readonly #program: ProcessProgram;
  readonly #requests = new Map<number, Request>();
  #next = 1;
  #closed = false;

  constructor() {
    const args = ['restarter', '--control-fd', String(CONTROL_FD), '--status-fd', String(STATUS_FD)];
    this.#program = new ProcessProgram(args, 'ignore', 'quiet');
    void this.#watch();
  }

  /** False when it has ended: make another. */
  get alive(): boolean {
    return !this.#closed;
  }

  /** Restarts a checkpoint. Resolves when the task runs, or is stopped; CkptError when it never does. */
  restart({ planFd, packsDir, lazyDir }: LazySource, options: WarmOptions): Promise<WarmTask> {
    const number = this.#next++;
    // The descriptor of a plan goes by its name under /proc: Node sends none.
    const args = [
      '--plan',
      `/proc/${String(process.pid)}/fd/${String(planFd)}`,
      '--packs',
      packsDir,
      '--lazy-dir',
      lazyDir,
    ];
    if (options.samePid) args.push('--same-pid');
    if (options.ignoreCpu) args.push('--ignore-cpu');
    if (options.newPid) args.push('--new-pid');
    if (options.stopped) args.push('--stopped');
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new CkptError('failed', `${DOING}: the restarter has ended`));
        return;
      }
      this.#requests.set(number, { options, resolve, reject, runs: false, ended: false, silent: false });
      this.#program.control.write([String(number), ...args, '', ''].join('\0'));
    });
  }

  /** Takes no more requests; waits for those that run. What pagers say is heard no longer. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#program.control.end();
    await this.#program.ended;
    this.#program.hangUp();
  }

  async #watch(): Promise<void> {
    for await (const status of this.#program.status()) this.#take(status);
    this.#closed = true;
    for (const { reject } of this.#requests.values()) {
      reject(new CkptError('failed', `${DOING}: the restarter has ended`));
    }
    this.#requests.clear();
  }

  #take(status: ProcessStatus): void {
    const number = status.request ?? 0;
    const request = this.#requests.get(number);
    if (!request) return;
    const { options } = request;
    if (status.event === 'warning') options.onWarning?.(status.text ?? '');
    else if (status.event === 'error') request.error = status;
    else if (isPagerEvent(status.event)) options.onPager?.(status);
    else if (status.event === 'running' && status.pid !== undefined) {
      request.runs = true;
      request.resolve({ pid: status.pid, atNs: BigInt(status.atNs ?? 0) });
    } else if (status.event === 'ended') {
      request.ended = true;
      if (!request.runs) request.reject(this.#program.errorOf(request.error, status.code ?? 1, DOING));
    }
    // A pager may be done before its task is let go, or have something to say long after.
    if (status.event === 'filled' || status.event === 'lost' || !options.onPager) request.silent = true;
    if (request.ended && (request.silent || !request.runs)) this.#requests.delete(number);
  }
}
