// SPDX-License-Identifier: Apache-2.0
//
// The pages of a service's checkpoint as the source of a lazy restart here: its plan, and a process that brings packs when they are needed.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, rmSync, unlinkSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CkptError } from '../format/errors.js';
import type { LazySource } from '../restore/task-restart.js';
import { makeBorrowedDir } from './borrowed-dir.js';
import type { RemoteClient, RemoteOptions } from './client.js';
import { writeAll } from './image-transfer.js';
import type { Errand } from './pack-bringer.js';

const program = fileURLToPath(new URL('./pack-bringer.js', import.meta.url));

/** Where packs are while they are needed, and working sets of tasks restarted out of services. */
function cacheDir(): string {
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'ckpt');
}

export class BorrowedPages {
  private constructor(
    readonly source: LazySource,
    private readonly farewell: Writable,
  ) {}

  /**
   * `prove` makes the plan of what this machine's keys believe, and puts the heads of its packs into a directory; else the service's is taken.
   * CkptError.
   */
  static async open(
    client: RemoteClient,
    service: RemoteOptions,
    checkpoint: string,
    prove?: (headsDir: string) => Promise<number>,
  ): Promise<BorrowedPages> {
    const cache = cacheDir();
    const lazyDir = join(cache, 'lazy');
    mkdirSync(lazyDir, { recursive: true, mode: 0o700 });
    const packsDir = makeBorrowedDir(cache);
    let planFd: number | undefined;
    try {
      const heads = join(packsDir, 'heads');
      planFd = prove ? await prove(heads) : await fetchPlan(client, checkpoint, join(packsDir, 'plan'));
      const farewell = await startBringer({ service, checkpoint, dir: packsDir, ...(prove ? { heads } : {}) });
      return new BorrowedPages({ planFd, packsDir, lazyDir }, farewell);
    } catch (error) {
      if (planFd !== undefined) closeSync(planFd);
      rmSync(packsDir, { recursive: true, force: true });
      throw error;
    }
  }

  /** The task runs, and its pager is connected; or it will never run. */
  release(): void {
    closeSync(this.source.planFd);
    this.farewell.end();
  }
}

async function fetchPlan(client: RemoteClient, checkpoint: string, path: string): Promise<number> {
  const answer = await client.open(`/v1/checkpoints/${checkpoint}/plan`);
  const fd = openSync(path, 'wx+', 0o600);
  unlinkSync(path);
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) await writeAll(fd, chunk);
    return fd;
  } catch (cause) {
    closeSync(fd);
    throw new CkptError('failed', `the plan of ${checkpoint} was cut`, undefined, { cause });
  }
}

/** Its standard input: it stays as long as that is open. */
async function startBringer(errand: Errand): Promise<Writable> {
  // Of a session of its own: Ctrl-C is the task's.
  const child = spawn(process.execPath, [program], { detached: true, stdio: ['pipe', 'pipe', 'ignore'] });
  const [stdin, stdout]: [Writable, Readable] = [child.stdin, child.stdout];
  stdin.on('error', () => undefined); // its end says why
  stdin.write(`${JSON.stringify(errand)}\n`);
  const failed = once(child, 'exit').then(([code]: unknown[]) => {
    throw new CkptError('failed', `whoever brings packs ended with exit code ${String(code)}`);
  });
  await Promise.race([once(stdout, 'data'), failed]);
  failed.catch(() => undefined);
  stdout.destroy();
  child.unref();
  return stdin;
}
