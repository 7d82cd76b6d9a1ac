// SPDX-License-Identifier: Apache-2.0
//
// Who may ask the service. A token is `ckpt_ID_SECRET`: the id finds its entry, and of the secret (256 random bits) only a SHA-256 is
// kept, compared in constant time. Slow hashes are for passwords; nobody guesses 256 bits. The file is replaced as a whole, so a
// service that looks at it again sees all of a change or nothing, and a token that was removed is refused from the next request on.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { CkptError } from '../format/errors.js';

/** `read`: look, and read images and so memory. `restore`: make tasks run. `write`: ingest and delete. */
export const scopes = ['read', 'restore', 'write'] as const;
export type Scope = (typeof scopes)[number];

/** What is kept of a token. */
export interface TokenEntry {
  /** 8 characters. */
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** ISO 8601. */
  readonly created_at: string;
  readonly expires_at: string | null;
  /** Requests a second; null: the service's own limit. */
  readonly rate: number | null;
  /** SHA-256 of the secret, hex. */
  readonly hash: string;
}

const FILE_VERSION = 1;
const ID_BYTES = 6;
const SECRET_BYTES = 32;

interface TokenFile {
  readonly version: number;
  readonly tokens: readonly TokenEntry[];
}

export function tokensPath(storeDir: string): string {
  return `${storeDir}/tokens.json`;
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/** Id and secret of a token as it is written; undefined when it is none. */
function parts(token: string): { id: string; secret: string } | undefined {
  const match = /^ckpt_([\w-]{8})_([\w-]{43})$/.exec(token);
  return match ? { id: match[1]!, secret: match[2]! } : undefined;
}

function readTokens(path: string): readonly TokenEntry[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new CkptError('failed', `cannot read the tokens: ${(cause as Error).message}`, undefined, { cause });
  }
  try {
    const { version, tokens } = JSON.parse(text) as TokenFile;
    if (version !== FILE_VERSION) throw new Error(`version ${String(version)}`);
    return tokens;
  } catch (cause) {
    throw new CkptError(
      'damaged',
      `${path} is no list of tokens: ${(cause as Error).message}`,
      'remove it; tokens have to be made anew then',
      { cause },
    );
  }
}

function writeTokens(path: string, tokens: readonly TokenEntry[]): void {
  const partial = `${path}.${String(process.pid)}.partial`;
  const fd = openSync(partial, 'wx', 0o600);
  try {
    writeSync(fd, `${JSON.stringify({ version: FILE_VERSION, tokens } satisfies TokenFile, null, 2)}\n`);
    fsyncSync(fd);
    renameSync(partial, path);
  } catch (cause) {
    unlinkSync(partial);
    throw new CkptError('failed', `cannot write the tokens: ${(cause as Error).message}`, undefined, { cause });
  } finally {
    closeSync(fd);
  }
}

export interface NewToken {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly expiresAt: Date | null;
  readonly rate: number | null;
}

/** The tokens of a store, as `ckpt token` sees them. */
export class TokenStore {
  readonly #path: string;

  constructor(storeDir: string) {
    this.#path = tokensPath(storeDir);
  }

  list(): readonly TokenEntry[] {
    return readTokens(this.#path);
  }

  /** The token itself is nowhere but in what this returns. */
  add(wanted: NewToken): { readonly token: string; readonly entry: TokenEntry } {
    const id = randomBytes(ID_BYTES).toString('base64url');
    const secret = randomBytes(SECRET_BYTES).toString('base64url');
    const entry: TokenEntry = {
      id,
      name: wanted.name,
      scopes: wanted.scopes,
      created_at: new Date().toISOString(),
      expires_at: wanted.expiresAt?.toISOString() ?? null,
      rate: wanted.rate,
      hash: hashOf(secret).toString('hex'),
    };
    writeTokens(this.#path, [...this.list(), entry]);
    return { token: `ckpt_${id}_${secret}`, entry };
  }

  /** By id or name. CkptError `missing`. */
  remove(idOrName: string): readonly TokenEntry[] {
    const all = this.list();
    const gone = all.filter(({ id, name }) => id === idOrName || name === idOrName);
    if (!gone.length) {
      throw new CkptError('missing', `there is no token '${idOrName}'`, 'ckpt token ls shows what there is');
    }
    writeTokens(
      this.#path,
      all.filter((entry) => !gone.includes(entry)),
    );
    return gone;
  }
}

/** Why a token is not good. */
export type Refusal = 'unknown' | 'expired';

/** Checks tokens against the file as it stands, reading it again when it was replaced. */
export class TokenVerifier {
  readonly #path: string;
  #seen = '';
  #tokens: ReadonlyMap<string, TokenEntry> = new Map();
  /** What an unknown id is compared with, so that it takes as long as a known one. */
  readonly #nobody = randomBytes(SECRET_BYTES);

  constructor(storeDir: string) {
    this.#path = tokensPath(storeDir);
  }

  /** How many there are now. */
  get count(): number {
    this.#refresh();
    return this.#tokens.size;
  }

  check(token: string, now = Date.now()): TokenEntry | Refusal {
    this.#refresh();
    const found = parts(token);
    const entry = found ? this.#tokens.get(found.id) : undefined;
    const expected = entry ? Buffer.from(entry.hash, 'hex') : this.#nobody;
    const same = timingSafeEqual(hashOf(found?.secret ?? ''), expected);
    if (!entry || !same) return 'unknown';
    if (entry.expires_at !== null && Date.parse(entry.expires_at) <= now) return 'expired';
    return entry;
  }

  #refresh(): void {
    const stat = statSync(this.#path, { bigint: true, throwIfNoEntry: false });
    const seen = stat ? `${stat.dev} ${stat.ino} ${stat.mtimeNs} ${stat.size}` : 'none';
    if (seen === this.#seen) return;
    this.#tokens = new Map(readTokens(this.#path).map((entry) => [entry.id, entry]));
    this.#seen = seen;
  }
}
