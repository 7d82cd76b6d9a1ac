// SPDX-License-Identifier: Apache-2.0
//
// Settings: a config file, then the environment, then flags; the later wins.
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { CkptError } from '../format/errors.js';
import { pageHashes, type PageHash } from '../format/events.js';
import { prunePeriods, type PrunePolicy } from '../prune.js';

export interface Settings {
  /** Directory of the store. */
  readonly store: string;
  /** `embedded`, or the URL of another log. */
  readonly log: string;
  /** zstd level of new packs; undefined: the codec's own choice. */
  readonly level: number | undefined;
  /** What a log that is made knows its pages by; undefined: blake3. */
  readonly pageHash: PageHash | undefined;
  /** Threads that hash and compress; undefined: as many as there are processors, at most 4. */
  readonly threads: number | undefined;
  /** What ckpt prune keeps; from the config file only. */
  readonly retention: PrunePolicy;
  /** Address of a service to work with in place of a store here. */
  readonly remote: string | undefined;
  /** File with its token. The token itself is never an argument: arguments are for everybody to see. */
  readonly tokenFile: string | undefined;
  /** File of the keys that seal images. */
  readonly keys: string;
  /** Certificates (PEM) to trust in place of the system's. */
  readonly remoteCa: string | undefined;
}

/** One setting: where each source has it, and what a value must be. */
interface Setting {
  readonly env: string;
  readonly parse: (text: string, where: string) => string | number;
}

export function integer(min: number, max: number): (text: string, where: string) => number {
  return (text, where) => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isInteger(value) && value >= min && value <= max) return value;
    throw new CkptError('usage', `${where}: '${text}' is not a whole number from ${String(min)} to ${String(max)}`);
  };
}

function oneOf(words: readonly string[]): Setting['parse'] {
  return (text, where) => {
    if (words.includes(text)) return text;
    throw new CkptError('usage', `${where}: '${text}' is not ${words.join(' or ')}`);
  };
}

const anyText: Setting['parse'] = (text, where) => {
  if (text === '') throw new CkptError('usage', `${where}: must not be empty`);
  return text;
};

/** Kinds of retention; `keep-KIND` in the config file, `--keep-KIND` of ckpt prune. */
export const retentionNames = ['last', ...prunePeriods] as const;

type Name = Exclude<keyof Settings, 'retention'>;

export const settings: Readonly<Record<Name, Setting>> = {
  store: { env: 'CKPT_STORE', parse: anyText },
  log: { env: 'CKPT_LOG', parse: anyText },
  level: { env: 'CKPT_LEVEL', parse: integer(-50, 19) },
  pageHash: { env: 'CKPT_PAGE_HASH', parse: oneOf(pageHashes) },
  threads: { env: 'CKPT_THREADS', parse: integer(1, 64) },
  remote: { env: 'CKPT_REMOTE', parse: anyText },
  tokenFile: { env: 'CKPT_REMOTE_TOKEN_FILE', parse: anyText },
  remoteCa: { env: 'CKPT_REMOTE_CA', parse: anyText },
  keys: { env: 'CKPT_KEYS', parse: anyText },
};

type Partly = Partial<Record<Name, string | number>>;

/** A base directory of the XDG specification, by which an empty or a relative one counts as not set. */
function baseDirectory(variable: string | undefined, ...inHome: string[]): string {
  return variable !== undefined && isAbsolute(variable) ? variable : join(homedir(), ...inHome);
}

/** $XDG_CONFIG_HOME/ckpt/config.json. */
export function defaultConfigPath(env: NodeJS.ProcessEnv): string {
  return join(baseDirectory(env['XDG_CONFIG_HOME'], '.config'), 'ckpt', 'config.json');
}

/** $XDG_CONFIG_HOME/ckpt/keys.json. */
export function defaultKeys(env: NodeJS.ProcessEnv): string {
  return join(dirname(defaultConfigPath(env)), 'keys.json');
}

/** $XDG_DATA_HOME/ckpt. */
export function defaultStore(env: NodeJS.ProcessEnv): string {
  return join(baseDirectory(env['XDG_DATA_HOME'], '.local', 'share'), 'ckpt');
}

function fromFile(path: string): { values: Partly; retention: PrunePolicy } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new CkptError('usage', `config file ${path}: ${(cause as Error).message}`, undefined, { cause });
  }
  if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed)) {
    throw new CkptError('usage', `config file ${path}: not an object`);
  }
  const values: Partly = {};
  const retention: Partial<Record<(typeof retentionNames)[number], number>> = {};
  for (const [name, value] of Object.entries(parsed)) {
    const kind = retentionNames.find((one) => name === `keep-${one}`);
    if (kind) {
      retention[kind] = integer(0, 1e9)(String(value), `config file ${path}, ${name}`);
      continue;
    }
    if (!isSetting(name)) {
      throw new CkptError(
        'usage',
        `config file ${path}: unknown setting '${name}'`,
        `settings: ${[...Object.keys(settings), ...retentionNames.map((one) => `keep-${one}`)].join(', ')}`,
      );
    }
    values[name] = settings[name].parse(String(value), `config file ${path}, ${name}`);
  }
  return { values, retention };
}

function isSetting(name: string): name is Name {
  return Object.hasOwn(settings, name);
}

/**
 * Settings from all sources. `flags` has the texts of the command line; `configPath` is --config or CKPT_CONFIG, which must exist,
 * else the default one, which need not. An empty variable counts as not set. CkptError `usage` names the source of a bad value.
 */
export function resolveSettings(
  flags: Partial<Record<Name, string>>,
  configPath: string | undefined,
  env = process.env,
): Settings {
  const explicit = configPath ?? (env['CKPT_CONFIG'] || undefined);
  const path = explicit ?? defaultConfigPath(env);
  const file = explicit !== undefined || existsSync(path) ? fromFile(path) : { values: {}, retention: {} };
  const merged: Partly = file.values;
  for (const name of Object.keys(settings) as Name[]) {
    const { env: variable, parse } = settings[name];
    const fromEnv = env[variable];
    if (fromEnv !== undefined && fromEnv !== '') merged[name] = parse(fromEnv, variable);
    const flag = flags[name];
    if (flag !== undefined) merged[name] = parse(flag, `--${name}`);
  }
  return {
    store: String(merged.store ?? defaultStore(env)),
    log: String(merged.log ?? 'embedded'),
    level: merged.level === undefined ? undefined : Number(merged.level),
    pageHash: pageHashes.find((name) => name === merged.pageHash),
    threads: merged.threads === undefined ? undefined : Number(merged.threads),
    retention: file.retention,
    remote: textOf(merged.remote),
    tokenFile: textOf(merged.tokenFile),
    remoteCa: textOf(merged.remoteCa),
    keys: String(merged.keys ?? defaultKeys(env)),
  };
}

function textOf(value: string | number | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}
