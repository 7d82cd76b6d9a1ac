// SPDX-License-Identifier: Apache-2.0
//
// A task out of an image: runs the program that calls sys_restart, or is its user-space twin, with the read end of a pipe that
// the rebuilder fills.
import { closeSync } from 'node:fs';
import { IMAGE_FD, isPagerEvent, ProcessProgram, STATUS_FD, type ProcessStatus, type Via } from '../process/program.js';
import type { Codec } from '../codec/native.js';

export interface TaskRestartOptions {
  /** Leave the task running, nobody's child, its standard streams reopened as recorded. */
  readonly detach: boolean;
  /** Insist on the recorded pid. */
  readonly samePid: boolean;
  /** Do not try for the recorded pid, and do not warn about it. */
  readonly newPid?: boolean;
  /** Leave the task stopped: SIGCONT lets it run. */
  readonly stopped?: boolean;
  /** Restart although this processor lacks features that the image's had. */
  readonly ignoreCpu: boolean;
  /** The system call of a patched kernel or its user-space twin; undefined: the call where the kernel has it. */
  readonly via?: Via;
  readonly onWarning?: (text: string) => void;
  /** What the pager of a lazy restart says. */
  readonly onPager?: (status: ProcessStatus) => void;
}

/** Where a lazy restart finds what it does not get at once. */
export interface LazySource {
  /** Of the plan; stays the caller's. */
  readonly planFd: number;
  readonly packsDir: string;
  /** Directory of working sets. */
  readonly lazyDir: string;
}

/** How the program ended: the task runs (detached), or ended with a status, or never ran. */
export interface TaskOutcome {
  /** `running`, `exited N` or `killed SIGNAL`. */
  readonly result: string;
  /** What a shell would show for the task: its exit code, or 128 + signal. 0 when detached. */
  readonly status: number;
}

const DOING = 'restart of the task';

export class TaskRestart {
  /** Write end of the image's pipe; imageDone() closes it. -1 for a lazy restart: there is nothing to write. */
  readonly fd: number;
  /** Resolves to the pid when the task runs; rejects with the reason when it never does. */
  readonly running: Promise<number>;
  /** Resolves when the program is gone. Rejects like `running`. */
  readonly outcome: Promise<TaskOutcome>;
  readonly #program: ProcessProgram;
  #open: boolean;

  constructor(codec: Codec, options: TaskRestartOptions, lazy?: LazySource) {
    const { readFd, writeFd } = lazy ? { readFd: lazy.planFd, writeFd: -1 } : codec.pipe();
    this.fd = writeFd;
    this.#open = !lazy;
    const args = ['restart', '--status-fd', String(STATUS_FD)];
    if (lazy) args.push('--plan-fd', String(IMAGE_FD), '--packs', lazy.packsDir, '--lazy-dir', lazy.lazyDir);
    else args.push('--fd', String(IMAGE_FD));
    if (options.detach) args.push('--detach');
    if (options.samePid) args.push('--same-pid');
    if (options.ignoreCpu) args.push('--ignore-cpu');
    if (options.via) args.push('--via', options.via);
    if (options.newPid) args.push('--new-pid');
    if (options.stopped) args.push('--stopped');
    this.#program = new ProcessProgram(args, readFd, 'inherit');
    if (!lazy) closeSync(readFd);
    let resolveRunning!: (pid: number) => void;
    let rejectRunning!: (error: unknown) => void;
    this.running = new Promise((resolve, reject) => {
      resolveRunning = resolve;
      rejectRunning = reject;
    });
    this.outcome = this.#watch(resolveRunning, options);
    this.outcome.catch(rejectRunning);
    this.running.catch(() => undefined); // reported to whoever awaits it
  }

  async #watch(onRunning: (pid: number) => void, { onWarning, onPager }: TaskRestartOptions): Promise<TaskOutcome> {
    let last: ProcessStatus | undefined;
    for await (const status of this.#program.status()) {
      if (status.event === 'warning') onWarning?.(status.text ?? '');
      else if (isPagerEvent(status.event)) onPager?.(status);
      else last = status;
      if (status.event === 'running' && status.pid !== undefined) onRunning(status.pid);
    }
    const code = await this.#program.exit;
    switch (last?.event) {
      case 'exited':
        return { result: `exited ${String(last.code)}`, status: last.code ?? code };
      case 'killed':
        return { result: `killed ${last.name ?? String(last.signal)}`, status: 128 + (last.signal ?? 0) };
      case 'running':
        return { result: 'running', status: code };
      default:
        throw this.#program.error(code, DOING);
    }
  }

  /** Passes a signal on to the program, which passes it on to the task. */
  signal(name: NodeJS.Signals): void {
    this.#program.child.kill(name);
  }

  /** The image is written, or will never be: closes the pipe. Idempotent. */
  imageDone(): void {
    if (this.#open) closeSync(this.fd);
    this.#open = false;
  }
}
