// SPDX-License-Identifier: Apache-2.0
//
// A live task as the source of an image: runs the program that calls sys_checkpoint, or is its user-space twin, with the write
// end of a pipe, and tells it when the image is durable and it may let go of the task.
import { closeSync } from 'node:fs';
import { CONTROL_FD, IMAGE_FD, ProcessProgram, STATUS_FD, type Via } from '../process/program.js';
import type { Codec } from '../codec/native.js';
import { CkptError } from '../format/errors.js';
import type { IngestResult } from './ingest.js';

export interface TaskCheckpointOptions {
  readonly pid: number;
  readonly format: 1 | 2;
  /** What becomes of the task once its image is durable; until then `stop` and `kill` hold it frozen. */
  readonly after: 'run' | 'stop' | 'kill';
  /** The system call of a patched kernel or its user-space twin; undefined: the call where the kernel has it. */
  readonly via?: Via;
  readonly onWarning?: (text: string) => void;
}

const DOING = 'checkpoint of the task';

export class TaskCheckpoint {
  /** Read end of the image's pipe; close() closes it. */
  readonly fd: number;
  /** Resolves when the program has written the whole image; rejects with its own error, which says more than a torn image. */
  readonly written: Promise<void>;
  readonly #program: ProcessProgram;
  readonly #ended: Promise<void>;
  #frozenMs: number | null = null;
  #closed = false;

  constructor(codec: Codec, options: TaskCheckpointOptions) {
    const { readFd, writeFd } = codec.pipe();
    this.fd = readFd;
    const args = ['checkpoint', '--pid', String(options.pid), '--format', String(options.format)];
    args.push('--fd', String(IMAGE_FD), '--status-fd', String(STATUS_FD), '--control-fd', String(CONTROL_FD));
    if (options.after !== 'run') args.push(`--${options.after}`);
    if (options.via) args.push('--via', options.via);
    this.#program = new ProcessProgram(args, writeFd, 'quiet');
    closeSync(writeFd);
    let resolveWritten!: () => void;
    let rejectWritten!: (error: unknown) => void;
    this.written = new Promise((resolve, reject) => {
      resolveWritten = resolve;
      rejectWritten = reject;
    });
    this.#ended = this.#watch(resolveWritten, options.onWarning);
    this.#ended.catch(rejectWritten);
    this.written.catch(() => undefined); // reported to whoever awaits it
  }

  async #watch(onWritten: () => void, onWarning: ((text: string) => void) | undefined): Promise<void> {
    for await (const status of this.#program.status()) {
      this.#frozenMs = status.frozenMs ?? this.#frozenMs;
      if (status.event === 'warning') onWarning?.(status.text ?? '');
      if (status.event === 'written') onWritten();
    }
    const code = await this.#program.exit;
    if (code !== 0 || this.#program.reportedError) throw this.#program.error(code, DOING);
    onWritten();
  }

  /** Milliseconds that the task was frozen, as far as is known. */
  get frozenMs(): number | null {
    return this.#frozenMs;
  }

  /** The image is durable: `stop` and `kill` take effect. Resolves when the program is gone. */
  async commit(): Promise<void> {
    this.#program.control.end('c');
    await this.#ended;
  }

  /** Lets go of everything; a task that is still frozen runs on. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#program.control.end();
    closeSync(this.fd);
    await this.#ended.catch(() => undefined);
  }
}

/** The one image of a task. When there is none, or a torn one, the task's own program says why. */
export async function imageOf(task: TaskCheckpoint, images: AsyncGenerator<IngestResult>): Promise<IngestResult> {
  try {
    for await (const image of images) return image;
  } catch (error) {
    if (error instanceof CkptError && error.kind === 'damaged') await task.written;
    throw error;
  }
  await task.written;
  throw new CkptError('failed', 'the checkpoint of the task came without an image');
}
