// SPDX-License-Identifier: Apache-2.0
//
// What every command gets: the settings, the store, where to print, and when to stop.
import { once } from 'node:events';
import type { Command } from 'commander';
import { Ckpt, type CheckpointRow, type CkptOptions } from '../ckpt.js';
import { CkptError } from '../format/errors.js';
import { exitCodes, stoppedBy } from './exit-code.js';
import { resolveSettings, type Settings } from './config.js';
import { toJson } from './json.js';
import { Progress } from './progress.js';

/** Options that every command has. */
interface GlobalOptions {
  readonly store?: string;
  readonly log?: string;
  readonly config?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export class Context {
  readonly #stop = new AbortController();
  readonly json: boolean;
  readonly quiet: boolean;
  readonly settings: Settings;

  constructor(options: GlobalOptions) {
    this.json = options.json ?? false;
    this.quiet = options.quiet ?? false;
    const flags = {
      ...(options.store === undefined ? {} : { store: options.store }),
      ...(options.log === undefined ? {} : { log: options.log }),
    };
    this.settings = resolveSettings(flags, options.config);
  }

  /** Aborted by the first SIGINT, SIGTERM or SIGHUP; a second one ends the process at once. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** From here on signals cancel the work in order instead of killing it. */
  stopOnSignals(): void {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(name, () => {
        if (this.#stop.signal.aborted) process.exit(exitCodes.cancelled);
        stoppedBy(name);
        this.#stop.abort(new CkptError('cancelled', 'interrupted'));
      });
    }
  }

  /** Opens the store, hands it to the work and closes it. `create`: for commands that write. */
  async withStore<T>(access: NonNullable<CkptOptions['access']>, work: (ckpt: Ckpt) => Promise<T>): Promise<T> {
    const { store, log, level, threads } = this.settings;
    const ckpt = await Ckpt.open({
      store,
      log,
      access,
      ...(level === undefined ? {} : { level }),
      ...(threads === undefined ? {} : { threads }),
    });
    try {
      return await work(ckpt);
    } finally {
      await ckpt.close();
    }
  }

  /** Data, for standard output. */
  print(text: string): void {
    process.stdout.write(text.endsWith('\n') || text === '' ? text : `${text}\n`);
  }

  /** Data of any length; resolves when there is room for more. */
  async write(text: string | Buffer): Promise<void> {
    if (text.length === 0 || process.stdout.write(text)) return;
    await once(process.stdout, 'drain');
  }

  printJson(value: unknown): void {
    this.print(toJson(value));
  }

  /** Words, for standard error; --quiet silences them. */
  say(text: string): void {
    if (!this.quiet) process.stderr.write(`${text}\n`);
  }

  /** A warning; not silenced: it says what did not come out as asked. */
  warn(text: string): void {
    process.stderr.write(`ckpt: warning: ${text}\n`);
  }

  progress(label: string, totalBytes?: number): Progress {
    return new Progress(label, totalBytes, this.quiet || this.json);
  }
}

/** The context of a command about to run; `command` is the one that commander hands to its action. */
export function contextOf(command: Command): Context {
  return new Context(command.optsWithGlobals<GlobalOptions>());
}

/** How words refer to a checkpoint. */
export function describe(row: CheckpointRow): string {
  return row.name === null ? row.id : `${row.id} (${row.name})`;
}
