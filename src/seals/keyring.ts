// SPDX-License-Identifier: Apache-2.0
//
// The keys that this user makes seals with and believes. One file, outside of every store: whoever can write a store, or the log of one,
// does not decide whom a restart believes. It is 0600 and replaced as a whole; one that others may read or write is refused.
//
// A key is `signing` (at most one: it makes seals), `trusted` (its seals are good) or `revoked` (they are not, whenever they were made:
// nobody but the revoked key says when that was). Secrets stay in this file; those that are not needed any more are taken out of it.
import {
  closeSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { loadCodec } from '../codec/native.js';
import { CkptError } from '../format/errors.js';
import { isAlgorithm, isKey, keyIdOf, type KeyMaterial } from './seal.js';

export const keyStates = ['signing', 'trusted', 'revoked'] as const;
export type KeyState = (typeof keyStates)[number];

export interface KeyEntry extends KeyMaterial {
  /** 32 hex digits. */
  readonly id: string;
  /** For people; not unique. */
  readonly name: string;
  /** ISO 8601. */
  readonly created_at: string;
  readonly state: KeyState;
}

const FILE_VERSION = 1;
const ID_PREFIX_MIN = 4;

export class Keyring {
  #seen = '';
  #keys: readonly KeyEntry[] = [];

  constructor(readonly path: string) {}

  /** As the file stands now. CkptError when it cannot be trusted. */
  list(): readonly KeyEntry[] {
    let fd: number;
    try {
      fd = openSync(this.path, 'r');
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw unreadable(this.path, cause);
      this.#seen = '';
      return (this.#keys = []);
    }
    try {
      const stat = fstatSync(fd, { bigint: true });
      const mine = Number(stat.uid) === process.geteuid!() || stat.uid === 0n;
      if (!mine || (stat.mode & 0o077n) !== 0n) {
        const problem = mine ? 'others may read or write it' : 'it belongs to somebody else';
        throw new CkptError('failed', `the keys in ${this.path} are not used: ${problem}`, 'chmod 600, chown');
      }
      const seen = `${stat.dev} ${stat.ino} ${stat.mtimeNs} ${stat.size}`;
      if (seen !== this.#seen) this.#keys = parse(readFileSync(fd, 'utf8'), this.path);
      this.#seen = seen;
      return this.#keys;
    } finally {
      closeSync(fd);
    }
  }

  get signing(): KeyEntry | undefined {
    return this.list().find(({ state }) => state === 'signing');
  }

  /** By id, the beginning of one, or name. CkptError `missing`, `usage`. */
  find(wanted: string): KeyEntry {
    const all = this.list();
    const found = all.filter(
      ({ id, name }) => id === wanted || name === wanted || (wanted.length >= ID_PREFIX_MIN && id.startsWith(wanted)),
    );
    if (found.length === 1) return found[0]!;
    if (!found.length) throw new CkptError('missing', `there is no key '${wanted}'`, 'ckpt key ls shows what there is');
    const ids = found.map(({ id }) => id).join(' ');
    throw new CkptError('usage', `'${wanted}' may be several keys: ${ids}`, 'give the id');
  }

  /** Takes a key in. With `signing` it makes seals from now on, and the one that did is only trusted. CkptError `usage`: it is there. */
  add(
    material: KeyMaterial,
    name: string,
    state: 'signing' | 'trusted',
    created_at = new Date().toISOString(),
  ): KeyEntry {
    const entry: KeyEntry = { id: keyIdOf(material), name, created_at, state, ...material };
    this.#change((keys) => {
      const known = keys.find(({ id }) => id === entry.id);
      if (known) {
        throw new CkptError('usage', `key ${entry.id} is there already: ${known.state}`, 'ckpt key rm takes it out');
      }
      const others = state === 'signing' ? keys.map(retired) : keys;
      return [...others, entry];
    });
    return entry;
  }

  /** Its seals are not believed any more. */
  revoke(wanted: string): KeyEntry {
    const { id } = this.find(wanted);
    return this.#replace(id, (entry) => ({ ...entry, state: 'revoked', secret: null }));
  }

  /** As if it had never been there: its seals are those of an unknown key. */
  remove(wanted: string): KeyEntry {
    const entry = this.find(wanted);
    this.#change((keys) => keys.filter(({ id }) => id !== entry.id));
    return entry;
  }

  #replace(id: string, change: (entry: KeyEntry) => KeyEntry): KeyEntry {
    this.#change((keys) => keys.map((entry) => (entry.id === id ? change(entry) : entry)));
    return this.find(id);
  }

  #change(change: (keys: readonly KeyEntry[]) => readonly KeyEntry[]): void {
    const { path } = this;
    let lock: number;
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      lock = openSync(`${path}.lock`, 'a', 0o600);
    } catch (cause) {
      throw new CkptError('failed', `cannot write the keys: ${(cause as Error).message}`, undefined, { cause });
    }
    try {
      if (!loadCodec().lockFile(lock)) throw new CkptError('failed', `somebody else is changing ${path}`, 'try again');
      writeWhole(path, `${JSON.stringify({ version: FILE_VERSION, keys: change(this.list()) }, null, 2)}\n`);
    } finally {
      closeSync(lock);
    }
  }
}

/** What becomes of a signing key when another takes over. HMAC verifies with its secret. */
function retired(entry: KeyEntry): KeyEntry {
  if (entry.state !== 'signing') return entry;
  return { ...entry, state: 'trusted', secret: entry.algorithm === 'hmac-sha-256' ? entry.secret : null };
}

function writeWhole(path: string, text: string): void {
  const partial = `${path}.${String(process.pid)}.partial`;
  try {
    const fd = openSync(partial, 'wx', 0o600);
    try {
      writeSync(fd, text);
      fsyncSync(fd);
      renameSync(partial, path);
    } catch (cause) {
      unlinkSync(partial);
      throw cause;
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    throw new CkptError('failed', `cannot write the keys: ${(cause as Error).message}`, undefined, { cause });
  }
}

/** Words of the parser would quote the file, and with it secrets: they are not repeated. */
function parse(text: string, path: string): readonly KeyEntry[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new CkptError('damaged', `${path} is no list of keys: not JSON`);
  }
  const { version, keys } = (parsed ?? {}) as { version?: unknown; keys?: unknown };
  if (version !== FILE_VERSION || !Array.isArray(keys) || !keys.every(isEntry)) {
    throw new CkptError('damaged', `${path} is no list of keys of this release`);
  }
  return keys;
}

function isEntry(value: unknown): value is KeyEntry {
  if (typeof value !== 'object' || value === null) return false;
  const entry = value as KeyEntry;
  if (typeof entry.name !== 'string' || typeof entry.created_at !== 'string' || !isAlgorithm(entry.algorithm))
    return false;
  if (!keyStates.includes(entry.state)) return false;
  // A revoked key of HMAC has no number left; its id is all there is.
  if (entry.state === 'revoked') return /^[0-9a-f]{32}$/.test(entry.id);
  return isKey(entry) && keyIdOf(entry) === entry.id && (entry.state !== 'signing' || entry.secret !== null);
}

function unreadable(path: string, cause: unknown): CkptError {
  return new CkptError('failed', `cannot read the keys in ${path}: ${(cause as Error).message}`, undefined, { cause });
}
