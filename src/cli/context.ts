// SPDX-License-Identifier: Apache-2.0
//
// What every command gets: the settings, the store, where to print, and when to stop.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { Ckpt, type CheckpointRow, type CkptOptions } from '../ckpt.js';
import { CkptError } from '../format/errors.js';
import type { RemoteOptions } from '../remote/client.js';
import { notHere, openRemote } from '../remote/remote-ckpt.js';
import { exitCodes, stoppedBy } from './exit-code.js';
import { resolveSettings, type Settings } from './config.js';
import { toJson } from '../json.js';
import { Progress } from './progress.js';
import { visible, visibleLines } from './text.js';

/** Options that every command has. */
interface GlobalOptions {
  readonly store?: string;
  readonly log?: string;
  readonly remote?: string;
  readonly tokenFile?: string;
  readonly config?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export class Context {
  readonly #stop = new AbortController();
  readonly json: boolean;
  readonly quiet: boolean;
  readonly settings: Settings;

  constructor(
    options: GlobalOptions,
    /** The command, for words. */
    private readonly doing: string,
    /** A store named on the command line is meant, whatever the environment says of a service. */
    private readonly local: boolean,
  ) {
    this.json = options.json ?? false;
    this.quiet = options.quiet ?? false;
    const flags = {
      ...(options.store === undefined ? {} : { store: options.store }),
      ...(options.log === undefined ? {} : { log: options.log }),
      ...(options.remote === undefined ? {} : { remote: options.remote }),
      ...(options.tokenFile === undefined ? {} : { tokenFile: options.tokenFile }),
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

  /** The service to work with in place of a store here, if there is one. CkptError. */
  #remote(): RemoteOptions | undefined {
    const { remote: url, tokenFile, remoteCa, keys } = this.settings;
    if (url === undefined || this.local) return undefined;
    const token = process.env['CKPT_REMOTE_TOKEN'] ?? (tokenFile === undefined ? undefined : readToken(tokenFile));
    return {
      url,
      keys,
      ...(token === undefined ? {} : { token }),
      ...(remoteCa === undefined ? {} : { caFile: remoteCa }),
    };
  }

  /** For commands that work on what is here, whatever they were told. CkptError `unsupported`. */
  refuseRemote(): void {
    if (this.#remote()) throw notHere(this.doing);
  }

  /** Opens the store, hands it to the work and closes it. `create`: for commands that write. */
  async withStore<T>(access: NonNullable<CkptOptions['access']>, work: (ckpt: Ckpt) => Promise<T>): Promise<T> {
    const { store, log, level, pageHash, threads, keys } = this.settings;
    const remote = this.#remote();
    // What a store behind a service cannot do, it refuses itself.
    if (remote) return work(openRemote(remote, this.doing) as Ckpt);
    const ckpt = await Ckpt.open({
      store,
      log,
      access,
      keys,
      ...(level === undefined ? {} : { level }),
      ...(pageHash === undefined ? {} : { pageHash }),
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
    if (!this.quiet) process.stderr.write(`${visibleLines(text)}\n`);
  }

  /** A warning; not silenced: it says what did not come out as asked. */
  warn(text: string): void {
    process.stderr.write(`ckpt: warning: ${visibleLines(text)}\n`);
  }

  progress(label: string, totalBytes?: number): Progress {
    return new Progress(label, totalBytes, this.quiet || this.json);
  }
}

/** A token out of a file. CkptError. */
function readToken(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (cause) {
    throw new CkptError('failed', `cannot read the token in ${path}: ${(cause as Error).message}`, undefined, {
      cause,
    });
  }
}

/** The context of a command about to run; `command` is the one that commander hands to its action. */
export function contextOf(command: Command): Context {
  const names: string[] = [];
  for (let at = command; at.parent; at = at.parent) names.unshift(at.name());
  const source = (name: string): string | undefined => command.getOptionValueSourceWithGlobals(name);
  const local = source('store') === 'cli' && source('remote') !== 'cli';
  // Commander fills options in from the environment too; what that means is for the settings to say.
  const typed = Object.entries(command.optsWithGlobals<GlobalOptions>()).filter(([name]) => source(name) !== 'env');
  return new Context(Object.fromEntries(typed), names.join(' '), local);
}

/** How words refer to a checkpoint. */
export function describe(row: CheckpointRow): string {
  return row.name === null ? row.id : `${row.id} (${visible(row.name)})`;
}
